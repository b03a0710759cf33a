"""A query over real files gives the same from both engines: runways joined with regions and countries, by country."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import penstock
from penstock.api import run_spark
from penstock.load.files import DELETES, ITEMS, REJECTS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

HERE = Path(__file__).parent.parent / "end_to_end"
RUNWAYS = Path(penstock.__file__).parent / "examples/ourairports/data/runways-2026-01-03.csv.gz"


def test_runways_by_country_are_the_same_from_both_engines(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_spark, "open_session", lambda _cores, **_brief: nullcontext(session))
    contract = shutil.copy(HERE / "queries/runways-by-country.yaml", tmp_path)
    references = {name: HERE / "data" / f"{name}.csv.gz" for name in ("countries", "regions")}
    [one] = penstock.run(contract, [RUNWAYS], output=tmp_path / "one", references=references)
    [many] = penstock.run(
        contract, [RUNWAYS], output=tmp_path / "many", references=references, engine="spark", cores=2
    )
    assert (many.status, many.counts, many.result, many.items, many.errors) == (
        one.status,
        one.counts,
        one.result,
        one.items,
        one.errors,
    )
    assert many.result is not None
    assert many.result.loaded > 100
    for name in (ITEMS, DELETES, REJECTS):
        files = [tmp_path / engine / RUNWAYS.name / name for engine in ("one", "many")]
        assert files[0].read_bytes() == files[1].read_bytes(), name
