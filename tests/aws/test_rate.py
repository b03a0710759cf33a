"""The writer finds the rate that a table takes, keeps a budget, and hardly sends anything twice.

The writer is whole and real; the table throttles as DynamoDB's do, in virtual time.
"""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.throttle import Case, Order, run_virtual
from bench.throttled_table import Troubles
from penstock.aws.table.rate import Rate


@pytest.mark.parametrize(("capacity", "seconds"), [(1_000, 60), (4_000, 60), (40_000, 12)])
def test_a_table_s_capacity_is_used_and_hardly_anything_is_sent_twice(capacity: int, seconds: int) -> None:
    outcome = run_virtual(Case(capacity, seconds=seconds))
    assert outcome.used > 0.9
    assert outcome.resent < 0.05
    assert outcome.stats.throttled > 0


@pytest.mark.parametrize(("rows_each", "seed"), [(4, 2), (200, 3), (1000, 4)])
def test_a_sorted_file_does_nearly_as_well_as_a_shuffled_one(rows_each: int, seed: int) -> None:
    shuffled, in_order = (
        run_virtual(Case(4_000, order, 30, rows_each=rows_each, seed=seed))
        for order in ("shuffled", "sorted")
    )
    assert in_order.units > 0.8 * shuffled.units
    assert in_order.resent < 0.06


@pytest.mark.parametrize(
    ("capacity", "budget"), [(4_000, 100), (4_000, 1_000), (1_000, 990), (40_000, 10_000)]
)
def test_a_budget_is_kept_and_used(capacity: int, budget: int) -> None:
    outcome = run_virtual(Case(capacity, seconds=20, budget=budget))
    assert 0.95 * budget < outcome.units / 20 < 1.05 * budget


@pytest.mark.parametrize("order", ["shuffled", "sorted"])
def test_a_capacity_is_used_as_well_where_every_row_is_a_request(order: Order) -> None:
    outcome = run_virtual(Case(4_000, order, 20, window=20_000, compete=True))
    assert outcome.used > 0.9
    assert outcome.resent < 0.05


def test_a_budget_is_kept_as_well_where_every_row_is_a_request() -> None:
    outcome = run_virtual(Case(4_000, seconds=20, budget=1_000, window=20_000, compete=True))
    assert 0.95 * 1_000 < outcome.units / 20 < 1.05 * 1_000


def test_a_far_service_is_used_as_well_as_a_near_one() -> None:
    far = Troubles(latency=(0.03, 0.08))
    assert run_virtual(Case(4_000, seconds=30, troubles=far)).used > 0.9


def test_a_table_that_never_throttles_is_never_waited_for() -> None:
    never = Troubles(error=0, throttled=0, dropped=0, slow=0)
    outcome = run_virtual(Case(1_000, seconds=2, burst=1_000, troubles=never))
    lanes, latency = 64, 0.011
    assert outcome.units > 0.9 * 2 * 25 * lanes / latency
    assert outcome.stats.resent == 0


def test_capacity_that_comes_back_is_found() -> None:
    rate, now, found = Rate(), 0.0, []
    for capacity, until in ((2_000, 20), (20_000, 60)):
        tokens = 0.0
        while now < until:
            now += 0.005
            tokens = min(tokens + 0.005 * capacity, 0.2 * capacity)
            for _ in range(64):
                if rate.wait(now) > 0:
                    break
                taken = min(25.0, tokens)
                tokens -= taken
                rate.send(25.0)
                rate.settle(now, 25.0, taken, 25.0 - taken)
        found.append(rate.limit)
    assert found == [pytest.approx(2_000, rel=0.1), pytest.approx(20_000, rel=0.2)]


def test_what_was_sent_without_a_limit_is_no_debt_under_the_first_one() -> None:
    rate, now = Rate(), 0.0
    for _ in range(4_000):
        now += 0.001
        assert rate.wait(now) == 0
        rate.send(25.0)
        rate.settle(now, 25.0, 25.0, 0.0)
    while rate.limit == math.inf:
        now += 0.001
        rate.send(25.0)
        rate.settle(now, 25.0, 20.0, 5.0)
    assert rate.wait(now) < 0.01


Answers = st.lists(
    st.tuples(st.floats(0, 0.5), st.floats(0, 100), st.floats(0, 100), st.booleans()), max_size=200
)


@settings(max_examples=100)
@given(Answers, st.one_of(st.none(), st.floats(0.5, 1e6)))
def test_whatever_is_answered_there_is_a_rate_and_it_is_within_the_budget(
    answers: list[tuple[float, float, float, bool]], budget: float | None
) -> None:
    rate = Rate(budget)
    now = 0.0
    for step, taken, held, again in answers:
        now += step
        wait = rate.wait(now)
        assert 0 <= wait < math.inf
        rate.send(taken + held)
        rate.settle(now, taken + held, taken, held, again=again)
        assert 0 < rate.limit <= (budget or math.inf)
        assert 1 <= rate.window <= 64
