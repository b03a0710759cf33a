"""A query over real files, at the desk: runways joined with regions and countries, by country, equal what plain Python gives."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ourairports_oracle import EXAMPLE, Value, expect_runways, plain

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


def read(name: str) -> list[dict[str, str]]:
    text = gzip.decompress((HERE / "data" / name).read_bytes()).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def expect() -> tuple[int, dict[Any, dict[str, Value]]]:
    """The records that reach the query, and its items by country: computed with nothing of Penstock."""
    countries = {row["code"]: row for row in read("countries.csv.gz")}
    regions = Counter(row["iso_country"] for row in read("regions.csv.gz"))
    kept = [
        row
        for row in expect_runways(RUNWAYS.read_bytes()).items.values()
        if str(row["airport_ident"])[2:3] == "-"
    ]
    items: dict[Any, dict[str, Value]] = {}
    for code in sorted({str(row["airport_ident"])[:2] for row in kept} & set(countries)):
        mine = [row for row in kept if str(row["airport_ident"]).startswith(code)]
        lengths = [row["length_ft"] for row in mine if isinstance(row.get("length_ft"), Decimal)]
        found: dict[str, Value | None] = {
            "country": code,
            "name": countries[code]["name"],
            "continent": countries[code]["continent"],
            "regions": Decimal(regions[code]) if code in regions else None,
            "runways": Decimal(len(mine)),
            "length_ft": sum(lengths, Decimal()) if lengths else None,
            "longest_ft": max(lengths, default=None),
            "first_field": min(str(row["airport_ident"]) for row in mine),
        }
        items[code] = {name: value for name, value in found.items() if value is not None}
    return len(kept), items


def test_runways_by_country_are_what_the_oracle_says(project: Path) -> None:
    [report] = penstock.run(project / "contracts" / CONTRACT.name, [RUNWAYS], output=project / "out")
    loaded, items = expect()
    assert (report.status, report.counts.loaded) == ("done", loaded)
    assert report.counts.conserved
    assert report.result == penstock.Counts(read=len(items), loaded=len(items))
    written = (project / "out" / RUNWAYS.name / "items.jsonl").read_text().splitlines()
    found = [plain(json.loads(line)["Item"]) for line in written]
    assert {item["country"]: item for item in found} == items
    assert len(items) > 100, "the join has found little"
