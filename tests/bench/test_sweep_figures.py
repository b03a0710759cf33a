"""A sweep's memory is that of a page, however many objects there are; its price follows their number."""

import tracemalloc

import pytest

from bench.sweep import make_sweeper, sweep
from penstock.aws.sweep.tally import Tally


def peak_of(objects: int) -> tuple[int, Tally]:
    sweeper = make_sweeper(objects, 100)
    tracemalloc.start()
    try:
        tally = sweep(sweeper)
        return tracemalloc.get_traced_memory()[1], tally
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_objects() -> None:
    peak_of(100)  # which loads what is loaded once
    few, tally = peak_of(2_000)
    many, more = peak_of(5_000)
    assert many < 1.1 * few
    assert (tally.looked, tally.queued, tally.lists, tally.read_units) == (2_000, 20, 2, 1_000)
    assert more.dollars == pytest.approx(2.5 * tally.dollars)
