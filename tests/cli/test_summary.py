"""What became of a run, in words."""

from dataclasses import replace

import pytest

from penstock.aws.runs import Run
from penstock.cli.summary import say_run

RUN = Run(
    id="run-1",
    feed="orders",
    bucket="landing",
    key="incoming/orders/a.csv",
    version="v1",
    started_at="2026-11-23T05:30:00.000Z",
    status="done",
    counts={"read": 12, "loaded": 10, "rejected": 2},
)


def test_a_run_without_a_query_has_one_sum_and_no_engine(capsys: pytest.CaptureFixture[str]) -> None:
    say_run(RUN)
    said = capsys.readouterr().out
    assert "12 records read: 10 loaded, 2 rejected" in said
    assert "result" not in said
    assert "engine" not in said


def test_of_a_query_both_sums_are_told_and_what_computed_it_from_what(
    capsys: pytest.CaptureFixture[str],
) -> None:
    references = {"countries": {"key": "reference/countries.csv", "version": "v9"}}
    result = {"read": 7, "loaded": 6, "rejected": 1}
    say_run(replace(RUN, result=result, engine="lambda", engine_reason="it fits", references=references))
    said = capsys.readouterr().out
    assert "12 records read: 10 loaded, 2 rejected" in said
    assert "7 rows of the result: 6 loaded, 1 rejected" in said
    assert "engine: lambda: it fits" in said
    assert "reference countries: reference/countries.csv, version v9" in said
