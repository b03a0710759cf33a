"""A run of a feed with a query: what becomes of every record of the object, and of every row of the result."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from row_plans import compile_query
from run_memory import Items, Loaded, Memory, Rejects
from run_workers import Shelf, World

from penstock.errors import UsageError
from penstock.load.query import run_query
from penstock.load.remainder import Remainder
from penstock.load.replay import replay_rejects
from penstock.load.report import Counts, Report
from penstock.plan.model import Plan

SALES = ["id", "country", {"name": "amount", "type": "integer"}]
COUNTRIES = ["code", "name"]
JOIN = (
    "SELECT r.country, c.name, count(*) AS sales, sum(r.amount) AS amount "
    "FROM rows AS r LEFT JOIN countries AS c ON r.country = c.code GROUP BY r.country, c.name"
)
BY_COUNTRY = {"partition_key": "country"}
CODES = "code,name\nDE,Germany\nFR,France\n"


def load(
    folder: Path, plan: Plan, data: str, references: Mapping[str, str | bytes] | None = None, **more: Any
) -> Loaded:
    memory = Memory(data.encode())
    found = {
        name: Memory(text.encode() if isinstance(text, str) else text, key=f"reference/{name}.csv")
        for name, text in (references or {}).items()
    }
    scratch = folder / "scratch"
    scratch.mkdir()
    report = run_query(
        plan, memory, found, Items(memory), Rejects(memory), scratch, **{"query_mb": 64, **more}
    )
    assert isinstance(report, Report)
    assert report.counts.conserved
    assert report.result is None or report.result.conserved
    assert not list(scratch.iterdir()), "a run leaves nothing behind"
    return Loaded(report, tuple(memory.writes), tuple(memory.found))


@pytest.fixture
def totals(tmp_path: Path) -> Plan:
    return compile_query(tmp_path, SALES, JOIN, references={"countries": COUNTRIES}, load=BY_COUNTRY)


def test_rows_are_joined_aggregated_and_loaded(tmp_path: Path, totals: Plan) -> None:
    data = "id,country,amount\n1,DE,5\n2,FR,7\n3,DE,6\n4,XX,\n"
    found = load(tmp_path, totals, data, {"countries": CODES})
    assert found.items == [
        {"country": {"S": "DE"}, "name": {"S": "Germany"}, "sales": {"N": "2"}, "amount": {"N": "11"}},
        {"country": {"S": "FR"}, "name": {"S": "France"}, "sales": {"N": "1"}, "amount": {"N": "7"}},
        {"country": {"S": "XX"}, "sales": {"N": "1"}},
    ]


def test_records_and_rows_of_the_result_are_counted_apart(tmp_path: Path, totals: Plan) -> None:
    data = "id,country,amount\n1,DE,5\n2,FR,7\n3,DE,6\n4,DE,x\n\n"
    report = load(tmp_path, totals, data, {"countries": CODES}, reason="it is small").report
    assert report.counts == Counts(read=5, loaded=3, rejected=1, blank=1)
    assert report.result == Counts(read=2, loaded=2)
    assert (report.status, report.items.put, dict(report.errors)) == ("done", 2, {"type-error": 1})
    assert (report.engine, report.engine_reason) == ("duckdb", "it is small")
    assert report.bytes == len(data)


def test_rejects_of_the_result_are_told_from_those_of_the_object(tmp_path: Path, totals: Plan) -> None:
    data = "id,country,amount\n1,DE,5\n2,DE,x\n3,,4\n"
    found = load(tmp_path, totals, data, {"countries": CODES})
    assert [(r.of, r.line, r.errors[0].code) for r in found.rejects] == [
        ("object", 3, "type-error"),
        ("result", 2, "key-error"),
    ]
    assert found.report.counts == Counts(read=3, loaded=2, rejected=1)
    assert found.report.result == Counts(read=2, loaded=1, rejected=1)
    assert dict(found.report.errors) == {"key-error": 1, "type-error": 1}


def test_the_result_is_sorted_by_its_columns_with_the_absent_first_and_texts_by_their_bytes(
    tmp_path: Path,
) -> None:
    fields = ["id", "a", {"name": "n", "type": "integer"}]
    plan = compile_query(
        tmp_path,
        fields,
        "SELECT a, n, id FROM rows",
        load={"partition_key": "id"},
    )
    data = "id,a,n\n1,b,10\n2,b,9\n3,,1\n4,Z,1\n5,é,1\n6,😀,1\n7,\uffee,1\n8,b,\n"
    found = load(tmp_path, plan, data)
    assert [item["id"]["S"] for item in found.items] == ["3", "4", "8", "2", "1", "5", "7", "6"]


def test_an_object_whose_limit_is_passed_is_refused_before_the_query(tmp_path: Path) -> None:
    plan = compile_query(
        tmp_path,
        SALES,
        JOIN,
        references={"countries": COUNTRIES},
        load=BY_COUNTRY,
        quality={"max_rejects": 1},
    )
    data = "id,country,amount\n1,DE,5\n2,DE,x\n3,DE,y\n"
    found = load(tmp_path, plan, data, {"countries": "not even its header"})
    assert (found.report.status, found.report.code) == ("rejected", "reject-limit")
    assert found.report.counts == Counts(read=3, rejected=2, withheld=1)
    assert found.report.result is None
    assert (found.writes, len(found.rejects)) == ((), 2)


def test_an_object_of_which_every_record_is_rejected_is_refused(tmp_path: Path, totals: Plan) -> None:
    found = load(tmp_path, totals, "id,country,amount\n1,DE,x\n", {"countries": CODES})
    assert (found.report.status, found.report.code) == ("rejected", "nothing-loaded")
    assert found.report.counts == Counts(read=1, rejected=1)


def test_an_object_whose_header_is_wrong_is_refused_unread(tmp_path: Path, totals: Plan) -> None:
    report = load(tmp_path, totals, "id,amount\n1,2\n", {"countries": CODES}).report
    assert (report.status, report.code, report.counts) == ("rejected", "incorrect-label", Counts())


def test_a_query_that_overflows_refuses_the_object_without_telling_values(tmp_path: Path) -> None:
    sql = "SELECT id, amount * amount AS amount FROM rows"
    plan = compile_query(tmp_path, SALES, sql, load={"partition_key": "id"})
    found = load(tmp_path, plan, f"id,country,amount\n1,DE,{'7' * 30}\n2,DE,x\n")
    assert (found.report.status, found.report.code) == ("rejected", "query-error")
    assert found.report.counts == Counts(read=2, rejected=1, withheld=1)
    assert "777" not in str(found.report.reason)
    assert not found.writes


def test_a_reference_that_is_not_there_refuses_the_object_unread(tmp_path: Path, totals: Plan) -> None:
    report = load(tmp_path, totals, "id,country,amount\n1,DE,5\n").report
    assert (report.status, report.code) == ("rejected", "reference-error")
    assert "the reference countries (reference/countries.csv) is not there" in str(report.reason)


def test_a_reference_with_a_reject_refuses_the_object_and_names_its_line_and_field(tmp_path: Path) -> None:
    plan = compile_query(
        tmp_path,
        SALES,
        "SELECT id FROM rows JOIN areas ON country = code",
        references={"areas": ["code", {"name": "km2", "type": "integer"}]},
        load={"partition_key": "id"},
    )
    found = load(tmp_path, plan, "id,country,amount\n1,DE,5\n", {"areas": "code,km2\nFR,1\nDE,large\n"})
    assert (found.report.status, found.report.code) == ("rejected", "reference-error")
    assert found.report.counts == Counts(read=1, withheld=1)
    reason = str(found.report.reason)
    assert "the reference areas (reference/areas.csv) can't be used: line 3: type-error in km2" in reason
    assert "large" not in reason


def test_a_reference_whose_header_is_wrong_refuses_the_object(tmp_path: Path, totals: Plan) -> None:
    report = load(tmp_path, totals, "id,country,amount\n1,DE,5\n", {"countries": "iso,name\n"}).report
    assert (report.status, report.code) == ("rejected", "reference-error")
    assert "the reference countries" in str(report.reason)


def test_an_object_without_rows_is_queried_too(tmp_path: Path, totals: Plan) -> None:
    found = load(tmp_path, totals, "id,country,amount\n", {"countries": CODES})
    assert (found.report.status, found.report.counts, found.report.result) == ("done", Counts(), Counts())


def test_a_query_without_columns_counts_rows(tmp_path: Path) -> None:
    sql = "SELECT 'all' AS what, count(*) AS n FROM rows"
    plan = compile_query(tmp_path, ["id"], sql, load={"partition_key": "what"})
    assert load(tmp_path, plan, "id\n1\n\n2\n").items == [{"what": {"S": "all"}, "n": {"N": "2"}}]


def test_a_result_of_which_every_row_is_rejected_loads_nothing_of_the_object(
    tmp_path: Path, totals: Plan
) -> None:
    report = load(tmp_path, totals, "id,country,amount\n1,,5\n", {"countries": CODES}).report
    assert (report.status, report.code) == ("rejected", "nothing-loaded")
    assert report.counts == Counts(read=1, withheld=1)
    assert report.result == Counts(read=1, rejected=1)


def test_rows_of_the_result_with_one_key_are_rejected(tmp_path: Path) -> None:
    plan = compile_query(
        tmp_path,
        SALES,
        "SELECT country, id FROM rows",
        load=BY_COUNTRY,
    )
    found = load(tmp_path, plan, "id,country,amount\n1,DE,\n2,DE,\n")
    assert found.report.result == Counts(read=2, loaded=1, rejected=1)
    assert [(r.of, r.errors[0].code) for r in found.rejects] == [("result", "primary-key")]


def write_parquet(folder: Path, select: str) -> bytes:
    path = folder / "reference.parquet"
    duckdb.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


AREAS = [
    {"name": "code", "type": "string", "constraints": {"required": True}},
    {"name": "km2", "type": "number"},
]


def parquet_plan(folder: Path) -> Plan:
    return compile_query(
        folder,
        SALES,
        "SELECT id, km2 FROM rows JOIN areas_parquet ON country = code",
        references={"areas_parquet": AREAS},
        load={"partition_key": "id"},
    )


def test_a_reference_may_be_parquet_whose_columns_are_cast_exactly(tmp_path: Path) -> None:
    areas = write_parquet(tmp_path, "SELECT 7 AS other, 'DE' AS code, 357592.25::DECIMAL(12,2) AS km2")
    found = load(tmp_path, parquet_plan(tmp_path), "id,country,amount\n1,DE,5\n", {"areas_parquet": areas})
    assert found.items == [{"id": {"S": "1"}, "km2": {"N": "357592.25"}}]


@pytest.mark.parametrize(
    ("select", "told"),
    [
        ("SELECT 'DE' AS code, 1.5::DOUBLE AS km2", "its column 'km2' is DOUBLE"),
        ("SELECT 'DE' AS code, 1::DECIMAL(38,10) AS km2", "its column 'km2' is DECIMAL(38,10)"),
        ("SELECT 'DE' AS code, 1::DECIMAL(38,0) AS km2", "its column 'km2' is DECIMAL(38,0)"),
        ("SELECT 1 AS code, 1 AS km2", "its column 'code' is INTEGER"),
        ("SELECT 'DE' AS CODE, 1 AS km2", "it has no column 'code'"),
        ("SELECT NULL::VARCHAR AS code, 1 AS km2", "its column 'code' is required"),
    ],
)
def test_a_parquet_reference_whose_columns_do_not_fit_exactly_refuses_the_object(
    tmp_path: Path, select: str, told: str
) -> None:
    areas = write_parquet(tmp_path, select)
    report = load(
        tmp_path, parquet_plan(tmp_path), "id,country,amount\n1,DE,5\n", {"areas_parquet": areas}
    ).report
    assert (report.status, report.code) == ("rejected", "reference-error")
    assert told in str(report.reason)


def test_a_folder_that_is_called_as_if_it_were_a_column_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "country=XX" / "code=XX" / "c0=XX" / "f0=XX"
    folder.mkdir(parents=True)
    areas = write_parquet(tmp_path, "SELECT 'DE' AS code, 1 AS km2")
    found = load(folder, parquet_plan(tmp_path), "id,country,amount\n1,DE,5\n", {"areas_parquet": areas})
    assert found.items == [{"id": {"S": "1"}, "km2": {"N": "1"}}]


def test_a_parquet_file_that_is_broken_within_refuses_the_object(tmp_path: Path) -> None:
    areas = bytearray(write_parquet(tmp_path, "SELECT 'DE' AS code, 1 AS km2 FROM range(100)"))
    areas[4:60] = b"\xff" * 56
    report = load(
        tmp_path, parquet_plan(tmp_path), "id,country,amount\n1,DE,5\n", {"areas_parquet": bytes(areas)}
    ).report
    assert (report.status, report.code) == ("rejected", "reference-error")


def test_a_file_that_is_no_parquet_refuses_the_object(tmp_path: Path) -> None:
    report = load(
        tmp_path, parquet_plan(tmp_path), "id,country,amount\n1,DE,5\n", {"areas_parquet": b"code,km2\n"}
    ).report
    assert (report.status, report.code) == ("rejected", "reference-error")


def test_a_query_that_takes_more_memory_than_there_is_fails_the_run_and_says_what_to_do(
    tmp_path: Path,
) -> None:
    plan = compile_query(
        tmp_path, ["id"], "SELECT id, count(*) AS n FROM rows GROUP BY id", load={"partition_key": "id"}
    )
    data = "id\n" + "".join(f"{i}\n" for i in range(1000))
    report = load(tmp_path, plan, data, query_mb=2).report
    assert report.status == "failed"
    assert report.counts == Counts(read=1000, withheld=1000)
    assert "Give the function more memory" in str(report.reason)


def test_a_run_whose_time_is_up_before_the_result_is_there_fails(tmp_path: Path, totals: Plan) -> None:
    data = "id,country,amount\n" + "1,DE,5\n" * 100
    report = load(tmp_path, totals, data, {"countries": CODES}, stop=lambda: True, batch_bytes=50).report
    assert report.status == "failed"
    assert report.counts.withheld == report.counts.read > 0
    assert "longer timeout" in str(report.reason)


def test_with_a_manifest_what_a_newer_result_lacks_is_deleted_and_what_is_the_same_not_sent(
    tmp_path: Path,
) -> None:
    mirror = {"mode": "mirror", "max_deletes": "100%"}
    plan = compile_query(tmp_path, SALES, JOIN, references={"countries": COUNTRIES}, load=BY_COUNTRY | mirror)
    (tmp_path / "store").mkdir()
    shelf = Shelf(tmp_path / "store")
    versions = ["1,DE,5\n2,FR,7\n3,XX,1\n", "1,DE,4\n2,FR,7\n9,DE,1\n"]
    reports, memories = [], []
    for number, rows in enumerate(versions):
        memory = Memory(f"id,country,amount\n{rows}".encode())
        world = World(plan, memory, random.Random(number), 100, shelf.store, shelf=shelf)
        with world.worker(shelf.base.files) as scratch:
            report = run_query(
                plan,
                memory,
                {"countries": Memory(CODES.encode())},
                Items(memory),
                Rejects(memory),
                scratch,
                query_mb=64,
                upkeep=shelf.upkeep(scratch, shelf.base, limited=True),
            )
        assert isinstance(report, Report)
        reports.append(report)
        memories.append(memory)
    assert [(r.status, r.items.put, r.items.deleted, r.items.unchanged) for r in reports] == [
        ("done", 3, 0, 0),
        ("done", 1, 1, 1),
    ]
    assert [(w.operation, w.body) for w in memories[1].writes] == [
        ("put", '{"country":{"S":"DE"},"name":{"S":"Germany"},"sales":{"N":"2"},"amount":{"N":"5"}}'),
        ("delete", '{"country":{"S":"XX"}}'),
    ]


def test_rejects_of_a_feed_with_a_query_are_not_replayed(tmp_path: Path, totals: Plan) -> None:
    memory = Memory(b"id,country,amount\n1,DE,x\n")
    with pytest.raises(UsageError, match="correct the record in the file"):
        replay_rejects(
            totals, memory, Remainder(lambda: iter(()), 1, 1), None, Items(memory), Rejects(memory), tmp_path
        )
