"""States of a run as JSON: what comes back is what was sent, and anything else is refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.engine.batch import Position
from penstock.engine.bind import Binding
from penstock.engine.decide import Decision, Tally
from penstock.engine.manifest import Fates
from penstock.errors import ServiceError
from penstock.load.chunk import Chunk
from penstock.load.count import Outcome
from penstock.load.cut import Cut
from penstock.load.decide import Decided
from penstock.load.load import Loaded, Named
from penstock.load.run import Checkpoint
from penstock.load.state import from_json, to_json
from penstock.load.survey import Surveyed

numbers = st.integers(0, 2**62)
counters = st.dictionaries(st.text(max_size=5), numbers, max_size=3).map(Counter)
positions = st.builds(
    Position, numbers, numbers, numbers, st.sampled_from(["lf", "cr", None]), st.integers(-1, 2**62)
)
bindings = st.builds(
    Binding, st.lists(st.none() | numbers, max_size=3).map(tuple), st.lists(st.text(), max_size=2).map(tuple)
)
tallies = st.builds(
    Tally, numbers, numbers, numbers, numbers, numbers, counters, st.lists(numbers, max_size=3), numbers, numbers
)  # fmt: skip
names = st.lists(st.text(max_size=9), max_size=2).map(tuple)
surveys = st.builds(Surveyed, positions, tallies, names, st.booleans(), st.booleans())
some = st.lists(numbers, max_size=3).map(tuple)
outcomes = st.builds(Outcome, *[numbers] * 6, counters, numbers, some)
loads = st.builds(Loaded, positions, tallies, outcomes, st.booleans())
reasons = st.none() | st.tuples(st.text(), st.text())
decisions = st.builds(Decision, st.booleans(), st.booleans(), reasons, st.booleans(), numbers, numbers, some)
fates = st.builds(Fates, numbers, numbers, numbers, numbers, numbers, numbers)
files = st.none() | st.text(max_size=9)
decided = st.builds(Decided, numbers, numbers, numbers, files, fates, files, files)
chunks = st.builds(Chunk, numbers, positions, st.none() | numbers, st.none() | numbers)
cuts = st.builds(Cut, bindings, positions, positions, st.lists(chunks, max_size=3).map(tuple), st.booleans())
checkpoints = st.builds(
    Checkpoint,
    bindings,
    positions,
    surveys,
    loads,
    st.none() | decisions,
    st.builds(Named, names, names, names),
    st.floats(0, 1e9),
    st.integers(1, 99),
)


@given(surveys | loads | decisions | decided | chunks | cuts | checkpoints)
def test_a_state_comes_back_as_it_was_sent(state: Any) -> None:
    text = to_json(state)
    assert "\n" not in text
    assert from_json(type(state), text) == state
    assert from_json(type(state), text.encode()) == state


POSITION = Position(7, 2, 1, "lf", -1)


@given(loads, st.data())
def test_a_state_that_was_cut_is_refused(state: Loaded, data: Any) -> None:
    text = to_json(state)
    with pytest.raises(ServiceError, match="Begin the load again"):
        from_json(Loaded, text[: data.draw(st.integers(0, len(text) - 1))])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("position", None),
        ("position", {"offset": 1}),
        ("finished", 0),
        ("finished", "false"),
        ("outcome", []),
        ("tally", {"read": "1"}),
        ("more", 1),
    ],
)
def test_a_state_of_another_shape_is_refused(name: str, value: object) -> None:
    shape = json.loads(to_json(Loaded(POSITION)))
    shape["state"][name] = value
    with pytest.raises(ServiceError, match="can't be used"):
        from_json(Loaded, json.dumps(shape))


def test_a_state_of_another_kind_or_version_is_refused() -> None:
    text = to_json(Loaded(POSITION))
    with pytest.raises(ServiceError, match="no state of the kind Surveyed"):
        from_json(Surveyed, text)
    with pytest.raises(ServiceError, match="version 4, and this Penstock reads 3"):
        from_json(Loaded, text.replace('"version":3', '"version":4'))


@pytest.mark.parametrize("text", ["", "[]", "1", "null", "[" * 100_000])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(ServiceError, match="can't be used"):
        from_json(Loaded, text)
