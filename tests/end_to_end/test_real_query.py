"""A query over real files, at the desk: runways joined with regions and countries, by country, equal what plain Python gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from ourairports_oracle import EXAMPLE, expect_by_country, plain

import penstock

HERE = Path(__file__).parent
CONTRACT = HERE / "queries" / "runways-by-country.yaml"
RUNWAYS = EXAMPLE / "data" / "runways-2026-01-03.csv.gz"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the references where the bucket has them."""
    (tmp_path / "penstock.yaml").write_text("penstock: 1\nname: harbour\n")
    (tmp_path / "contracts").mkdir()
    shutil.copy(CONTRACT, tmp_path / "contracts")
    (tmp_path / "reference").mkdir()
    for name in ("countries.csv.gz", "regions.csv.gz"):
        shutil.copy(HERE / "data" / name, tmp_path / "reference")
    return tmp_path


def test_runways_by_country_are_what_the_oracle_says(project: Path) -> None:
    [report] = penstock.run(project / "contracts" / CONTRACT.name, [RUNWAYS], output=project / "out")
    references = ((HERE / "data" / name).read_bytes() for name in ("countries.csv.gz", "regions.csv.gz"))
    loaded, items = expect_by_country(RUNWAYS.read_bytes(), *references)
    assert (report.status, report.counts.loaded) == ("done", loaded)
    assert report.counts.conserved
    assert report.result == penstock.Counts(read=len(items), loaded=len(items))
    written = (project / "out" / RUNWAYS.name / "items.jsonl").read_text().splitlines()
    found = [plain(json.loads(line)["Item"]) for line in written]
    assert {item["country"]: item for item in found} == items
    assert len(items) > 100, "the join has found little"
