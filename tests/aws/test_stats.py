"""The rate over time stays short however long a run is, and loses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.aws.table.stats import Timeline


@given(
    st.lists(st.tuples(st.floats(0, 900), st.integers(0, 25)), min_size=1, max_size=300), st.floats(0, 1e9)
)
def test_a_timeline_is_bounded_and_adds_up(steps: list[tuple[float, int]], now: float) -> None:
    timeline = Timeline()
    total = 0.0
    for wait, amount in steps:
        now += wait
        timeline.add(now, amount)
        total += amount
    rates = timeline.rates()
    assert 1 <= len(rates) <= 120
    width = rates[1][0] if len(rates) > 1 else 1
    assert [second for second, _ in rates] == [index * width for index in range(len(rates))]
    assert sum(rate * width for _, rate in rates) == pytest.approx(total, abs=0.001 * width * len(rates))


def test_a_short_run_is_told_second_by_second() -> None:
    timeline = Timeline()
    for moment, amount in ((10.0, 5), (10.9, 5), (11.0, 7), (13.5, 1)):
        timeline.add(moment, amount)
    assert timeline.rates() == ((0, 10.0), (1, 7.0), (2, 0.0), (3, 1.0))


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    timeline = Timeline()
    for moment in (10.0, 12.0, 3.0, 4.0):
        timeline.add(moment, 1.0)
    assert sum(rate for _, rate in timeline.rates()) == 4.0


def test_a_long_run_is_told_in_longer_steps() -> None:
    timeline = Timeline()
    for second in range(1000):
        timeline.add(float(second), 50.0)
    rates = timeline.rates()
    assert rates[:3] == ((0, 50.0), (16, 50.0), (32, 50.0))
