"""The handbook tells of every metric, in the words that the functions have for it, and what all of them cost."""

import re
from pathlib import Path

from penstock.metrics import METRICS, SWEEPS

TEXT = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
SECTION = TEXT.partition("\n## Metrics\n")[2].partition("\n## ")[0]
MONTHLY = 0.30
"""Dollars for a metric that has data in every hour."""


def cost_of(what: str) -> float:
    found = re.search(rf"^\| {what} \|.*\$([0-9.]+) \|$", SECTION, re.MULTILINE)
    assert found is not None, what
    return float(found.group(1))


def test_the_table_of_metrics_is_the_one_that_is_published() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", SECTION, re.MULTILINE)
    assert rows == [(metric.name, metric.unit, metric.meaning) for metric in METRICS]


def test_what_metrics_cost_is_what_their_number_comes_to() -> None:
    assert cost_of("nothing") == MONTHLY
    assert cost_of("a clean file a day") == round(MONTHLY + 9 * MONTHLY / 24, 2)
    assert cost_of("clean files all the time") == round(10 * MONTHLY, 2)
    assert cost_of("everything that there is, in every hour") == round(len(METRICS) * MONTHLY, 2)


def test_a_metric_has_a_name_of_its_own_and_all_fit_into_one_document() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS) <= 100
    assert SWEEPS in METRICS
