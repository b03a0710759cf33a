"""Metrics in the log: whole documents of the format, at every level, and of each run once."""

import io
import json
import math
from datetime import datetime
from typing import Any

import jsonschema
import pytest
from emf_documents import SCHEMA, check_document, metrics_of

from penstock import metrics
from penstock.aws.loader import Budget
from penstock.aws.log import LEVELS, Level, Log
from penstock.aws.measure import measure_replay, measure_run
from penstock.aws.runs import Run
from penstock.metrics import METRICS, Metric, dimensions_of

ABOUT = dimensions_of("shop", "orders")


def write(values: dict[Metric, float], level: Level = "INFO", at: Level = "INFO") -> dict[str, Any]:
    stream = io.StringIO()
    log = Log(stream, lambda: 1_764_000_000.1234, at, {"run": "r1"}, ABOUT)
    log.measure("run done", values, level, outcome="done")
    line: dict[str, Any] = json.loads(stream.getvalue())
    return line


def make_run(**more: Any) -> Run:
    counts = {
        "read": 10,
        "loaded": 5,
        "rejected": 2,
        "filtered": 1,
        "superseded": 0,
        "withheld": 0,
        "blank": 2,
    }
    about = {
        "started_at": "2026-11-23T06:00:10.000Z",
        "ended_at": "2026-11-23T06:00:12.500Z",
        "arrived_at": "2026-11-23T06:00:08Z",
        "status": "done",
        "counts": counts,
        "bytes": 300,
        "write_units": 5,
        "throttled": 1,
    }
    return Run("r1", "orders", "landing", "a.csv", "v1", **{**about, **more})


def make_budget(left: float = 240.0) -> Budget:
    """Give the budget of an invocation that has so many seconds left when the run ends."""
    end = datetime.fromisoformat(str(make_run().ended_at)).timestamp() + left
    return Budget(seconds=300.0, end=end, stop=end - 10, clock=lambda: end)


def test_a_line_with_every_metric_is_a_document_of_the_format() -> None:
    line = write(dict.fromkeys(METRICS, 1.5))
    check_document(line)
    assert set(metrics_of(line)) == {metric.name for metric in METRICS}
    assert (line["event"], line["run"], line["Project"], line["Feed"]) == ("run done", "r1", "shop", "orders")
    assert line["_aws"]["Timestamp"] == 1_764_000_000_123
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Project", "Feed"]]


@pytest.mark.parametrize("change", ["Timestamp", "Unit", "Dimensions"])
def test_the_schema_refuses_what_is_no_document(change: str) -> None:
    line = write({metrics.BYTES: 1})
    directive = line["_aws"]["CloudWatchMetrics"][0]
    if change == "Timestamp":
        line["_aws"]["Timestamp"] = "now"
    elif change == "Unit":
        directive["Metrics"][0]["Unit"] = "Furlongs"
    else:
        directive["Dimensions"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(line, SCHEMA)


@pytest.mark.parametrize("at", LEVELS)
def test_metrics_are_written_whatever_level_is_set(at: Level) -> None:
    assert metrics_of(write({metrics.FILES_LOADED: 1}, "INFO", at)) == {"FilesLoaded": 1}


def test_a_count_of_nothing_and_what_is_no_number_are_left_out() -> None:
    line = write(
        {
            metrics.FILES_FAILED: 0,
            metrics.REJECT_SHARE: 0,
            metrics.FRESHNESS: math.inf,
            metrics.WRITE_UNITS: math.nan,
        }
    )
    assert metrics_of(line) == {"RejectShare": 0}
    assert "_aws" not in write({metrics.FILES_FAILED: 0})


def test_a_run_that_is_done_tells_of_its_records_its_time_and_its_writes() -> None:
    assert metrics_of(write(measure_run(make_run(), make_budget()))) == {
        "FilesLoaded": 1,
        "RecordsLoaded": 5,
        "RecordsRejected": 2,
        "RecordsFiltered": 1,
        "RecordsBlank": 2,
        "RejectShare": 25,
        "Bytes": 300,
        "RunDuration": 2.5,
        "Freshness": 4.5,
        "TimeUsed": 20,
        "WriteUnits": 5,
        "Throttles": 1,
    }


def test_a_refused_file_is_not_fresh() -> None:
    found = metrics_of(write(measure_run(make_run(status="rejected"), make_budget())))
    assert (found["FilesRejected"], found["RejectShare"]) == (1, 25)
    assert not {"Freshness", "FilesLoaded"} & found.keys()


def test_a_file_that_was_refused_unread_has_no_share_of_rejects() -> None:
    found = measure_run(make_run(status="rejected", counts={"read": 0, "blank": 0}), make_budget())
    assert metrics.REJECT_SHARE not in found


def test_a_run_that_failed_leaves_its_records_to_the_one_that_follows() -> None:
    found = metrics_of(write(measure_run(make_run(status="failed"), make_budget(left=12))))
    assert found == {"FilesFailed": 1, "RunDuration": 2.5, "TimeUsed": 96, "WriteUnits": 5, "Throttles": 1}


def test_a_run_of_many_invocations_leaves_time_and_writes_to_each_of_them() -> None:
    found = metrics_of(write(measure_run(make_run(saved="r1"), make_budget())))
    assert not {"TimeUsed", "WriteUnits", "Throttles"} & found.keys()
    assert found["RecordsLoaded"] == 5


def test_a_replay_counts_what_is_no_reject_any_more_and_no_file() -> None:
    counts = {"read": 3, "loaded": 2, "rejected": 1, "filtered": 0}
    found = metrics_of(write(measure_replay(make_run(counts=counts, throttled=0))))
    assert found == {"RecordsLoaded": 2}, "its writes were told when they were made"


def test_a_replay_that_failed_counts_no_records() -> None:
    assert metrics_of(write(measure_replay(make_run(status="failed")))) == {}
    lost = make_run(status="failed", code="not-conserved")
    assert metrics_of(write(measure_replay(lost))) == {"NotConserved": 1}
