"""Metrics in a line of the log, in CloudWatch's Embedded Metric Format.

CloudWatch Logs takes a line with a member ``_aws`` for a document of the format: the members that it names become values of
metrics (CloudWatch guide, "Specification: Embedded metric format"). So what happened, what it is about and its numbers
are one line, and nothing but the log has to be reached.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from penstock.metrics import NAMESPACE, Metric

Values = Mapping[Metric, float]
"""What was measured: a value of each metric."""


def describe_metrics(values: Values, dimensions: Mapping[str, str], moment: float) -> dict[str, object]:
    """Give the members that make a line a document of the format; none where there is nothing to publish.

    ``dimensions`` are names and values, ``moment`` is in seconds of the epoch. A count of nothing is left out: CloudWatch
    charges for it, and a sum of no values says the same. So is what is no finite number, for CloudWatch takes none.
    """
    told = {
        metric: round(value, 3)
        for metric, value in values.items()
        if math.isfinite(value) and (value or metric.unit != "Count")
    }
    if not told:
        return {}
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in told],
    }
    about = {"Timestamp": round(moment * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": about, **dimensions, **{metric.name: value for metric, value in told.items()}}
