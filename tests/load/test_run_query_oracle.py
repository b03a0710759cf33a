"""Whatever is in an object and its references, a query's run gives what a few lines of plain Python give, and every sum holds."""

from __future__ import annotations

import json
import random
import secrets
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from run_memory import Items, Memory, Rejects
from run_workers import sent
from sales_oracle import countries, expect, make_plan, render, sales

from penstock.load.query import run_query
from penstock.load.report import Counts, Report
from penstock.load.result import Queried
from penstock.plan.model import Plan


def run(
    plan: Plan, data: bytes, references: dict[str, bytes], batch_bytes: int, dice: random.Random | None = None
) -> tuple[Report, Memory]:
    """Run to the end. With dice, workers take turns at the result: each has the files that the one before left it, and no others."""
    memory = Memory(data)
    found: Report | Queried | None = None
    with tempfile.TemporaryDirectory() as name:
        before = Path(name)
        while not isinstance(found, Report):
            scratch = Path(name) / secrets.token_hex(4)
            scratch.mkdir()
            if found is not None:
                hand_over(found, before, scratch)
            seen: set[str] = set()
            found = run_query(
                plan,
                memory,
                {key: Memory(text) for key, text in references.items()} if found is None else {},
                Items(memory),
                Rejects(memory),
                scratch,
                batch_bytes=batch_bytes,
                query_mb=64,
                resume=None if found is None else sent(found),
                progress=lambda name, _, seen=seen: seen.add(name),  # type: ignore[misc]
                stop=lambda seen=seen: (
                    dice is not None and any("result" in s for s in seen) and dice.random() < 0.5
                ),  # type: ignore[misc]
            )
            before = scratch
    return found, memory


def hand_over(found: Queried, before: Path, scratch: Path) -> None:
    for file in found.files:
        (scratch / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(before / file, scratch / file)


@settings(max_examples=15)
@given(rows=sales, names=countries, batch_bytes=st.integers(20, 400))
def test_a_join_and_its_sums_are_those_of_plain_python(
    rows: list[tuple[str, str, str]], names: dict[str, str], batch_bytes: int
) -> None:
    reference = render([("code", "name"), *names.items()])
    data = render([("id", "country", "amount"), *rows])
    report, memory = run(make_plan(), data, {"countries": reference}, batch_bytes)
    items, counts, result = expect(rows, names)
    assert report.status in {"done", "rejected"}, report.reason
    assert [json.loads(write.body) for write in memory.writes] == items
    assert report.counts == counts
    assert (report.result or Counts()) == result
    assert len(memory.found) == report.counts.rejected + result.rejected


@settings(max_examples=6)
@given(rows=sales, seed=st.integers(0, 2**32))
def test_workers_that_take_turns_at_the_result_give_what_one_gives(
    rows: list[tuple[str, str, str]], seed: int
) -> None:
    plan, data, references = (
        make_plan(),
        render([("id", "country", "amount"), *rows]),
        {"countries": b"code,name\n"},
    )
    whole, at_once = run(plan, data, references, 60)
    parted, by_turns = run(plan, data, references, 60, random.Random(seed))
    assert replace(parted, seconds=0.0, invocations=1) == replace(whole, seconds=0.0)
    assert (by_turns.writes, by_turns.found) == (at_once.writes, at_once.found)
