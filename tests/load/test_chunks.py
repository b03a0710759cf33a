"""An object in chunks, by workers that stop and take turns, gives what one pass over it gives."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from run_memory import Items, Loaded, Memory, Rejects, compile_things
from run_oracle import FIELDS, Feed, feeds, good_rows, odd, render, rows
from run_workers import World

from penstock.load.report import Report
from penstock.load.run import run_object


def told(report: Report) -> Report:
    """A report without what depends on how the work was parted."""
    return replace(report, seconds=0.0, invocations=1, plan=None)


def compare(
    made: Callable[[World], Loaded], feed: Feed, data: bytes, seed: int, batch_bytes: int, **more: Any
) -> None:
    with tempfile.TemporaryDirectory() as name:
        plan = compile_things(Path(name), FIELDS, **(feed.parts | more))
        whole = Memory(data)
        report = run_object(plan, whole, Items(whole), Rejects(whole), Path(name))
        assert isinstance(report, Report)
        world = World(plan, Memory(data), random.Random(seed), batch_bytes, Path(name))
        parted = made(world)
    assert parted.report.status != "failed", parted.report.reason
    assert told(parted.report) == told(report)
    assert parted.rejects == tuple(whole.found)
    assert parted.writes == tuple(whole.writes)


records = st.lists(good_rows | rows | odd, max_size=30)
ways = {
    "feed": feeds,
    "records": records,
    "newline": st.sampled_from(["\n", "\r\n", "\r"]),
    "seed": st.integers(0, 2**32),
    "batch_bytes": st.integers(10, 150),
}


@settings(max_examples=8)
@given(chunk_bytes=st.integers(10, 200), **ways)
def test_chunks_give_what_one_pass_gives_whoever_does_them_and_when(
    feed: Feed, records: list[list[str]], newline: str, seed: int, batch_bytes: int, chunk_bytes: int
) -> None:
    data = render(records, newline).encode()
    compare(lambda world: world.map(chunk_bytes), feed, data, seed, batch_bytes)


@settings(max_examples=8)
@given(**ways)
def test_workers_that_take_turns_give_what_one_pass_gives(
    feed: Feed, records: list[list[str]], newline: str, seed: int, batch_bytes: int
) -> None:
    data = render(records, newline).encode()
    compare(World.take_turns, feed, data, seed, batch_bytes)
