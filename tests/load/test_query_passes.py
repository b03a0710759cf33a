"""A query that gives all rows as they are loads what the same contract without it loads: every value survives the way."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from row_plans import compile_query
from run_memory import Items, Memory, Rejects, compile_things

from penstock.load.query import run_query
from penstock.load.report import Report
from penstock.load.run import run_object
from penstock.plan.model import Plan

FIELDS: list[Any] = [
    {"name": "id", "type": "integer"},
    "text",
    {"name": "count", "type": "integer"},
    {"name": "price", "type": "number", "decimal": [20, 5]},
    {"name": "open", "type": "boolean"},
    {"name": "day", "type": "date"},
    {"name": "moment", "type": "datetime"},
]
NAMES = [field if isinstance(field, str) else field["name"] for field in FIELDS]
LOAD = {"partition_key": "id", "on_duplicate": "reject"}
MISSING = {"missingValues": ["-"]}  # so that an empty text is there

texts = st.text(st.sampled_from('aN\\",\n\r\t -é😀\u2028\ufeff'), max_size=4)
cells = {
    "count": st.sampled_from(["-", "0", "-7", "9" * 38, "-" + "9" * 38, "x"]),
    "price": st.sampled_from(["-", "0", "0.5", "-0.00001", "123456789012345.12345", "1e2", "x"]),
    "open": st.sampled_from(["-", "true", "false", "maybe"]),
    "day": st.sampled_from(["-", "0001-01-01", "2024-02-29", "9999-12-31", "2023-02-29"]),
    "moment": st.sampled_from(
        ["-", "1969-12-31T23:59:59", "9999-12-31T23:59:59.999999", "2024-01-02T03:04:05.5"]
    ),
}
rows = st.lists(st.tuples(texts, *cells.values()), max_size=20)


def render(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    numbered = [[str(number), *row] for number, row in enumerate(rows)]
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([NAMES, *numbered])
    return text.getvalue().encode()


@cache
def make_plan(*, queried: bool) -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        if not queried:
            return compile_things(Path(folder), FIELDS, load=LOAD, schema=MISSING)
        sql = f"SELECT {', '.join(NAMES)} FROM rows"
        return compile_query(Path(folder), FIELDS, sql, load=LOAD, schema=MISSING)


def load(data: bytes, *, queried: bool) -> tuple[Report, Memory]:
    memory, plan = Memory(data), make_plan(queried=queried)
    with tempfile.TemporaryDirectory() as name:
        report: object
        if queried:
            report = run_query(plan, memory, {}, Items(memory), Rejects(memory), Path(name), query_mb=64)
        else:
            report = run_object(plan, memory, Items(memory), Rejects(memory), Path(name))
    assert isinstance(report, Report)
    return report, memory


@settings(max_examples=12)
@given(rows=rows)
@example(
    [(text, "-", "-", "-", "-", "-") for text in ("", "\\", "\\N", "\\\\N", '"', "\n", "\r\n", "-", " \\N")]
)
def test_every_value_survives_a_query_that_gives_all_rows(rows: list[tuple[str, ...]]) -> None:
    data = render(rows)
    by_row, directly = load(data, queried=False)
    report, memory = load(data, queried=True)
    assert [json.loads(write.body) for write in memory.writes] == [
        json.loads(write.body) for write in directly.writes
    ]
    assert (report.status, report.counts.rejected) == (by_row.status, by_row.counts.rejected)
    assert report.counts.loaded == by_row.counts.loaded
    assert memory.found == directly.found
    if report.result is not None:
        assert report.result.loaded == report.counts.loaded
