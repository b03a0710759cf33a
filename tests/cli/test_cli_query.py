"""`penstock run` and `check` on a contract with a query: where references come from, and what is said of both stages."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
from command_line import CONTRACT, HEADER, invoke, lines, write

from penstock.api.resume import Kept, KeptRun
from penstock.cli.put_reference import choose_key
from penstock.contract.project import read_project
from penstock.errors import UsageError
from penstock.load.files import FileSource
from penstock.load.gathering import FilesTogether

REFERENCES = """\
references:
  customers:
    key: reference/customers.csv
    schema: {fields: [{name: id, type: string}, {name: country, type: string}]}
"""
QUERY = CONTRACT.replace(
    '  set: {total: "quantity * price"}\n',
    "  sql: |\n"
    "    SELECT c.country, sum(o.quantity) AS quantity, count(*) AS orders\n"
    "    FROM rows AS o LEFT JOIN customers AS c ON o.customer = c.id GROUP BY c.country\n",
)
QUERY = QUERY[: QUERY.index("load:\n")] + REFERENCES + "load: {table: sales, partition_key: country}\n"
ORDERS = (
    HEADER + "ORD-001,ann,2,9.50,NEW\nORD-002,bob,1,0.1,PAID\nORD-003,ann,4,1,NEW\n"
    "ORD-004,eve,1,1,NEW\n"  # of no country: the result's row has no key
    "ORD-005,ann,none,1,NEW\n"  # line 6: a type error
    "ORD-006,ann,1,1,CANCELLED\n"
)
CUSTOMERS = "id,country\nann,DE\nbob,FR\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one feed, with a file for it."""
    write(tmp_path / "penstock.yaml", "penstock: 1\nname: shop\n")
    write(tmp_path / "contracts" / "orders.yaml", QUERY)
    write(tmp_path / "orders.csv", ORDERS)
    return tmp_path


def call(project: Path, command: str, *options: object) -> tuple[int, str]:
    found = invoke(command, project / "contracts" / "orders.yaml", project / "orders.csv", *options)
    return found.exit_code, found.output


def test_a_run_counts_records_and_rows_of_the_result_and_keeps_the_rejects_of_both(project: Path) -> None:
    write(project / "customers.csv", CUSTOMERS)
    code, output = call(
        project, "run", "--output", project / "out", "--reference", f"customers={project / 'customers.csv'}"
    )
    assert code == 0
    assert "6 records read: 4 loaded, 1 rejected, 1 filtered\n" in output
    assert "3 rows of the query's result: 2 loaded, 1 rejected\n" in output
    folder = project / "out" / "orders.csv"
    assert [line["Item"] for line in lines(folder / "items.jsonl")] == [
        {"country": {"S": "DE"}, "quantity": {"N": "6"}, "orders": {"N": "2"}},
        {"country": {"S": "FR"}, "quantity": {"N": "1"}, "orders": {"N": "1"}},
    ]
    assert [
        (line.get("of"), line["line"], line["errors"][0]["code"]) for line in lines(folder / "rejects.jsonl")
    ] == [
        (None, 6, "type-error"),
        ("result", 2, "key-error"),
    ]
    report = json.loads((folder / "report.json").read_text())
    assert (report["counts"]["loaded"], report["result"]["loaded"], report["items"]["put"]) == (4, 2, 2)
    assert report["engine"] == "duckdb"


@pytest.mark.parametrize(
    "place", ["reference/customers.csv", "references/customers.csv", "references/customers.csv.gz"]
)
def test_a_reference_that_is_not_named_is_found_below_the_projects_folder(project: Path, place: str) -> None:
    file = write(project / place, CUSTOMERS)
    if place.endswith(".gz"):
        import gzip  # noqa: PLC0415 -- for this one place

        file.write_bytes(gzip.compress(CUSTOMERS.encode()))
    assert call(project, "run", "--output", project / "out")[0] == 0


def test_a_reference_that_is_missing_is_told_with_where_it_was_looked_for(project: Path) -> None:
    code, output = call(project, "run", "--output", project / "out")
    assert code == 2
    assert "--reference customers=FILE" in output
    assert (project / "reference" / "customers.csv").as_posix() in output
    assert not (project / "out").exists()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("costumers=x.csv", "Did you mean customers?"),
        ("customers", "name a reference and its file"),
        ("customers=no-such.csv", "no-such.csv: there is no such file"),
    ],
)
def test_a_reference_that_is_named_wrongly_is_told(project: Path, option: str, told: str) -> None:
    write(project / "references" / "customers.csv", CUSTOMERS)
    code, output = call(project, "check", "--reference", option)
    assert code == 2
    assert told in output


def test_a_check_runs_the_query_and_shows_the_rejects_of_both_stages(project: Path) -> None:
    write(project / "references" / "customers.csv", CUSTOMERS)
    code, output = call(project, "check")
    assert code == 0
    assert "3 rows of the query's result: 2 loaded, 1 rejected\n" in output
    assert "  line 6: type-error in quantity" in output
    assert "  result, line 2: key-error in country" in output
    assert '    country: {"S": "DE"}\n' in output


def test_a_check_without_files_needs_no_references(project: Path) -> None:
    found = invoke("check", project / "contracts" / "orders.yaml")
    assert found.exit_code == 0
    assert found.output.endswith(
        ": ok. Feed orders: 5 fields, a query over rows and customers, table sales by country (S)\n"
    )


def test_a_reference_that_breaks_its_schema_refuses_the_file_and_is_named_as_the_file_that_it_is(
    project: Path,
) -> None:
    file = write(project / "references" / "customers.csv", "id,country\nann\n")
    code, output = call(project, "run", "--output", project / "out")
    assert code == 1
    assert f"the reference customers ({file.as_posix()}) can't be used: line 2: missing-cell" in output


def test_json_has_the_counts_of_the_result_and_says_which_rejects_are_of_it(project: Path) -> None:
    write(project / "references" / "customers.csv", CUSTOMERS)
    found = invoke("check", project / "contracts" / "orders.yaml", project / "orders.csv", "--json")
    [file] = json.loads(found.stdout)["files"]
    assert file["result"]["rejected"] == 1
    assert [reject.get("of") for reject in file["first_rejects"]] == [None, "result"]


def test_a_contract_with_a_query_is_explained_with_what_is_the_files_and_what_the_results(
    project: Path,
) -> None:
    done = invoke("explain", project / "contracts" / "orders.yaml")
    assert done.exit_code == 0, done.output
    titles = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert len(titles) == len(set(titles))
    for said in (
        "What a row of the result is checked for",
        "SQL: from the cells of the result's file to their text",
        "  column    type     in SQL",
        "  quantity  integer  DECIMAL(38,0)",
    ):
        assert said in done.stdout
    assert "transform.prepare" not in done.stdout  # the contract has none


@pytest.fixture
def together(tmp_path: Path) -> Path:
    """A project of one feed whose query is over many files, with two of them."""
    query = QUERY.replace("  sql: |\n", "  over: new\n  sql: |\n") + "schedule: rate(1 hour)\n"
    write(tmp_path / "penstock.yaml", "penstock: 1\nname: shop\n")
    write(tmp_path / "contracts" / "orders.yaml", query)
    write(tmp_path / "reference" / "customers.csv", CUSTOMERS)
    write(tmp_path / "orders.csv", ORDERS)
    write(tmp_path / "more" / "orders.csv", HEADER + "ORD-009,ann,3,1,NEW\nORD-010,bob,many,1,NEW\n")
    return tmp_path


def call_together(project: Path, command: str, *options: object) -> tuple[int, str]:
    files = (project / "orders.csv", project / "more" / "orders.csv")
    found = invoke(command, project / "contracts" / "orders.yaml", *files, *options)
    return found.exit_code, found.output


def test_files_of_a_query_over_many_are_one_run_with_one_report(together: Path) -> None:
    code, output = call_together(together, "run", "--output", together / "out")
    assert code == 0, output
    assert "8 records read: 5 loaded, 2 rejected, 1 filtered\n" in output
    (folder,) = (together / "out").iterdir()
    assert folder.name == "orders"
    assert [line["Item"]["quantity"] for line in lines(folder / "items.jsonl")] == [{"N": "9"}, {"N": "1"}]
    assert [
        (Path(line.get("key", "-")).parent.name, line["line"]) for line in lines(folder / "rejects.jsonl")
    ] == [
        (together.name, 6),
        ("more", 3),
        ("", 2),
    ]
    assert [each["good"] for each in lines(folder / "object-counts.jsonl")] == [4, 1]
    assert json.loads((folder / "report.json").read_text())["key"] == "incoming/orders/"


def test_a_check_of_such_files_is_one_verdict_that_names_the_files_of_its_rejects(together: Path) -> None:
    code, output = call_together(together, "check")
    assert code == 0, output
    assert output.count("records read") == 1
    assert "more/orders.csv, line 3: type-error in quantity" in output


def test_a_file_is_named_once(together: Path) -> None:
    found = invoke(
        "check",
        together / "contracts" / "orders.yaml",
        together / "orders.csv",
        together / "more" / ".." / "orders.csv",
    )
    assert found.exit_code == 2
    assert "is named twice, and its rows would count twice" in found.output


def test_a_run_of_many_files_that_was_cut_off_is_not_gone_on_with_when_one_of_them_has_changed(
    together: Path,
) -> None:
    def kept() -> KeptRun:
        paths = (together / "orders.csv", together / "more" / "orders.csv")
        files = FilesTogether("incoming/orders/", tuple(FileSource(path) for path in paths))
        return KeptRun(together / "out", files, "plan", "1.0", {})

    first = kept()
    first.keep(Kept(first.identity))
    assert kept().read() == Kept(first.identity)
    write(together / "more" / "orders.csv", HEADER + "ORD-009,ann,4,1,NEW\n")
    with pytest.raises(UsageError, match="the file is not what it was"):
        kept().read()


def test_a_disk_without_room_for_temporary_files_is_told_as_one(project: Path) -> None:
    write(project / "references" / "customers.csv", CUSTOMERS + "x,DE\n" * 20_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (20_000, before[1])
    )  # what is written past that fails as on a full disk
    try:
        code, output = call(project, "check")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 3
    assert "Error: There is no space left for temporary files in " in output


TWO = QUERY.replace("name: orders", "name: returns").replace("incoming/orders/", "incoming/returns/")


def test_a_reference_is_put_where_all_feeds_of_its_name_read_it(project: Path) -> None:
    write(project / "contracts" / "returns.yaml", TWO)
    key, feeds = choose_key(read_project(project).feeds, "customers", None)
    assert (key, {feed.name for feed in feeds}) == ("reference/customers.csv", {"orders", "returns"})


@pytest.mark.parametrize(
    ("changed", "name", "feed", "told"),
    [
        (TWO, "costumers", None, "The project's queries have no reference costumers. There is customers."),
        (TWO, "customers", "sales", "The query of sales has no reference customers. There is none at all."),
        (TWO.replace("reference/", "other/"), "customers", None, "at several keys: .* Name the feed with --feed"),
    ],
)  # fmt: skip
def test_a_reference_that_is_none_or_not_clear_is_not_put(
    project: Path, changed: str, name: str, feed: str | None, told: str
) -> None:
    write(project / "contracts" / "returns.yaml", changed)
    with pytest.raises(UsageError, match=told):
        choose_key(read_project(project).feeds, name, feed)


def test_a_reference_of_another_feed_is_put_to_that_feed(project: Path) -> None:
    of_feed = TWO.replace(REFERENCES, "references: {customers: {feed: people}}\n")
    write(project / "contracts" / "returns.yaml", of_feed)
    people = (
        CONTRACT.replace("orders", "people")
        .replace("name: customer,", "name: id,")
        .replace("{customer}", "{id}")
    )
    write(project / "contracts" / "people.yaml", people.replace("name: status", "name: country"))
    with pytest.raises(UsageError, match="penstock put FILE --feed people"):
        choose_key(read_project(project).feeds, "customers", "returns")
