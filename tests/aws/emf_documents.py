"""Documents of the Embedded Metric Format: what the format asks of one, and what CloudWatch would read from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema

from penstock.metrics import METRICS, NAMESPACE

SCHEMA = json.loads(Path(__file__).with_name("emf.schema.json").read_text())
_KNOWN = {metric.name: metric.unit for metric in METRICS}


def check_document(line: dict[str, Any]) -> None:
    """Hold a line to AWS's schema, and to what the specification says in words of values and limits."""
    jsonschema.validate(line, SCHEMA)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert len(directive["Metrics"]) <= 100
    assert len(json.dumps(line)) < 1 << 20
    for metric in directive["Metrics"]:
        assert metric["Unit"] == _KNOWN[metric["Name"]]
        assert isinstance(line[metric["Name"]], int | float), metric
    for names in directive["Dimensions"]:
        assert all(isinstance(line[name], str) and line[name] for name in names)


def metrics_of(line: dict[str, Any]) -> dict[str, float]:
    """Give the values that CloudWatch would read from a line, by name; none from one that is no document."""
    if "_aws" not in line:
        return {}
    check_document(line)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    return {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}


def add_metrics(lines: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Give the sum of each metric over lines of a log."""
    found: dict[str, float] = {}
    for line in lines:
        for name, value in metrics_of(line).items():
            found[name] = found.get(name, 0) + value
    return found
