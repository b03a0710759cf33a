"""Work side by side comes out in order, and stops where something goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from patience import PATIENCE

from penstock.load.overlap import Follower, map_in_order, usable_lanes


def test_results_come_in_the_order_of_their_inputs_however_long_each_takes() -> None:
    def work(n: int) -> int:
        time.sleep((n % 3) / 500)
        return n

    assert list(map_in_order(work, range(30), lanes=3)) == list(range(30))


def test_inputs_are_made_only_as_they_are_needed() -> None:
    made: list[int] = []

    def inputs() -> Iterator[int]:
        for n in range(100):
            made.append(n)
            yield n

    results = map_in_order(str, inputs(), lanes=2)
    next(results)
    assert made == [0, 1]
    next(results)
    assert made == [0, 1, 2]
    results.close()


def test_several_are_at_work_at_once() -> None:
    both = threading.Barrier(2, timeout=PATIENCE)
    assert list(map_in_order(lambda _: both.wait() >= 0, range(4), lanes=2)) == [True] * 4


def test_an_error_is_raised_in_the_place_of_its_result() -> None:
    results = map_in_order(lambda n: 1 // (n - 2), range(5), lanes=2)
    assert [next(results), next(results)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_follower_does_one_thing_after_the_other() -> None:
    done: list[int] = []
    with Follower() as follower:
        for n in range(20):
            follower.do(lambda n=n: done.append(n))  # type: ignore[misc]  # the default binds this round's number
    assert done == list(range(20))


def follow(*things: Callable[[], object]) -> None:
    """Have a follower do things, and leave it."""
    with Follower() as follower:
        for thing in things:
            follower.do(thing)


def test_a_follower_raises_what_went_wrong_before_it_does_more() -> None:
    done: list[int] = []
    with pytest.raises(ZeroDivisionError):
        follow(lambda: 1 // 0, lambda: done.append(1))
    assert done == []


def test_a_follower_raises_what_went_wrong_last_when_it_is_left() -> None:
    with pytest.raises(ZeroDivisionError):
        follow(lambda: 1 // 0)


def test_the_callers_own_error_is_the_one_to_tell() -> None:
    def fail() -> None:
        with Follower() as follower:
            follower.do(lambda: 1 // 0)
            raise KeyError

    with pytest.raises(KeyError):
        fail()


def test_an_error_waits_for_what_is_under_way() -> None:
    done: list[int] = []

    def work() -> None:
        time.sleep(0.05)
        done.append(1)

    def fail() -> None:
        with Follower() as follower:
            follower.do(work)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert done == [1]


def test_an_interrupt_does_not_wait_for_what_is_under_way() -> None:
    never = threading.Event()

    def interrupt() -> None:
        with Follower() as follower:
            follower.do(never.wait)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    never.set()


def test_there_is_a_lane_at_least_and_two_at_most() -> None:
    assert usable_lanes() in {1, 2}
