"""Small histories, explored exhaustively: what goes wrong once at each request in turn, one after the other."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from guards import GUARDS
from sample_files import PREFIX, Kind, draw_file
from scenario import Change, Scenario
from simulate import simulate
from virtual_wire import Strike

KEY = f"{PREFIX}a.csv"
DICE = random.Random("every call")
FILES = [draw_file(DICE, 6, ["a", "b", "c", "d"], f"0.{version}") for version in range(2)]
ONE = Scenario(1, changes=(Change(0.0, KEY, FILES[0]),), busy=1200.0)
REPLACED = replace(ONE, changes=(*ONE.changes, Change(0.4, KEY, FILES[1])))
DELETED = replace(ONE, changes=(*ONE.changes, Change(0.2, KEY, None)))
UNVERSIONED = replace(REPLACED, versioned=False)
COUNTED: tuple[Kind, ...] = ("good", "good", "good", "wrong type", "filtered", "blank")
QUERIED = [draw_file(DICE, 8, ["a", "b", "c"], f"1.{version}", COUNTED) for version in range(2)]
QUERY = Scenario(1, "query", (Change(0.0, KEY, QUERIED[0]), Change(0.6, KEY, QUERIED[1])), busy=1200.0)
QUERY_IN_CHUNKS = replace(QUERY, changes=QUERY.changes[:1], chunk_bytes=40, large_bytes=1)
CHUNKS = replace(ONE, chunk_bytes=100, large_bytes=1)
SCENARIOS = {
    "a file": ONE,
    "a file that is replaced": REPLACED,
    "a file that is replaced in a bucket without versions": UNVERSIONED,
    "a file that is deleted": DELETED,
    "a file in chunks": CHUNKS,
    "a query of a file that is replaced": QUERY,
    "a query whose result is loaded in chunks": QUERY_IN_CHUNKS,
}


@cache
def list_calls(name: str) -> list[tuple[str, int]]:
    """Give each request of each invocation of a history in which nothing goes wrong."""
    feed, broken = simulate(SCENARIOS[name])
    assert broken == []
    calls = [
        (who, int(what.split()[0])) for _, who, what in feed.schedule.trace if what.split()[0].isdecimal()
    ]
    return [(who, call) for who, call in calls if not who.startswith(("sweep", "tick", "execution"))]


def strike(name: str, fault: str, first: int = 0, step: int = 1) -> Iterator[tuple[Strike, list[str]]]:
    """Let one thing go wrong at each request in turn, or at each ``step``th, and give what was broken where something was."""
    for who, call in list_calls(name)[first::step]:
        stroke = Strike(who, call, fault)  # type: ignore[arg-type]  # the test's parameters are all of them
        if broken := simulate(replace(SCENARIOS[name], strikes=(stroke,)))[1]:
            yield stroke, broken


def test_a_guard_that_is_gone_is_missed_at_one_of_them() -> None:
    guard = next(guard for guard in GUARDS if guard.name == "report last")
    list_calls("a file")  # as they are with the guard
    with pytest.MonkeyPatch.context() as patch:
        guard.remove(patch)
        assert list(strike("a file", "kill before"))


# A kill after a request is nearly one before the next. In chunks there are six times as many requests: a worker is killed
# before each of them, and of the other two things one goes wrong at each, in turn.
EXPLORED = [
    *(
        (name, fault, 0, 1)
        for name in SCENARIOS
        for fault in ("kill before", "lost", "deadline")
        if name
        not in {
            "a file in chunks",
            "a query of a file that is replaced",
            "a query whose result is loaded in chunks",
        }
    ),
    *((name, "kill after", 0, 1) for name in ("a file", "a file that is deleted")),
    ("a file in chunks", "kill before", 0, 1),
    ("a file in chunks", "lost", 0, 2),
    ("a file in chunks", "deadline", 1, 2),
    ("a query of a file that is replaced", "kill before", 0, 1),
    ("a query of a file that is replaced", "lost", 0, 3),
    ("a query of a file that is replaced", "deadline", 1, 3),
    # From its result on it is loaded as a file in chunks is.
    ("a query whose result is loaded in chunks", "kill before", 0, 4),
    ("a query whose result is loaded in chunks", "lost", 1, 8),
    ("a query whose result is loaded in chunks", "deadline", 2, 8),
]


@pytest.mark.parametrize(("name", "fault", "first", "step"), EXPLORED)
def test_whatever_goes_wrong_at_any_one_request_the_promises_hold(
    name: str, fault: str, first: int, step: int
) -> None:
    assert list(strike(name, fault, first, step)) == []
