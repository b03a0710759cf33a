"""The rows for a query: every good record of an object is in its files, typed and in order, and all others are accounted for."""

from __future__ import annotations

import csv
import io
import random
import tempfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_plans import compile_rows, read_files
from run_memory import Memory, Rejects
from run_workers import sent

from penstock.errors import EngineError
from penstock.load.chunk import Chunk, begin_object
from penstock.load.rows import RowsRead, read_rows
from penstock.plan.model import Column, Plan

FIELDS: list[Any] = [
    "id",
    "text",
    {"name": "count", "type": "integer"},
    {"name": "price", "type": "number"},
    {"name": "open", "type": "boolean"},
    {"name": "day", "type": "date"},
    {"name": "moment", "type": "datetime"},
]
HEADER = "id,text,count,price,open,day,moment\n"


def read_all(
    folder: Path, made: tuple[Plan, Sequence[Column]], data: str, **more: Any
) -> tuple[RowsRead, Memory]:
    plan, columns = made
    memory = Memory(data.encode())
    binding = begin_object(plan, memory)
    read = read_rows(plan, columns, memory, binding.binding, binding.whole, Rejects(memory), folder, **more)
    return read, memory


def render(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return text.getvalue()


def test_cells_become_values_of_their_columns_types(tmp_path: Path) -> None:
    data = (
        HEADER
        + '1,"a ""b"",\nc",123456789012345678901234567890,-0.50,TRUE,2024-02-29,2024-01-02T03:04:05.678901\n'
        + "2,,,,,,\n"
    )
    read, _ = read_all(tmp_path, compile_rows(tmp_path, FIELDS), data)
    assert read_files(tmp_path, read.files) == [
        (
            "1",
            'a "b",\nc',
            Decimal(123456789012345678901234567890),
            Decimal("-0.500000000"),
            True,
            date(2024, 2, 29),
            datetime(2024, 1, 2, 3, 4, 5, 678901),
        ),
        ("2", None, None, None, None, None, None),
    ]


def test_files_have_the_columns_types_themselves(tmp_path: Path) -> None:
    read, _ = read_all(tmp_path, compile_rows(tmp_path, FIELDS), HEADER + "1,,,,,,\n")
    found = duckdb.execute("DESCRIBE FROM read_parquet(?)", [str(tmp_path / read.files[0].name)]).fetchall()
    assert [(name, kind) for name, kind, *_ in found] == [
        ("id", "VARCHAR"),
        ("text", "VARCHAR"),
        ("count", "DECIMAL(38,0)"),
        ("price", "DECIMAL(38,9)"),
        ("open", "BOOLEAN"),
        ("day", "DATE"),
        ("moment", "TIMESTAMP"),
    ]


def test_an_empty_text_is_not_an_absent_one(tmp_path: Path) -> None:
    made = compile_rows(tmp_path, ["id", "a"], schema={"missingValues": ["-"]})
    read, _ = read_all(tmp_path, made, "id,a\n1,\n2,-\n3,x\n")
    assert read_files(tmp_path, read.files) == [("1", ""), ("2", None), ("3", "x")]


def test_rows_that_are_filtered_rejected_or_blank_are_counted_and_not_there(tmp_path: Path) -> None:
    made = compile_rows(
        tmp_path, ["id", {"name": "n", "type": "integer"}], transform={"where": "n is null or n > 1"}
    )
    read, memory = read_all(tmp_path, made, 'id,n\na,1\nb,2\nc,x\n\nd,"3\ne,4,5\nb,2\n')
    assert read_files(tmp_path, read.files) == [("b", 2), ("b", 2)]
    tally = read.tally
    assert (tally.read, tally.good, tally.rejected, tally.filtered, tally.blank) == (7, 2, 3, 1, 1)
    assert [(r.line, r.errors[0].code) for r in memory.found] == [
        (4, "type-error"),
        (6, "quote-error"),
        (7, "extra-cell"),
    ]


def test_an_object_without_good_rows_leaves_no_file(tmp_path: Path) -> None:
    read, _ = read_all(tmp_path, compile_rows(tmp_path, ["id"]), "id\n")
    assert read.files == ()
    assert read.finished


def test_a_text_may_be_longer_than_an_item(tmp_path: Path) -> None:
    long, odd = "x" * 900_000, '""' * 300_000
    data = f'id,a\n1,{long}\n2,"{odd}"\n3,y\n'
    read, _ = read_all(tmp_path, compile_rows(tmp_path, ["id", "a"]), data)
    assert read_files(tmp_path, read.files) == [("1", long), ("2", '"' * 300_000), ("3", "y")]


def test_a_sensitive_cell_is_withheld_from_rejects(tmp_path: Path) -> None:
    made = compile_rows(
        tmp_path, ["id", {"name": "n", "type": "integer"}, {"name": "s", "type": "string", "sensitive": True}]
    )
    _, memory = read_all(tmp_path, made, "id,n,s\na,x,secret\n")
    assert b"secret" not in memory.found[0].raw


def test_many_fields_that_are_judged_apart_leave_the_rows_that_are_read(tmp_path: Path) -> None:
    names = [f"f{i}" for i in range(320)]
    made = compile_rows(tmp_path, names[:5], schema={"fieldsMatch": "subset"})
    data = ",".join(names) + "\n" + ",".join(f"v{i}" for i in range(320)) + "\n"
    read, _ = read_all(tmp_path, made, data)
    assert read_files(tmp_path, read.files) == [("v0", "v1", "v2", "v3", "v4")]


def test_a_value_that_does_not_fit_its_type_stops_the_run_and_is_not_told(tmp_path: Path) -> None:
    plan, columns = compile_rows(tmp_path, ["id", "a"])
    wrong = (columns[0], Column("a", "integer", "DECIMAL(4,0)"))
    with pytest.raises(EngineError) as told:
        read_all(tmp_path, (plan, wrong), "id,a\n1,123456\n")
    assert "123456" not in str(told.value)


def test_nothing_is_left_in_the_scratch_folder_but_the_files(tmp_path: Path) -> None:
    made = compile_rows(tmp_path, ["id"])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    read, _ = read_all(scratch, made, "id\n1\n")
    assert {p.relative_to(scratch).as_posix() for p in scratch.rglob("*") if p.is_file()} == {
        read.files[0].name
    }


texts = st.text(st.sampled_from('a",\n\r\\ é😀\u2028'), max_size=4)
records = st.lists(
    st.tuples(st.sampled_from("123"), texts, st.sampled_from(["", "7", "x"])), min_size=1, max_size=25
)


@settings(max_examples=8)
@given(
    records=records,
    seed=st.integers(0, 2**32),
    batch_bytes=st.integers(10, 150),
    file_bytes=st.integers(1, 90),
)
def test_workers_that_take_turns_leave_the_rows_that_are_good(
    records: list[tuple[str, str, str]], seed: int, batch_bytes: int, file_bytes: int
) -> None:
    dice = random.Random(seed)
    data = render([("id", "text", "count"), *records])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan, columns = compile_rows(folder, FIELDS[:3])
        memory = Memory(data.encode())
        begun = begin_object(plan, memory)
        read: RowsRead | None = None
        while read is None or not read.finished:
            read = sent(
                read_rows(
                    plan,
                    columns,
                    memory,
                    begun.binding,
                    Chunk(0, begun.position),
                    Rejects(memory),
                    folder,
                    resume=read,
                    stop=lambda: dice.random() < 0.4,
                    batch_bytes=batch_bytes,
                    file_bytes=file_bytes,
                )
            )
        found = read_files(folder, read.files)
    good = [(a, b or None, int(c) if c else None) for a, b, c in records if c != "x"]
    assert found == good
    assert (read.tally.read, read.rows, len(memory.found)) == (
        len(records),
        len(good),
        len(records) - len(good),
    )
