"""The saved queries find in the log what they are named for: they are run over lines that the function writes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from insights import Line, fields_of, flatten, run_query
from large_feed import KEY, LargeFeed, make_large_feed

from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.local.server import Server
from penstock.plan.model import Plan
from penstock.stack.names import Names
from penstock.stack.resources.queries import QUERIES, query_resources

pytestmark = pytest.mark.aws

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema: {fields: [{name: id, type: string}, {name: n, type: integer}]}
load: {table: orders, partition_key: id}
"""
SMALL = "incoming/orders/small.csv"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    path = tmp_path_factory.mktemp("contract") / "orders.yaml"
    path.write_text(CONTRACT)
    return compile_contract(read_contract(path))


@pytest.fixture(scope="module")
def feed(server: Server, plan: Plan) -> Iterator[LargeFeed]:
    """A feed that has loaded a file with rejects and a large one, and refused a third."""
    with make_large_feed(server, plan, large_bytes=500, chunk_bytes=700, batch_bytes=700) as made:
        made.land(b"id,n\na,1\nb,two\nc,three\nd\n", SMALL)
        made.tell(SMALL)
        made.land(b"id,n\n" + b"".join(b"k%d,%d\n" % (n, n) for n in range(200)))
        made.run_machine()
        made.land(b"id,n\na,one\n", "incoming/orders/wrong.csv")
        yield made


@pytest.fixture(scope="module")
def lines(feed: LargeFeed) -> list[Line]:
    return [flatten({"@timestamp": line["time"], **line}) for line in feed.lines()]


def _query(name: str, **put: str) -> str:
    resource = query_resources(Names("shop", "123456789012", "eu-central-1"), "orders")
    (text,) = [
        each["Properties"]["QueryString"]
        for each in resource.values()
        if each["Properties"]["Name"] == f"penstock/shop/orders/{name}"
    ]
    for what, value in put.items():
        text = text.replace(f"PUT THE {what.upper()} HERE", value)
    return str(text)


@pytest.mark.parametrize("name", [query.name for query in QUERIES])
def test_a_query_names_fields_that_lines_have(name: str, lines: list[Line]) -> None:
    known = {field for line in lines for field in line}
    wanted = {field for field in fields_of(_query(name)) if not field.startswith("errors.")}
    assert wanted <= known
    assert wanted


def test_a_runs_story_begins_with_its_start_and_ends_with_its_end(feed: LargeFeed, lines: list[Line]) -> None:
    (run,) = [run for run in feed.runs() if run.key == KEY]
    story = run_query(_query("one run's story", run=run.id), lines)
    assert [story[0]["event"], story[-1]["event"]] == ["run started", "finish done"]
    assert {line["chunk"] for line in story if "chunk" in line} == set(
        range(len(feed.list_of(feed.executions.started[-1][1], "chunks")))
    )
    assert "run done" in {line["event"] for line in story}


def test_every_event_of_a_file_is_there_those_without_a_run_too(lines: list[Line]) -> None:
    found = run_query(_query("every event of a file", key=SMALL), lines)
    assert [line["event"] for line in found] == ["run started", "run done", "version is applied already"]


def test_the_slowest_run_is_the_first(lines: list[Line]) -> None:
    found = run_query(_query("slowest runs"), lines)
    assert len(found) == 3
    assert [line["seconds"] for line in found] == sorted((line["seconds"] for line in found), reverse=True)
    assert {line["outcome"] for line in found} == {"done", "rejected"}


def test_reject_codes_are_counted(lines: list[Line]) -> None:
    found = run_query(_query("top reject codes"), lines)
    assert found == [{"sum(errors.type-error)": 3, "sum(errors.missing-cell)": 1}]
