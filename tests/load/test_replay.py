"""Rejects loaded again come to what the file would have come to, had it been right, or the contract, from the start."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_memory import Items, Memory, Rejects, Write, compile_things
from run_oracle import FIELDS, Feed, feeds, good_rows, odd, render, rows

from penstock.engine.result import Reject
from penstock.errors import UsageError
from penstock.load.correct import Correction
from penstock.load.remainder import Changes, Remainder
from penstock.load.replay import Replayed, replay_rejects
from penstock.load.report import Report
from penstock.load.run import run_object
from penstock.plan.model import Plan

ANYTHING: list[dict[str, Any]] = [
    {name: value for name, value in known.items() if name != "constraints"} for known in FIELDS
]
"""The oracle's fields, with nothing asked of them but their types."""

records = st.lists(good_rows | rows | odd, max_size=25)
newlines = st.sampled_from(["\n", "\r\n", "\r"])
sizes = st.integers(10, 400)


def whole(plan: Plan, data: bytes, folder: Path) -> tuple[Report, Memory]:
    """Load a file whole."""
    memory = Memory(data)
    report = run_object(plan, memory, Items(memory), Rejects(memory), folder)
    assert isinstance(report, Report)
    assert report.status != "failed", report.reason
    return report, memory


@dataclass
class Loaded:
    """A file that was loaded, and the rejects that it has at the moment."""

    data: bytes
    report: Report
    writes: list[Write]
    rejects: list[Reject]
    folder: Path
    corrections: tuple[Correction, ...] = ()

    def replay(self, plan: Plan, changes: Changes | None, size: int = 2**20, *refuse: str) -> Replayed:
        memory = Memory(self.data, refuse)
        rest = Remainder(
            lambda: iter(self.rejects), self.report.counts.read, len(self.rejects), self.corrections
        )
        done = replay_rejects(
            plan, memory, rest, changes, Items(memory), Rejects(memory), self.folder, batch_bytes=size
        )
        assert done.counts.conserved
        assert done.counts.read == (len(self.rejects) if changes is None else len(changes))
        assert done.left == len(memory.found) == len(self.rejects) - done.counts.read + done.counts.rejected
        assert sum(done.errors.values()) == sum(len(reject.errors) for reject in memory.found)
        self.writes += memory.writes
        self.rejects, self.corrections = memory.found, done.corrections
        return done


@contextmanager
def loaded(data: bytes, fields: list[Any], **parts: Any) -> Iterator[Loaded]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report, memory = whole(compile_things(folder, fields, **parts), data, folder)
        yield Loaded(data, report, memory.writes, memory.found, folder)


def table(writes: Iterable[Write], keys: tuple[str, ...]) -> dict[str, Any]:
    """What a table holds after these writes, by its keys; a deleted key is None."""
    found: dict[str, Any] = {}
    for write in writes:
        item = json.loads(write.body)
        key = json.dumps([item[name] for name in keys])
        found[key] = item if write.operation == "put" else None
    return found


def keys_of(feed: Feed) -> tuple[str, ...]:
    return {"field": ("key",), "number": ("p",), "pair": ("key", "n"), "template": ("pk",)}[feed.key]


def by_order(feed: Feed, on_duplicate: str | None = None) -> Feed:
    """The feed without a limit; where rows compete, which their order does not decide, with the last one winning instead."""
    chosen = on_duplicate or feed.on_duplicate
    return replace(feed, limit=None, on_duplicate="last" if chosen == "newest" else chosen)


def last(data: bytes, rejects: list[Reject], newline: bytes) -> bytes:
    """The file with its rejects behind all other records."""
    taken = b"".join(reject.raw + newline for reject in rejects)
    for reject in reversed(rejects):
        data = data[: reject.offset] + data[reject.offset + reject.length :]
    return data + newline + taken


@settings(max_examples=7)
@given(feed=feeds, records=records, newline=newlines, size=sizes)
def test_under_a_mended_contract_they_come_to_what_the_whole_file_comes_to_under_it(
    feed: Feed, records: list[list[str]], newline: str, size: int
) -> None:
    feed = by_order(feed)
    data = render(records, newline).encode()
    with loaded(data, FIELDS, **feed.parts) as first:
        mended = compile_things(first.folder, ANYTHING, **replace(feed, rule=False).parts)
        due = data if feed.on_duplicate != "reject" else last(data, first.rejects, newline.encode())
        report, expected = whole(mended, due, first.folder)
        first.replay(mended, None, size)
    assert table(first.writes, keys_of(feed)) == table(expected.writes, keys_of(feed))
    assert len(first.rejects) == report.counts.rejected


@settings(max_examples=7)
@given(
    feed=feeds,
    records=records,
    newline=st.sampled_from(["\n", "\r\n"]),
    size=sizes,
    changed=st.lists(good_rows | rows, min_size=25, max_size=25),
    rounds=st.lists(st.integers(0, 2), min_size=25, max_size=25),
)
def test_corrected_they_come_to_what_the_corrected_file_comes_to_in_however_many_rounds(
    feed: Feed,
    records: list[list[str]],
    newline: str,
    size: int,
    changed: list[list[str]],
    rounds: list[int],
) -> None:
    feed = by_order(feed, "last" if feed.on_duplicate == "reject" else feed.on_duplicate)
    data = render(records, newline).encode()
    with loaded(data, FIELDS, **feed.parts) as first:
        plan = compile_things(first.folder, FIELDS, **feed.parts)
        texts = [render([cells], newline).splitlines(keepends=True)[1:] for cells in changed]
        contents = ["".join(text).encode().rstrip(b"\r\n") for text in texts]
        changes = {
            reject.offset: (n, contents[i])
            for i, (reject, n) in enumerate(zip(first.rejects, rounds, strict=False))
        }
        corrected = data
        for reject in reversed(first.rejects):
            end = reject.offset + reject.length
            corrected = corrected[: reject.offset] + changes[reject.offset][1] + corrected[end:]
        report, expected = whole(plan, corrected, first.folder)
        before = {reject.offset: reject for reject in first.rejects}
        for n in (1, 2, 0):
            now = {offset: content for offset, (at, content) in changes.items() if at == n}
            first.replay(plan, now, size)
    assert table(first.writes, keys_of(feed)) == table(expected.writes, keys_of(feed))
    assert [r.errors for r in first.rejects] == [r.errors for r in expected.found]
    assert all(replace(before[r.offset], errors=r.errors) == r for r in first.rejects)
    assert len(first.rejects) == report.counts.rejected


ORDERS = ["id", {"name": "n", "type": "integer"}]


def test_what_is_not_named_stays_rejected_as_it_was() -> None:
    with loaded(b"id,n\na,x\nb,y\nc,3\n", ORDERS) as first:
        plan = compile_things(first.folder, ORDERS)
        kept = first.rejects[1]
        done = first.replay(plan, {5: b"a,1"})
    assert (done.counts.loaded, done.left, done.items.put) == (1, 1, 1)
    assert first.rejects == [kept]
    assert [json.loads(write.body)["id"]["S"] for write in first.writes] == ["c", "a"]


def test_a_mended_row_does_not_overwrite_a_later_one_of_its_key_that_is_loaded() -> None:
    with loaded(b"id,n\na,x\na,2\n", ORDERS) as first:
        done = first.replay(compile_things(first.folder, ORDERS), {5: b"a,1"})
    assert (done.counts.superseded, done.counts.loaded) == (1, 0)
    assert len(first.writes) == 1


def test_a_row_that_was_corrected_before_still_wins_over_an_earlier_one() -> None:
    with loaded(b"id,n\na,x\na,y\n", ORDERS) as first:
        plan = compile_things(first.folder, ORDERS)
        first.replay(plan, {9: b"a,2"})
        done = first.replay(plan, {5: b"a,1"})
    assert done.counts.superseded == 1
    assert [json.loads(write.body)["n"]["N"] for write in first.writes] == ["2"]


def test_where_keys_may_not_repeat_the_row_that_is_loaded_keeps_its_key() -> None:
    load = {"partition_key": "id", "on_duplicate": "reject"}
    with loaded(b"id,n\na,x\na,2\n", ORDERS, load=load) as first:
        done = first.replay(compile_things(first.folder, ORDERS, load=load), {5: b"a,1"})
    assert (done.counts.rejected, done.counts.loaded) == (1, 0)
    assert first.rejects[0].errors[0].code == "primary-key"


def test_a_line_is_that_of_the_file_as_it_lies_there() -> None:
    parts = {"transform": {"set": {"line": "source.line"}}}
    with loaded(b'id,n\na,x\nb,y\n"c",z\n', ORDERS, **parts) as first:
        plan = compile_things(first.folder, ORDERS, **parts)
        first.replay(plan, {5: b'"a\n\na",1', 13: b"c,3", 9: None})
    assert [json.loads(write.body)["line"]["N"] for write in first.writes] == ["2", "4"]
    assert [(reject.line, reject.offset, reject.raw) for reject in first.rejects] == [(3, 9, b"b,y")]


def test_a_correction_that_is_not_one_record_leaves_its_reject_with_that_reason() -> None:
    with loaded(b"id,n\na,x\nb,y\nc,3\n", ORDERS) as first:
        done = first.replay(compile_things(first.folder, ORDERS), {5: b'"a,1', 9: b"b,2"})
    assert (done.counts.rejected, done.counts.loaded) == (1, 1)
    (reject,) = first.rejects
    assert (reject.raw, [reason.code for reason in reject.errors]) == (b"a,x", ["quote-error"])
    assert first.corrections == (Correction(9, 3, b"b,2"),)


def test_an_unclosed_quote_that_is_mended_leaves_the_lines_after_it_as_they_are() -> None:
    with loaded(b'id,n\n"a,1\nb,2\nc,3\n', ORDERS) as first:
        done = first.replay(compile_things(first.folder, ORDERS), {5: b"a,1"})
    assert (done.counts.loaded, done.left) == (1, 0)
    assert [json.loads(write.body)["id"]["S"] for write in first.writes] == ["b", "c", "a"]


def test_a_record_may_be_emptied() -> None:
    with loaded(b"id,n\na,x\nb,2\n", ORDERS) as first:
        done = first.replay(compile_things(first.folder, ORDERS), {5: b""})
    assert (done.counts.blank, done.left) == (1, 0)


@pytest.mark.parametrize("end", [b"b,y", b"b,y\n"])
def test_a_files_last_record_may_be_emptied(end: bytes) -> None:
    with loaded(b"id,n\na,1\n" + end, ORDERS) as first:
        done = first.replay(compile_things(first.folder, ORDERS), {9: b""})
    assert (done.counts.blank, done.left) == (1, 0)


def test_what_the_service_refuses_stays_rejected() -> None:
    with loaded(b"id,n\na,x\nb,y\n", ORDERS) as first:
        done = first.replay(compile_things(first.folder, ORDERS), {5: b"bad,1", 9: b"b,2"}, 2**20, "bad")
    assert (done.counts.rejected, done.counts.loaded, done.errors) == (1, 1, {"item-error": 1})


def test_rejects_that_are_none_any_more_are_refused_before_anything_is_written() -> None:
    with loaded(b"id,n\na,x\n", ORDERS) as first:
        with pytest.raises(UsageError, match="1 are no rejects"):
            first.replay(compile_things(first.folder, ORDERS), {5: b"a,1", 7: b"b,1"})
        assert not first.writes


def test_a_dialect_that_makes_other_records_of_the_file_is_refused_before_anything_is_written() -> None:
    with loaded(b"id,n\n'a,x\nb',2\n", ORDERS) as first:
        other = compile_things(first.folder, ORDERS, dialect={"quoteChar": "'"})
        before = list(first.writes)
        with pytest.raises(UsageError, match="dialect was changed"):
            first.replay(other, None)
        assert first.writes == before


def test_rejects_of_which_some_were_deleted_are_refused() -> None:
    with loaded(b"id,n\na,x\nb,y\n", ORDERS) as first:
        plan, memory = compile_things(first.folder, ORDERS), Memory(first.data)
        rest = Remainder(lambda: iter(first.rejects[:1]), 2, 2)
        with pytest.raises(UsageError, match="some were deleted"):
            replay_rejects(plan, memory, rest, None, Items(memory), Rejects(memory), first.folder)


def test_wide_rows_are_replayed_like_others() -> None:
    fields = ["id", *({"name": f"n{i}", "type": "integer"} for i in range(400))]
    names = ",".join(["id", *(f"n{i}" for i in range(400))])
    good, bad = ",".join(["1"] * 400), ",".join(["1"] * 399)
    data = f"{names}\na,{good}\nb,{bad},x\nc,{good}\n".encode()
    with loaded(data, fields) as first:
        (reject,) = first.rejects
        done = first.replay(compile_things(first.folder, fields), {reject.offset: f"b,{good}".encode()})
    assert (done.counts.loaded, done.left) == (1, 0)
    assert len(json.loads(first.writes[-1].body)) == 401


def test_a_text_that_begins_like_a_byte_order_mark_is_kept_whole() -> None:
    parts = {"rules": [{"name": "few", "check": "n < 5"}]}
    with loaded("id,n\na,1\n\ufeffb,7\n".encode(), ORDERS, **parts) as first:
        first.replay(compile_things(first.folder, ORDERS), None)
    assert json.loads(first.writes[-1].body)["id"]["S"] == "\ufeffb"


def test_records_of_another_encoding_and_newline_are_found_again() -> None:
    parts = {"dialect": {"encoding": "cp1252"}}
    data = "id,n\ré,x\r\rü,2\rñ,y\r".encode("cp1252")
    with loaded(data, ORDERS, **parts) as first:
        plan = compile_things(first.folder, ORDERS, **parts)
        offsets = [reject.offset for reject in first.rejects]
        done = first.replay(
            plan, dict(zip(offsets, ("é,1".encode("cp1252"), "ß,3".encode("cp1252")), strict=True))
        )
    assert done.counts.loaded == 2
    assert [json.loads(write.body)["id"]["S"] for write in first.writes] == ["ü", "é", "ß"]
