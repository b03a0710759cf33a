"""A contract with a query compiled: the plan of its rows, the query, and the plan of its result."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from penstock.compile.explain import explain_contract, explain_steps, find_sensitive
from penstock.compile.plan import compile_contract
from penstock.contract.model import Contract
from penstock.contract.read import read_contract
from penstock.errors import ContractError
from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.report import Report
from penstock.load.run import run_object
from penstock.plan.codec import read_plan, write_plan
from penstock.plan.model import Query

FIELDS = [
    {"name": "id", "type": "integer"},
    {"name": "country", "type": "string"},
    {"name": "length", "type": "number", "decimal": [10, 2]},
    {"name": "seen", "type": "datetime"},
    {"name": "tags", "type": "list"},
]
COUNTRIES = {
    "key": "reference/countries.csv",
    "schema": {
        "fields": [{"name": "code", "type": "string"}, {"name": "name", "type": "string", "sensitive": True}]
    },
}
SQL = "SELECT c.code, count(*) AS n, sum(length) AS length FROM rows JOIN countries c ON country = c.code GROUP BY c.code"


def contract(folder: Path, sql: str = SQL, **parts: Any) -> Contract:
    written = {
        "penstock": 1,
        "name": "runways",
        "source": {"prefix": "runways/"},
        "schema": {"fields": FIELDS},
        "transform": {"sql": sql, **parts.pop("transform", {})},
        "references": {"countries": COUNTRIES} if "countries" in sql else {},
        "load": {"table": "runways", "partition_key": "code"},
        **parts,
    }
    path = folder / "contract.yaml"
    path.write_text(json.dumps(written))
    return read_contract(path)


def query(folder: Path, sql: str = SQL, **parts: Any) -> Query:
    plan = compile_contract(contract(folder, sql, **parts))
    assert plan.query is not None
    return plan.query


def refused(folder: Path, sql: str = SQL, **parts: Any) -> list[str]:
    with pytest.raises(ContractError) as caught:
        compile_contract(contract(folder, sql, **parts))
    return list(caught.value.problems)


def run(found: Query, **tables: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Run the query in DuckDB over rows given for each relation."""
    with duckdb.connect() as database:
        for name, columns in (("rows", found.columns), *((r.name, r.columns) for r in found.references)):
            listed = ", ".join(f'"{column.name}" {column.sql_type}' for column in columns)
            database.execute(f'CREATE TABLE "{name}" ({listed})')
            for row in tables.get(name, []):
                database.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" for _ in row)})', row)
        described = database.execute(f"DESCRIBE {found.duckdb}").fetchall()
        assert [(row[0], row[1]) for row in described] == [(c.name, c.sql_type) for c in found.result]
        return database.execute(found.duckdb).fetchall()


def test_a_plan_with_a_query_survives_its_json(tmp_path: Path) -> None:
    plan = compile_contract(contract(tmp_path))
    assert read_plan(write_plan(plan)) == plan


def test_only_the_columns_that_the_query_reads_are_carried(tmp_path: Path) -> None:
    found = query(tmp_path)
    assert [(c.name, c.type, c.sql_type) for c in found.columns] == [
        ("country", "string", "VARCHAR"),
        ("length", "number", "DECIMAL(10,2)"),
    ]
    assert [c.name for c in found.references[0].columns] == ["code"]


def test_a_query_that_counts_rows_alone_carries_one_column(tmp_path: Path) -> None:
    assert [c.name for c in query(tmp_path, "SELECT 'x' AS code, count(*) AS n FROM rows").columns] == ["id"]


def test_rows_and_references_have_plans_of_records_that_note_no_keys(tmp_path: Path) -> None:
    found = query(tmp_path)
    for rows in (found.rows, found.references[0].rows):
        assert rows is not None
        assert rows.on_duplicate == "newest"
        assert rows.wide is None
        assert len(rows.items) == 1
    assert found.references[0].key == "reference/countries.csv"


def test_the_result_is_loaded_by_a_plan_whose_fields_are_its_columns(tmp_path: Path) -> None:
    plan = compile_contract(contract(tmp_path))
    assert plan.query is not None
    assert [(field.name, field.type) for field in plan.fields] == [
        ("code", "string"),
        ("n", "integer"),
        ("length", "number"),
    ]
    assert plan.on_duplicate == "reject"
    assert plan.query.header == '"code","n","length"'
    assert (plan.fields_match, plan.dialect.case_sensitive_header, plan.dialect.line_terminator) == (
        "exact",
        True,
        "lf",
    )


def test_names_are_those_after_rename_and_without_drop(tmp_path: Path) -> None:
    transform = {"rename": {"country": "land"}, "set": {"half": "length * 0.5"}, "drop": ["id"]}
    found = query(tmp_path, "SELECT land AS code, half FROM rows", transform=transform)
    assert [(c.name, c.sql_type) for c in found.columns] == [("land", "VARCHAR"), ("half", "DECIMAL(38,3)")]
    assert refused(tmp_path, "SELECT id AS code FROM rows", transform=transform) == [
        "transform.sql: no column is called `id`"
    ]


def test_the_rows_of_a_result_come_sorted_with_nulls_first(tmp_path: Path) -> None:
    found = query(tmp_path, "SELECT country AS code, id FROM rows")
    rows = [(2, "é"), (1, "z"), (3, None), (1, "Z"), (1, "é")]
    assert [(code, int(n)) for code, n in run(found, rows=rows)] == [
        (None, 3), ("Z", 1), ("z", 1), ("é", 1), ("é", 2),
    ]  # fmt: skip


def test_what_load_says_of_columns_that_the_result_lacks_is_told(tmp_path: Path) -> None:
    load = {"table": "things", "partition_key": "kode", "sort_key": "n", "types": {"x": "S"}, "ttl": "code"}
    assert refused(tmp_path, load=load) == [
        'load.partition_key: "kode" is no column of the query\'s result; did you mean "code"?',
        'load.types.x: "x" is no column of the query\'s result',
        "load.ttl: must be an integer (Unix time in seconds), a date or a datetime, not string",
    ]


def test_a_field_of_a_type_that_queries_lack_is_refused_where_it_is_read(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, "SELECT tags AS code FROM rows")
    assert problem.startswith(
        "transform.sql: `tags` is of the type list, and a query reads text, whole numbers"
    )


def test_a_reference_that_is_not_read_is_told(tmp_path: Path) -> None:
    found = refused(tmp_path, "SELECT country AS code FROM rows", references={"countries": COUNTRIES})
    assert found == ["references.countries: transform.sql does not read it"]


def test_what_is_made_of_sensitive_cells_is_sensitive_in_the_result(tmp_path: Path) -> None:
    sql = "SELECT c.code, max(c.name) || '!' AS n, count(*) AS m FROM rows JOIN countries c ON country = c.code GROUP BY 1"
    read = contract(tmp_path, sql)
    assert [field.name for field in compile_contract(read).fields if field.sensitive] == ["n"]
    assert find_sensitive(read) == {"n"}


def test_the_query_is_explained_with_what_it_reads_and_gives(tmp_path: Path) -> None:
    words = explain_contract(contract(tmp_path))
    assert "  rows, the file's rows: country VARCHAR, length DECIMAL(10,2)\n" in words
    assert "  countries, the CSV object reference/countries.csv: code VARCHAR\n" in words
    assert "  length  number   DECIMAL(38,2)\n" in words
    assert "in the function (DuckDB), and on Spark: both give the same" in words


def test_columns_that_differ_only_in_case_are_refused_where_both_are_read(tmp_path: Path) -> None:
    sql = 'SELECT id, country, "COUNTRY" AS other FROM rows'
    load = {"table": "runways", "partition_key": "id"}
    shouting = {"set": {"COUNTRY": "upper(country)"}}
    assert refused(tmp_path, sql, transform=shouting, load=load) == [
        "transform.sql: it reads `country` and `COUNTRY` of rows, which differ only in case: `rename` one"
    ]
    assert query(tmp_path, "SELECT id, country FROM rows", transform=shouting, load=load).columns


TEXTS = ["", "\\", "\\N", "\\\\N", 'a "b"', "a,b", "a\nb\r\nc", " x ", "é😀\uffff", "'", None]


def test_every_value_survives_the_results_file(tmp_path: Path) -> None:
    sql = "SELECT CAST(id AS VARCHAR) AS code, country AS t, length, seen, CAST(seen AS DATE) AS day, id > 3 AS b, id FROM rows"
    plan = compile_contract(
        contract(tmp_path, sql, load={"table": "things", "partition_key": "code", "nulls": "write"})
    )
    assert plan.query is not None
    rows = [
        (i, text, None if i == 9 else f"-{i}.50", None if i == 8 else f"0001-01-01 00:00:00.{i:06}")
        for i, text in enumerate(TEXTS)
    ]
    file = tmp_path / "result.csv"
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE rows (id DECIMAL(38,0), country VARCHAR, length DECIMAL(10,2), seen TIMESTAMP)"
        )
        database.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", rows)
        lines = database.execute(f"SELECT {plan.query.record} FROM ({plan.query.duckdb})").fetchall()
    file.write_bytes(
        "".join(f"{line}\n" for line in (plan.query.header, *(row[0] for row in lines))).encode()
    )
    with JsonlItemWriter(tmp_path / "out") as items, JsonlRejectWriter(tmp_path / "out") as rejects:
        report = run_object(replace(plan, query=None), FileSource(file), items, rejects, tmp_path)
    assert isinstance(report, Report)
    assert (report.counts.loaded, report.counts.read) == (len(TEXTS), len(TEXTS))
    loaded = [
        json.loads(line)["Item"] for line in (tmp_path / "out" / "items.jsonl").read_text().splitlines()
    ]
    by_code = {int(item["code"]["S"]): item for item in loaded}
    for i, text in enumerate(TEXTS):
        assert by_code[i]["t"] == ({"NULL": True} if text is None else {"S": text})
        assert by_code[i]["b"] == {"BOOL": i > 3}
    assert by_code[2]["length"] == {"N": "-2.5"}
    assert by_code[2]["seen"] == {"S": "0001-01-01T00:00:00.000002"}
    assert by_code[2]["day"] == {"S": "0001-01-01"}
    assert by_code[9]["length"] == by_code[8]["day"] == {"NULL": True}


@pytest.mark.parametrize("name", ['a "quoted" name', "le heading", "a.b", "ключ"])
def test_a_column_can_have_any_name_that_can_be_seen(tmp_path: Path, name: str) -> None:
    quoted = name.replace('"', '""')
    found = query(tmp_path, f'SELECT country AS "{quoted}", 1 AS code FROM rows')
    assert found.result[0].name == name
    assert run(found, rows=[("x",)]) == [("x", 1)]


def test_a_parquet_reference_has_types_and_no_plan_of_rows(tmp_path: Path) -> None:
    fields = [
        {"name": "code", "type": "string", "constraints": {"required": True}},
        {"name": "pop", "type": "number", "decimal": [20, 3]},
        {"name": "since", "type": "datetime"},
    ]
    references = {"countries": {"key": "countries.parquet", "schema": {"fields": fields}}}
    sql = "SELECT c.code, pop, since FROM rows JOIN countries c ON country = c.code"
    (found,) = query(tmp_path, sql, references=references).references
    assert (found.rows, found.required) == (None, ("code",))
    assert [column.sql_type for column in found.columns] == ["VARCHAR", "DECIMAL(20,3)", "TIMESTAMP"]


def test_a_reference_to_a_feed_is_read_by_that_feeds_contract(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "penstock.yaml").write_text("penstock: 1\nname: shop\n")
    own = {
        "penstock": 1,
        "name": "countries",
        "source": {"prefix": "countries/", "suffix": ".csv.gz"},
        "schema": {"fields": [{"name": "code", "type": "string"}, {"name": "gone", "type": "boolean"}]},
        "transform": {"where": "NOT gone", "rename": {"code": "iso"}},
        "load": {"table": "countries", "partition_key": "iso"},
    }
    (tmp_path / "contracts" / "countries.yaml").write_text(json.dumps(own))
    sql = "SELECT c.iso AS code FROM rows JOIN countries c ON country = c.iso"
    read = contract(tmp_path / "contracts", sql, references={"countries": {"feed": "countries"}})
    plan = compile_contract(read)
    assert plan.query is not None
    (found,) = plan.query.references
    assert (found.key, found.prefix, found.suffix) == (None, "countries/", ".csv.gz")
    assert found.rows is not None
    assert "NOT" in found.rows.statements.judged
    assert [column.name for column in found.columns] == ["iso"]


def test_a_number_of_the_result_without_decimal_places_is_an_integer(tmp_path: Path) -> None:
    found = query(tmp_path, "SELECT country AS code, round(length) AS a, length * 2 AS b FROM rows")
    assert [(column.type, column.sql_type) for column in found.result[1:]] == [
        ("integer", "DECIMAL(9,0)"),
        ("number", "DECIMAL(11,2)"),
    ]


@pytest.mark.parametrize("over", ["object", "prefix", "new"])
def test_the_plan_says_what_the_rows_are_of(tmp_path: Path, over: str) -> None:
    plan = compile_contract(contract(tmp_path, transform={"over": over}, schedule="rate(1 hour)"))
    assert plan.query is not None
    assert plan.query.over == over
    assert read_plan(write_plan(plan)) == plan


def test_the_steps_say_when_the_query_is_over_many_files(tmp_path: Path) -> None:
    one = explain_steps(contract(tmp_path))
    many = explain_steps(contract(tmp_path, transform={"over": "new"}, schedule="rate(1 hour)"))
    assert one[-1].endswith("the query, over all rows")
    assert many[-1].endswith("all files that are new since the last run, when the schedule comes")


def test_a_query_that_spark_can_not_be_trusted_with_is_refused_where_spark_is_to_run_it(
    tmp_path: Path,
) -> None:
    sql = "SELECT upper(country) AS code FROM rows"
    (problem,) = refused(tmp_path, sql, engine="glue")
    assert problem.startswith(
        "engine: on Spark the query can't be trusted to give what it does in DuckDB: `upper`: "
    )
    assert query(tmp_path, sql, engine="auto").spark is None


def test_a_part_named_by_with_never_stands_for_a_reference(tmp_path: Path) -> None:
    names = [f"q{number}" for number in range(4)]
    joins = " ".join(f"LEFT JOIN {name} ON {name}.code = part.code" for name in names)
    columns = ", ".join(f"{name}.name AS {name}" for name in names)
    sql = f"WITH part AS (SELECT country AS code FROM rows) SELECT part.code, {columns} FROM part {joins}"
    found = query(tmp_path, sql, references=dict.fromkeys(names, COUNTRIES))
    with duckdb.connect() as database:
        database.execute("CREATE TABLE rows AS SELECT 'DE' AS country")
        for name in names:
            database.execute(f"CREATE TABLE {name} AS SELECT 'DE' AS code, 'of {name}' AS name")
        assert database.execute(found.duckdb).fetchall() == [("DE", *(f"of {name}" for name in names))]
