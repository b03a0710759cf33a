"""A query on Spark gives the result, the items and the counts that it gives in DuckDB, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from penstock.errors import UsageError
from penstock.load.cut import Cut, cut_object
from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.query import run_query
from penstock.load.report import Counts, Report
from penstock.load.result import result_plan
from penstock.load.steps.local import LocalFolder
from penstock.load.steps.result import Piece, PiecesSource, cut_pieces
from penstock.load.steps.states import CHUNKS, CUT
from penstock.plan.model import Plan
from penstock.spark import query as room
from penstock.spark.run import RESULTS, plan_run, run_file

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

CONTRACT = """\
penstock: 1
name: sales
source: {prefix: incoming/sales/}
schema:
  fields:
    - {name: id, type: string, constraints: {required: true}}
    - {name: country, type: string}
    - {name: note, type: string}
    - {name: amount, type: number}
    - {name: day, type: date}
    - {name: at, type: datetime}
    - {name: ok, type: boolean}
transform:
  sql: |
    SQL
references:
  countries: {key: reference/countries.csv, schema: {fields: [{name: code, type: string}, {name: name, type: string}]}}
load: {table: sales, partition_key: KEY}
"""
ROWS = "SELECT r.id, r.note, c.name, r.amount, r.day, r.at, r.ok FROM rows AS r LEFT JOIN countries AS c ON r.country = c.code"
TOTALS = (
    "SELECT c.name, count(*) AS sales, sum(r.amount) AS amount, max(r.day) AS day "
    "FROM rows AS r LEFT JOIN countries AS c ON r.country = c.code GROUP BY c.name"
)
CODES = "code,name\nDE,Germany\nFR,\nXX,😀\n"


def make_sales(rows: int) -> str:
    notes = ["", '"a ""b"""', '"two\nlines"', "\\\\N", "\\", "😀\uffee", "é", " x "]
    records = (
        f"i{i},{('DE', 'FR', 'XX', '')[i % 4]},{notes[i % 8]},{i * 7 % 31}.{i % 10}50,"
        f"{'x' if i % 97 == 5 else f'20{i % 90 + 10}-02-0{i % 9 + 1}'},1582-10-04T01:02:{i % 60:02},{('true', 'false', '')[i % 3]}"
        for i in range(rows)
    )
    return "\n".join(["id,country,note,amount,day,at,ok", *records])


@pytest.fixture
def make(make_plan: Callable[[str], Plan]) -> Callable[..., Plan]:
    def made(sql: str, key: str = "id", more: str = "") -> Plan:
        return make_plan(CONTRACT.replace("SQL", sql).replace("KEY", key) + more)

    return made


def write(folder: Path, rows: int, codes: str = CODES) -> tuple[FileSource, dict[str, FileSource]]:
    (folder / "sales.csv").write_text(make_sales(rows))
    (folder / "countries.csv").write_text(codes)
    return FileSource(folder / "sales.csv"), {"countries": FileSource(folder / "countries.csv")}


def run_here(
    plan: Plan, source: FileSource, references: Mapping[str, FileSource], results: Path, scratch: Path
) -> Report:
    scratch.mkdir()
    with JsonlItemWriter(results) as items, JsonlRejectWriter(results) as rejects:
        report = run_query(plan, source, references, items, rejects, scratch)
    assert isinstance(report, Report)
    return report


def outcome(report: Report) -> dict[str, Any]:
    found = asdict(report)
    for name in ("seconds", "chunks", "invocations", "engine", "engine_reason"):
        del found[name]
    return found


def read_results(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in RESULTS}


@pytest.mark.parametrize(("sql", "key"), [(ROWS, "id"), (TOTALS, "sales")])
def test_spark_gives_the_items_the_rejects_and_the_counts_of_duckdb(
    session: SparkSession, make: Callable[..., Plan], tmp_path: Path, sql: str, key: str
) -> None:
    plan = make(sql, key, "quality: {max_rejects: 5%}\n" if key == "id" else "")
    source, references = write(tmp_path, 400)
    one = run_here(plan, source, references, tmp_path / "one", tmp_path / "scratch")
    run = replace(plan_run(plan, source, tmp_path / "run", 2, chunk_bytes=8_000), references=references)
    many = run_file(session, run, tmp_path / "many")
    assert outcome(many) == outcome(one)
    assert many.counts.rejected > 0
    assert read_results(tmp_path / "many") == read_results(tmp_path / "one")
    assert (many.engine, one.engine) == ("spark", "duckdb")


def test_where_each_piece_of_a_result_begins_is_where_reading_would_come_to(
    make: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = make("SELECT r.id, r.note, c.name FROM rows AS r LEFT JOIN countries AS c ON r.country = c.code")
    source, _ = write(tmp_path, 1)
    folder = LocalFolder(tmp_path / "run")
    records = [
        b'"a","\\\\N",\\N\n"b","two\nlines\r\n","x"\n',
        b'"c","\r",\\N\n',
        b'"d",\\N,"y"\n"e","","z"\n',
    ]
    pieces = []
    for number, body in enumerate(records):
        folder.put(f"result/{number}.csv", body)
        rows = 1 if number == 1 else 2
        pieces.append(Piece(f"result/{number}.csv", rows, len(body), body.count(b"\n")))
    result = PiecesSource(folder, source, plan.query.header if plan.query else "", tuple(pieces))
    known = cut_pieces(plan, folder, result, 1)
    whole = b"".join(result.blocks(10))
    assert [b"".join(result.blocks(7, start)) for start in range(len(whole))] == [
        whole[start:] for start in range(len(whole))
    ]
    read = cut_object(result_plan(plan), result, chunk_bytes=1)
    assert {chunk.start for chunk in known.chunks} <= {chunk.start for chunk in read.chunks}
    assert [chunk.rows for chunk in known.chunks] == [2, 1, 2]
    assert known.position == read.position


def test_a_result_that_another_has_cut_already_stays_cut_so(
    make: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = make("SELECT r.id FROM rows AS r LEFT JOIN countries AS c ON r.country = c.code")
    source, _ = write(tmp_path, 1)
    folder = LocalFolder(tmp_path / "run")
    folder.put("result/0.csv", b'"a"\n"b"\n')
    result = PiecesSource(
        folder, source, plan.query.header if plan.query else "", (Piece("result/0.csv", 2, 8, 2),)
    )
    others = cut_object(result_plan(plan), result, chunk_bytes=1)
    folder.write(CUT, others)
    assert cut_pieces(plan, folder, result, 1) == folder.read(Cut, CUT) == others
    assert len(json.loads(folder.get(CHUNKS))) == len(others.chunks) == 2


def test_a_query_that_fails_on_its_rows_refuses_the_file(
    session: SparkSession, make: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = make(
        "SELECT r.id, CAST(r.note AS DATE) AS x FROM rows AS r JOIN countries AS c ON r.country = c.code"
    )
    source, references = write(tmp_path, 20)
    one = run_here(plan, source, references, tmp_path / "one", tmp_path / "scratch")
    run = replace(plan_run(plan, source, tmp_path / "run", 2), references=references)
    many = run_file(session, run, tmp_path / "many")
    assert (many.status, many.code, many.counts) == ("rejected", "query-error", one.counts)
    assert (one.status, one.code) == ("rejected", "query-error")
    assert many.counts.withheld > 0
    assert read_results(tmp_path / "many") == read_results(tmp_path / "one")


@pytest.mark.parametrize("codes", ["code,name\nDE\n", "other,name\n", None])
def test_a_reference_that_is_wrong_or_missing_refuses_the_file(
    session: SparkSession, make: Callable[..., Plan], tmp_path: Path, codes: str | None
) -> None:
    plan = make(ROWS)
    source, references = write(tmp_path, 20, codes or "")
    if codes is None:
        references = {}
    one = run_here(plan, source, references, tmp_path / "one", tmp_path / "scratch")
    run = replace(plan_run(plan, source, tmp_path / "run", 2), references=references)
    many = run_file(session, run, tmp_path / "many")
    assert outcome(many) == outcome(one)
    assert (many.status, many.code) == ("rejected", "reference-error")


def test_rows_beyond_the_limit_refuse_the_file_before_the_query(
    session: SparkSession, make: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make(ROWS, more="quality: {max_rejects: 0}\n")
    source, references = write(tmp_path, 20)
    one = run_here(plan, source, references, tmp_path / "one", tmp_path / "scratch")
    run = replace(plan_run(plan, source, tmp_path / "run", 2), references=references)
    many = run_file(session, run, tmp_path / "many")
    assert outcome(many) == outcome(one)
    assert (many.code, many.counts) == ("reject-limit", Counts(read=20, rejected=1, withheld=19))
    assert read_results(tmp_path / "many") == read_results(tmp_path / "one")


def test_a_query_that_spark_may_answer_otherwise_is_refused_with_the_reasons(
    make: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = make(ROWS)
    assert plan.query is not None
    refused = replace(plan, query=replace(plan.query, spark=None, refused=("it counts stars",)))
    source, _ = write(tmp_path, 1)
    with pytest.raises(UsageError, match="it counts stars"):
        plan_run(refused, source, tmp_path / "run", 2)


def test_a_result_of_many_rows_is_written_in_pieces_in_order(
    make: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa = pytest.importorskip("pyarrow")
    monkeypatch.setattr(room, "PIECE_BYTES", 100)
    batches = [pa.RecordBatch.from_arrays([pa.array(range(i, i + 5))], ["n"]) for i in range(0, 50, 5)]
    pieces = [
        [n for batch in piece for n in batch.column(0).to_pylist()] for piece in room._gather(iter(batches))
    ]
    assert pieces == [list(range(i, min(i + 15, 50))) for i in range(0, 50, 15)]
