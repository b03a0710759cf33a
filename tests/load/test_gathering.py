"""Many objects read as one: what a query over all of them gives, and what becomes of each one's records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_plans import compile_query
from run_memory import Items, Loaded, Memory, Rejects
from sales_oracle import expect, make_plan, render, sales

from penstock.errors import ServiceError
from penstock.load.gathering import (
    COUNTS,
    Digest,
    GatheredObject,
    Gathering,
    Member,
    read_lines,
    write_line,
)
from penstock.load.query import run_query
from penstock.load.rejects import reject_from_json, reject_to_json
from penstock.load.report import Counts, Report
from penstock.plan.model import Plan

SALES: list[Any] = ["id", "country", {"name": "amount", "type": "integer"}]
SUMS = "SELECT country, count(*) AS sales, sum(amount) AS amount FROM rows GROUP BY country"
FIRST = GatheredObject("in/1.csv", "v1", 10, "e1", "2026-01-02T03:04:05Z", packed=False)


@dataclass(frozen=True)
class Named:
    """An object of a name."""

    key: str
    data: bytes
    last_modified: str = "2026-01-02T03:04:05Z"

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        return Memory(self.data).blocks(size, start)


def load(folder: Path, plan: Plan, files: Mapping[str, str | bytes], **more: Any) -> Loaded:
    sources = [Named(key, data.encode() if isinstance(data, str) else data) for key, data in files.items()]
    gathering = Gathering(
        "in/", "2026-01-02T03:04:05Z", lambda: [Member(source, f"v-{source.key}") for source in sources]
    )
    memory, scratch = Memory(b""), folder / "scratch"
    scratch.mkdir(exist_ok=True)
    report = run_query(
        plan,
        gathering,
        more.pop("references", {}),
        Items(memory),
        Rejects(memory),
        scratch,
        **{"query_mb": 64, "counts": folder / COUNTS, **more},
    )
    assert isinstance(report, Report)
    assert report.counts.conserved
    assert report.result is None or report.result.conserved
    assert not list(scratch.iterdir()), "a run leaves nothing behind"
    return Loaded(report, tuple(memory.writes), tuple(memory.found))


def sums(folder: Path, **parts: Any) -> Plan:
    return compile_query(folder, SALES, SUMS, load={"partition_key": "country"}, **parts)


def test_a_query_is_over_the_rows_of_all_objects(tmp_path: Path) -> None:
    files = {"in/1.csv": "id,country,amount\n1,DE,5\n", "in/2.csv": "id,country,amount\n2,DE,6\n3,FR,7\n"}
    found = load(tmp_path, sums(tmp_path), files)
    assert found.items == [
        {"country": {"S": "DE"}, "sales": {"N": "2"}, "amount": {"N": "11"}},
        {"country": {"S": "FR"}, "sales": {"N": "1"}, "amount": {"N": "7"}},
    ]
    report = found.report
    assert (report.key, report.counts, report.result) == (
        "in/",
        Counts(read=3, loaded=3),
        Counts(read=2, loaded=2),
    )
    assert report.bytes == sum(len(text) for text in files.values())


def test_each_object_is_read_by_its_own_header(tmp_path: Path) -> None:
    files = {"in/1.csv": "id,country,amount\n1,DE,5\n", "in/2.csv": "amount,id,country,note\n6,2,DE,x\n"}
    found = load(tmp_path, sums(tmp_path, schema={"fieldsMatch": "subset"}), files)
    assert found.items == [{"country": {"S": "DE"}, "sales": {"N": "2"}, "amount": {"N": "11"}}]
    assert found.report.undeclared == ("note",)


def test_each_row_knows_the_object_that_it_is_of(tmp_path: Path) -> None:
    plan = compile_query(
        tmp_path,
        SALES,
        "SELECT file, count(*) AS n FROM rows GROUP BY file",
        load={"partition_key": "file"},
        transform={"set": {"file": "source.key"}},
    )
    text = "id,country,amount\n1,DE,5\n"
    found = load(tmp_path, plan, {"in/1.csv": text, "in/2.csv": text})
    assert [item["file"]["S"] for item in found.items] == ["in/1.csv", "in/2.csv"]


def test_rejects_say_of_which_object_they_are(tmp_path: Path) -> None:
    files = {
        "in/1.csv": "id,country,amount\n1,DE,5\n2,DE,x\n",
        "in/2.csv": "id,country,amount\n3,DE,y\n4,,1\n",
    }
    found = load(tmp_path, sums(tmp_path), files)
    assert [(reject.key, reject.version, reject.line, reject.of) for reject in found.rejects] == [
        ("in/1.csv", "v-in/1.csv", 3, "object"),
        ("in/2.csv", "v-in/2.csv", 2, "object"),
        (None, None, 2, "result"),
    ]
    assert [reject_from_json(reject_to_json(reject)) for reject in found.rejects] == list(found.rejects)
    assert found.report.counts == Counts(read=4, loaded=2, rejected=2)


def test_what_each_object_came_to_is_kept(tmp_path: Path) -> None:
    files = {"in/1.csv": "id,country,amount\n1,DE,5\n2,DE,x\n\n", "in/2.csv": "id,country,amount\n"}
    load(tmp_path, sums(tmp_path), files)
    told = [json.loads(line) for line in (tmp_path / COUNTS).read_text().splitlines()]
    assert [(each["key"], each["read"], each["good"], each["rejected"], each["blank"]) for each in told] == [
        ("in/1.csv", 3, 1, 1, 1),
        ("in/2.csv", 0, 0, 0, 0),
    ]


def test_the_limit_of_rejects_is_one_of_all_objects_together(tmp_path: Path) -> None:
    plan = sums(tmp_path, quality={"max_rejects": 1})
    bad, good = "id,country,amount\n1,DE,x\n2,DE,5\n", "id,country,amount\n3,DE,6\n"
    assert load(tmp_path, plan, {"in/1.csv": bad, "in/2.csv": good}).report.status == "done"
    refused = load(tmp_path, plan, {"in/1.csv": bad, "in/2.csv": bad})
    assert (refused.report.status, refused.writes) == ("rejected", ())
    assert refused.report.counts == Counts(read=4, rejected=2, withheld=2)


def test_an_object_that_can_not_be_read_refuses_all_and_is_named(tmp_path: Path) -> None:
    files = {"in/1.csv": "id,country,amount\n1,DE,5\n", "in/2.csv": "id,land\n1,DE\n"}
    found = load(tmp_path, sums(tmp_path), files)
    report = found.report
    assert (report.status, report.code, found.writes) == ("rejected", "incorrect-label", ())
    assert report.reason is not None
    assert report.reason.startswith("in/2.csv: ")
    assert report.reason.endswith("None of the files that were read together is loaded")
    assert report.counts == Counts(read=1, withheld=1)


def test_what_is_not_read_in_time_fails_the_run_and_writes_nothing(tmp_path: Path) -> None:
    files = {f"in/{n}.csv": "id,country,amount\n1,DE,5\n2,DE,6\n" for n in range(3)}
    found = load(tmp_path, sums(tmp_path), files, stop=lambda: True, batch_bytes=8)
    assert (found.report.status, found.writes) == ("failed", ())


@settings(max_examples=6)
@given(files=st.lists(sales, min_size=1, max_size=4), batch_bytes=st.integers(20, 400))
def test_objects_together_give_what_plain_python_gives_of_all_their_rows(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[str, str, str]]], batch_bytes: int
) -> None:
    data = {
        f"in/{number}.csv": render([("id", "country", "amount"), *rows]) for number, rows in enumerate(files)
    }
    references = {"countries": Memory(render([("code", "name"), ("a", "A")]))}
    found = load(
        tmp_path_factory.mktemp("run"), make_plan(), data, references=references, batch_bytes=batch_bytes
    )
    items, counts, result = expect([row for rows in files for row in rows], {"a": "A"})
    assert found.items == items
    assert (found.report.counts, found.report.result or Counts()) == (counts, result)


def test_the_version_of_a_gathering_is_that_of_its_list() -> None:
    def version(*found: GatheredObject) -> str:
        digest = Digest()
        for each in found:
            digest.add(each)
        return digest.version

    second = GatheredObject("in/2.csv", "v2", 10, "e2", "2026-01-02T03:04:05Z", packed=False)
    replaced = GatheredObject("in/2.csv", "v3", 10, "e2", "2026-01-02T03:04:05Z", packed=False)
    assert version(FIRST, second) == version(FIRST, second)
    assert len({version(), version(FIRST), version(FIRST, second), version(FIRST, replaced)}) == 4


def test_a_list_is_read_as_it_was_written_and_nothing_else_is() -> None:
    assert list(read_lines([write_line(FIRST)])) == [FIRST]
    for broken in (b"{", b"[]", b'{"key": "in/1.csv"}'):
        with pytest.raises(ServiceError, match="is not one that this version"):
            list(read_lines([broken]))
