"""What processors cost, and from how many rows on one way is cheaper than another."""

import pytest

from bench.prices import (
    LEAST_SECONDS,
    Path,
    chunked_price,
    find_crossing,
    function_price,
    glue_price,
    glue_processors,
    glue_second,
    lambda_second,
    paced_dollars,
)

FAST = Path(rate=100_000)


def test_a_second_of_a_processor_costs_a_third_more_in_glue_than_in_lambda() -> None:
    assert lambda_second() == pytest.approx(2.3034e-5, rel=1e-4)
    assert glue_second(1) / 4 == pytest.approx(3.0556e-5, rel=1e-4)


def test_one_of_a_jobs_workers_is_paid_for_and_does_none_of_the_work() -> None:
    assert glue_second(5) * 3600 == pytest.approx(2.20)
    assert glue_processors(5) == 16
    with pytest.raises(ValueError, match="two workers"):
        glue_processors(1)


def test_a_job_costs_a_minute_at_least_and_then_grows_with_the_rows() -> None:
    price = glue_price(FAST, workers=2)
    assert price(1) == price(4 * FAST.rate * LEAST_SECONDS) == pytest.approx(2 * 0.44 / 60)
    assert price(8 * FAST.rate * LEAST_SECONDS) == pytest.approx(2 * price(1))


def test_what_a_job_begins_with_is_waited_for_by_all_its_workers() -> None:
    slow = Path(rate=FAST.rate, start=10)
    rows = 4 * FAST.rate * 100
    assert glue_price(slow, 2)(rows) - glue_price(FAST, 2)(rows) == pytest.approx(10 * glue_second(2))


def test_chunks_are_paid_for_when_they_are_begun() -> None:
    price, megabytes = chunked_price(FAST, row_bytes=1), 1 << 20
    computing = megabytes / FAST.rate * lambda_second()
    assert price(64 * megabytes + 1) - price(64 * megabytes) == pytest.approx(10 * 2.5e-5 + 4e-7, rel=1e-3)
    assert price(megabytes) == pytest.approx(computing + 10 * 2.5e-5 + 4e-7)


def test_a_crossing_is_where_both_cost_the_same() -> None:
    function, job = function_price(Path(rate=10_000)), glue_price(FAST, 2)
    rows = find_crossing(function, job)
    assert rows is not None
    assert function(rows) == pytest.approx(job(rows), rel=2e-3)
    assert function(rows / 2) < job(rows / 2)
    assert function(rows * 2) > job(rows * 2)


def test_there_is_no_crossing_where_the_one_is_never_cheaper() -> None:
    assert find_crossing(function_price(FAST), glue_price(FAST, 2)) is None


def test_waiting_for_a_table_costs_by_all_who_wait() -> None:
    assert paced_dollars(1e6, 4000, lambda_second()) == pytest.approx(0.00576, rel=1e-3)
    assert paced_dollars(1e6, 4000, lambda_second(), workers=10) == pytest.approx(0.0576, rel=1e-3)
