"""What the page on scaling says of volumes is what its arithmetic comes to."""

import re
from pathlib import Path

import pytest

from bench import prices
from bench.volumes import RATE, Volume, largest_query

TEXT = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()
HOURS = [Volume(100_000, rows, 3600, RATE) for rows in (100, 1000, 10_000)]


def cells(name: str) -> list[str]:
    (row,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", TEXT, re.MULTILINE)
    return [cell.strip("*") for cell in row.split(" | ")]


@pytest.mark.parametrize(
    ("row", "part"),
    [("Lambda", "Lambda"), ("ledger", "ledger"), ("S3 requests", "S3"), ("SQS", "SQS"), ("logs", "logs")],
)
def test_an_hour_costs_what_its_parts_do(row: str, part: str) -> None:
    assert cells(row) == [f"{hour.dollars()[part]:.2f}" for hour in HOURS]


def test_an_hour_costs_the_sum_of_them_and_the_writes() -> None:
    assert cells("**all**") == [f"{sum(hour.dollars().values()):.2f}" for hour in HOURS]


def test_an_hour_has_these_rates() -> None:
    assert cells("write units a second, table") == [f"{hour.units_a_second:,.0f}" for hour in HOURS]
    assert cells("functions at work at once") == [f"{hour.at_once:,.0f}" for hour in HOURS]


@pytest.mark.parametrize(
    ("row", "second", "workers"),
    [
        ("one function", prices.lambda_second(), 1),
        ("ten functions", prices.lambda_second(), 10),
        ("a job with five workers", prices.glue_second(5), 1),
    ],
)
def test_waiting_costs_what_the_page_says(row: str, second: float, workers: int) -> None:
    waited = [prices.paced_dollars(1e6, units, second, workers) for units in (4000, 40_000)]
    assert cells(row) == [f"${each:.4f}" for each in waited]


def test_a_query_is_the_functions_up_to_these_sizes() -> None:
    assert f"{largest_query(1769, 2048, 300):,.0f} MB of CSV" in TEXT
    assert f"{largest_query() / 1000:.1f} GB with 3,538 MB of memory" in TEXT
