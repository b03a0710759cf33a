"""What is sensitive stays out of the rejects, and they are replayed all the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_memory import Items, Loaded, Memory, Rejects, compile_things

from penstock.engine.decide import Decision, Tally
from penstock.engine.resolved import REPEATED, Resolved, merge_rejects
from penstock.engine.result import Reject
from penstock.engine.withhold import Withholding
from penstock.errors import ServiceError
from penstock.load.chunk import ChunkReader, begin_object, never
from penstock.load.correct import Correction
from penstock.load.load import Loaded as Reached
from penstock.load.load import Sink
from penstock.load.rejects import reject_from_json, reject_to_json
from penstock.load.remainder import Changes, Remainder
from penstock.load.replay import Replayed, replay_rejects
from penstock.load.run import run_object
from penstock.plan.model import Plan

FIELDS: list[Any] = [
    "id",
    {"name": "note", "type": "string", "sensitive": True},
    {"name": "n", "type": "integer"},
]
HEADER = "id,note,n\n"
Load = Callable[..., Loaded]
KEEP = {"rejects": {"sensitive": "keep"}}


def shown(rejects: tuple[Reject, ...]) -> list[tuple[bytes, str]]:
    return [(reject.raw, reject.withheld) for reject in rejects]


def test_a_sensitive_cell_is_withheld_and_the_others_are_kept_as_they_are_written(load: Load) -> None:
    found = load(FIELDS, HEADER + 'a,"my ""secret"", and\r\nmore","x"\nb,,y\nc,secret,1\n')
    assert shown(found.rejects) == [(b'a,(sensitive),"x"', "cells"), (b"b,(sensitive),y", "cells")]
    assert [(r.line, r.offset, r.length, r.sha256) for r in found.rejects] == [
        (2, 10, 32, None),
        (4, 43, 4, None),
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('a,"secret"x,1', "quote-error"),
        ("a,secret,1,2", "extra-cell"),
        ("secret", "missing-cell"),
        ("a,secret\0,1", "encoding-error"),
        ("a,secret," + "1" * 100, "record-too-long"),
    ],
)
def test_a_record_whose_cells_are_not_certain_is_withheld_whole(load: Load, line: str, code: str) -> None:
    found = load(FIELDS, HEADER + line + "\nb,x,1\n", dialect={"max_record_bytes": 60})
    assert found.codes == {2: [(code, None)]}
    assert shown(found.rejects) == [(b"(sensitive)", "record")]
    assert (found.rejects[0].offset, found.rejects[0].length) == (10, len(line))


def test_rows_that_may_be_the_text_of_a_broken_cell_are_withheld_whole(load: Load) -> None:
    found = load(FIELDS, HEADER + 'a,"dear\nsecret,more,text\nb,z,1\nc,"x"y,1\nd,x,y\n')
    assert [(r.line, r.withheld) for r in found.rejects] == [
        (2, "record"),
        (3, "record"),
        (5, "record"),
        (6, "cells"),
    ]


def test_a_record_of_which_only_the_beginning_is_kept_is_withheld_whole(load: Load) -> None:
    found = load(FIELDS, HEADER + f"a,{'secret' * 20_000},x\n")
    assert shown(found.rejects) == [(b"(sensitive)", "record")]
    assert found.rejects[0].sha256 is None


def test_a_column_that_the_contract_does_not_know_is_withheld_too(load: Load) -> None:
    found = load(FIELDS, "other,n,note,id\nsecret,x,secret,a\n", schema={"fieldsMatch": "subset"})
    assert shown(found.rejects) == [(b"(sensitive),x,(sensitive),a", "cells")]


def test_a_row_that_the_table_refuses_is_withheld_as_well(load: Load) -> None:
    found = load(FIELDS, HEADER + "a,secret,1\n", refuse=("secret",))
    assert shown(found.rejects) == [(b"a,(sensitive),1", "cells")]


def test_a_project_may_have_rejects_kept_whole(load: Load) -> None:
    found = load(FIELDS, HEADER + "a,secret,x\n", **KEEP)
    assert shown(found.rejects) == [(b"a,secret,x", "nothing")]


def test_without_sensitive_fields_nothing_is_withheld(load: Load) -> None:
    found = load(["id", "note", FIELDS[2]], HEADER + "a,plain,x\n")
    assert shown(found.rejects) == [(b"a,plain,x", "nothing")]


def test_where_the_mark_would_be_no_cell_the_record_is_withheld_whole(load: Load) -> None:
    found = load(FIELDS, "id(note(n\na(secret(x\n", dialect={"delimiter": "("})
    assert shown(found.rejects) == [(b"(sensitive)", "record")]


def test_a_line_of_the_rejects_says_what_is_withheld(load: Load) -> None:
    [reject] = load(FIELDS, HEADER + "a,secret,x\n").rejects
    line = reject_to_json(reject)
    assert json.loads(line)["withheld"] == "cells"
    assert reject_from_json(line) == reject


SECRET = "S3CRET"
texts = st.text(st.sampled_from('ab ,;"\n\r\t|é=('), max_size=6)


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@st.composite
def written_records(draw: st.DrawFn) -> list[str]:
    """The cells of a record as they are written, with a secret in the sensitive one."""
    note = draw(texts) + SECRET + draw(texts)
    special = any(sign in note for sign in '",\n\r')
    cells = [draw(st.sampled_from(["a", '"b"', '"c,\n"']))]
    cells.append(quoted(note) if special or draw(st.booleans()) else note)
    return [*cells, draw(st.sampled_from(["1", "x", '"y"', ""]))]


@st.composite
def broken_records(draw: st.DrawFn) -> str:
    """A record with a secret in its sensitive cell, and at most one thing wrong with it."""
    cells = draw(written_records())
    record = ",".join(cells)
    fault = draw(st.sampled_from(["none", "cut", "extra", "nul", "bytes"]))
    if fault == "cut":
        return ",".join(cells[: draw(st.integers(1, 2))])
    if fault == "extra":
        return record + ",z"
    return record.replace(SECRET, SECRET + {"none": "", "nul": "\0", "bytes": "\udcff"}[fault])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file of such records, the last of which may never close its sensitive cell."""
    records = draw(st.lists(broken_records(), min_size=1, max_size=6))
    cells = draw(written_records())
    if cells[1].startswith('"') and draw(st.booleans()):
        cells[1] = cells[1][:-1]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return (HEADER + end.join([*records, ",".join(cells)]) + end).encode("utf-8", "surrogateescape")


@settings(max_examples=200)
@given(data=files(), size=st.integers(20, 400))
def test_no_text_of_a_sensitive_cell_is_in_any_line_of_the_rejects(
    plan: Plan, data: bytes, size: int
) -> None:
    found = reject_all(plan, data, size)
    assert found
    for reject in found:
        assert SECRET not in reject_to_json(reject), reject
    assert found == reject_all(plan, data, 1_000_000)  # however the file is cut


def reject_all(plan: Plan, data: bytes, size: int) -> list[Reject]:
    """Give the rejects of a file each of whose records is rejected, whatever it holds."""
    memory, decision = Memory(data), Decision(losers=False, repeated=False, refused=None)
    begun = begin_object(plan, memory)
    withholding = Withholding.of(plan, begun.binding)
    sink = Sink(Items(memory), Rejects(memory), decision, Reached(begun.position), withholding)
    reader = ChunkReader(plan, memory, begun.binding, begun.whole, batch_bytes=size)
    for batch in reader.leg(never):
        rejects = merge_rejects(batch, dict.fromkeys(range(batch.rows), (REPEATED,)))
        sink.take(batch, Resolved((), tuple(rejects), 0, 0), Tally())
    return memory.found


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return compile_things(tmp_path_factory.mktemp("plan"), FIELDS)


@dataclass
class Run:
    """A file that was loaded, its rejects as they are kept, and how they are replayed."""

    folder: Path
    memory: Memory
    corrections: tuple[Correction, ...] = ()

    def replay(self, changes: Changes | None, **parts: Any) -> Replayed:
        old, self.memory.found = self.memory.found, []
        rest = Remainder(lambda: iter(old), self.memory.data.count(b"\n") - 1, len(old), self.corrections)
        seen = parts.pop("seen", None)
        plan = compile_things(self.folder, parts.pop("fields", FIELDS), **parts)
        items, rejects = Items(self.memory), Rejects(self.memory)
        done = replay_rejects(plan, self.memory, rest, changes, items, rejects, self.folder, seen=seen)
        self.corrections = done.corrections
        return done

    @property
    def notes(self) -> dict[str, str]:
        """The sensitive attribute of the items that were put, by their keys."""
        items = [json.loads(write.body) for write in self.memory.writes]
        return {item["id"]["S"]: item["note"]["S"] for item in items}


def loaded(folder: Path, lines: str, **parts: Any) -> Run:
    memory = Memory((HEADER + lines).encode())
    run_object(compile_things(folder, FIELDS, **parts), memory, Items(memory), Rejects(memory), folder)
    return Run(folder, memory)


def test_withheld_records_are_replayed_from_the_file(tmp_path: Path) -> None:
    run = loaded(tmp_path, 'a,"se,cret",x\n')
    run.replay(None, fields=["id", FIELDS[1], "n"])
    assert run.notes == {"a": "se,cret"}
    assert not run.memory.found


def test_in_a_correction_a_cell_that_is_left_withheld_is_what_lies_in_the_file(tmp_path: Path) -> None:
    run = loaded(tmp_path, 'a,"se,cret",x\nb,other,y\nc,third,z\n')
    first, second, third = (reject.offset for reject in run.memory.found)
    done = run.replay({first: b"a,(sensitive),1", third: b"c,(sensitive),still"})
    assert run.notes == {"a": "se,cret"}
    assert done.corrections == (Correction(first, 13, b"a,(sensitive),1"),)
    assert shown(tuple(run.memory.found)) == [(b"b,(sensitive),y", "cells"), (b"c,(sensitive),z", "cells")]
    run.replay({second: b'b,"new",2', third: b'"c","(sensitive)",3'})
    assert run.notes == {"a": "se,cret", "b": "new", "c": "third"}


def test_the_time_can_end_a_replay_while_it_reads_the_file_for_what_is_left_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = loaded(tmp_path, "a,secret,x\n")
    readings: list[int] = []
    usual = run.memory.blocks

    def blocks(size: int, start: int = 0) -> Iterator[bytes]:
        readings.append(start)
        return usual(size, start)

    monkeypatch.setattr(run.memory, "blocks", blocks)

    def end(_reached: int) -> None:
        raise ServiceError("the time is up")

    with pytest.raises(ServiceError, match="the time is up"):
        run.replay({run.memory.found[0].offset: b"a,(sensitive),1"}, seen=end)
    assert readings == [0, len(HEADER)], "the header, and then the cell: no pass was begun"


def test_a_correction_of_which_nothing_tells_what_is_withheld_stays_a_reject(tmp_path: Path) -> None:
    run = loaded(tmp_path, "a,secret\nb,x,y\n")
    done = run.replay({run.memory.found[0].offset: b"a,(sensitive),1"})
    assert (done.counts.rejected, done.left) == (1, 2)
    [reason] = run.memory.found[0].errors
    assert reason.code == "missing-cell"
    assert reason.message.endswith("write the record whole")
    assert run.notes == {}


def test_what_was_kept_whole_is_withheld_once_the_contract_says_so(tmp_path: Path) -> None:
    run = loaded(tmp_path, "a,secret,x\nb,other,y\n", **KEEP)
    run.replay({run.memory.found[0].offset: None})
    assert shown(tuple(run.memory.found)) == [(b"(sensitive)", "record")] * 2
    assert [reject.errors[0].code for reject in run.memory.found] == ["type-error"] * 2
