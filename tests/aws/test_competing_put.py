"""Of the rows of a key that compete the greatest stays, whatever order they come in and whatever DynamoDB answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from batch_server import FakeTable, Fault, serve_table
from fake_aws import connect
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.aws.table.send import Answer, Sender
from penstock.aws.table.write import Pace, TableWriter
from penstock.engine.newest import TOMBSTONE, is_tombstone, seal_request
from penstock.engine.result import PUT, SEPARATOR, WriteBatch
from penstock.errors import ServiceError
from penstock.load.protocols import Written
from penstock.plan.model import KeyAttribute, Table

TABLE = Table(
    "orders", False, KeyAttribute("pk", "S"), KeyAttribute("n", "N"), (), None, None, None, None, "at"
)


def put(pk: str, at: str | None, note: str = "", kind: str = "N", revision: int = 0) -> str:
    """A row's request, as the engine makes it."""
    value = "" if at is None else f'"at":{json.dumps({kind: at})},'
    item = f'{{"pk":{json.dumps({"S": pk})},{value}"n":{{"N":"1"}},"note":{{"S":"{note}"}}'
    return seal_request(f"{PUT}{item}}}}}}}".encode(), revision).decode()


def bury(pk: str, at: str | None, revision: int = 0) -> str:
    """The request of a row that deletes."""
    value = "" if at is None else f'"at":{json.dumps({"N": at})},'
    item = f'{TOMBSTONE}"pk":{json.dumps({"S": pk})},{value}"n":{{"N":"1"}}'
    return seal_request(f"{item}}}}}}}".encode(), revision).decode()


def pack(requests: Sequence[str]) -> list[WriteBatch]:
    return [
        WriteBatch(SEPARATOR.join(part), range(first, first + len(part)), sum(map(is_tombstone, part)))
        for first in range(0, len(requests), 25)
        if (part := requests[first : first + 25])
    ]


@dataclass(frozen=True, slots=True, order=True)
class Rank:
    """What a request is compared by: whether it has a value, the value, and the digest."""

    has: bool
    value: Decimal
    digest: str


def rank(item: dict[str, Any]) -> Rank:
    at = item.get("at")
    return Rank(at is not None, Decimal(at["N"]) if at else Decimal(0), item["penstock_digest"]["S"])


@pytest.fixture
def table() -> Iterator[FakeTable]:
    with serve_table() as served:
        yield served


@pytest.fixture
def sender(table: FakeTable) -> Iterator[Sender]:
    with connect(table.url) as connections, closing(Sender(connections, 8)) as made:
        yield made


class Time:
    """A clock that only sleeping moves."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pace(self, **settings: float) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self.sleep, jitter=lambda: 1.0, **settings)


def write(sender: Sender, *requests: str, lanes: int = 1) -> Written:
    with TableWriter(sender, TABLE, pace=Time().pace(), lanes=lanes) as writer:
        return writer.write(pack(requests))


def held(table: FakeTable, pk: str = "a") -> dict[str, Any]:
    return table.items[pk, Decimal(1)]


def test_every_row_is_a_request_of_its_own(table: FakeTable, sender: Sender) -> None:
    written = write(sender, *(put(f"k{i}", "1", "é ü") for i in range(60)), bury("gone", "3"), lanes=4)
    assert written == Written(puts=60, deletes=1)
    assert table.requests == len(table.items) == 61
    assert held(table, "k7")["note"] == {"S": "é ü"}
    assert held(table, "gone")["penstock_deleted"] == {"BOOL": True}


def test_a_number_is_compared_as_a_number(table: FakeTable, sender: Sender) -> None:
    assert write(sender, put("a", "9"), put("b", "-1"), lanes=1) == Written(puts=2)
    assert write(sender, put("a", "10"), put("b", "-2")) == Written(puts=1, outdated=1)
    assert (held(table, "a")["at"], held(table, "b")["at"]) == ({"N": "10"}, {"N": "-1"})


def test_a_row_without_the_value_is_older_than_any_with_one(table: FakeTable, sender: Sender) -> None:
    assert write(sender, put("a", None, "x")) == Written(puts=1)
    assert write(sender, put("a", "-5")) == Written(puts=1)
    assert write(sender, put("a", None, "y")) == Written(outdated=1)
    assert held(table)["at"] == {"N": "-5"}


def test_a_delete_wins_over_rows_of_its_value_and_not_over_newer_ones(
    table: FakeTable, sender: Sender
) -> None:
    assert write(sender, put("a", "5")) == Written(puts=1)
    assert write(sender, bury("a", "5")) == Written(deletes=1)
    assert write(sender, put("a", "5"), put("a", "4")) == Written(outdated=2)
    assert "penstock_deleted" in held(table)
    assert write(sender, put("a", "6")) == Written(puts=1)
    assert write(sender, bury("a", "5")) == Written(outdated=1)
    assert "penstock_deleted" not in held(table)


def test_at_one_value_a_later_revision_wins_even_over_a_delete(table: FakeTable, sender: Sender) -> None:
    for number in range(8):  # of whatever digest
        first, second = (put("a", f"{number}", note, revision=r) for note, r in (("old", 1), ("new", 2)))
        assert write(sender, first) == Written(puts=1)
        assert write(sender, second) == Written(puts=1)
        assert write(sender, first, bury("a", f"{number}", 1)) == Written(outdated=2)
    assert write(sender, bury("a", "7", 2)) == Written(deletes=1)
    assert write(sender, put("a", "7", revision=10)) == Written(puts=1)


def test_what_is_there_already_is_told_from_what_is_newer(table: FakeTable, sender: Sender) -> None:
    rows = [put("a", "5"), put("b", None), bury("c", "5"), bury("d", None)]
    assert write(sender, *rows) == Written(puts=2, deletes=2)
    held(table, "a")["at"] = {"N": "5.0"}  # the service writes numbers in its own way
    assert write(sender, *rows) == Written(unchanged=4)
    assert write(sender, bury("c", "4"), bury("d", "4")) == Written(deletes=1, outdated=1)


def test_an_item_that_somebody_else_wrote_gives_way_to_a_row_of_its_value(
    table: FakeTable, sender: Sender
) -> None:
    for pk, at in {"same": "5", "newer": "6"}.items():
        table.items[pk, Decimal(1)] = {"pk": {"S": pk}, "n": {"N": "1"}, "at": {"N": at}}
    assert write(sender, put("same", "5"), put("newer", "5")) == Written(puts=1, outdated=1)


def test_a_value_of_another_type_is_refused_and_not_called_older(table: FakeTable, sender: Sender) -> None:
    write(sender, put("a", "2026-01-02", kind="S"))
    written = write(sender, put("b", "1"), put("a", "7"))
    assert written.puts == 1
    assert written.refused == (
        (
            1,
            "The item in the table has at as S where this row's is N, so that it can't be told which is newer.",
        ),
    )


def test_a_row_that_the_service_finds_invalid_is_refused_alone(table: FakeTable, sender: Sender) -> None:
    written = write(sender, put("a", "1"), put("", "1"), put("b", "1"))
    assert (written.puts, [refused.row for refused in written.refused]) == (2, [1])


@pytest.mark.parametrize("fault", ["drop-after", "cut"])
@pytest.mark.parametrize("made", [put("a", "5"), bury("a", "5")])
def test_a_write_whose_answer_was_lost_counts_as_made(
    table: FakeTable, sender: Sender, fault: Fault, made: str
) -> None:
    table.faults = [fault]
    deletes = is_tombstone(made)
    assert write(sender, made) == Written(puts=1 - deletes, deletes=int(deletes))
    assert table.requests == 2


def test_after_a_throttle_it_is_certain_that_somebody_else_wrote_it(table: FakeTable, sender: Sender) -> None:
    write(sender, put("a", "5"))
    table.faults = ["throttle"]
    assert write(sender, put("a", "5")) == Written(unchanged=1)


def test_a_denied_table_is_told_with_the_action_it_takes(table: FakeTable, sender: Sender) -> None:
    table.always = "deny"
    with pytest.raises(ServiceError, match="Allow dynamodb:PutItem"):
        write(sender, put("a", "5"))


@pytest.mark.parametrize("fault", ["throttle", "error", "drop"])
def test_a_table_that_takes_nothing_is_given_up_after_a_while(
    table: FakeTable, sender: Sender, fault: Fault
) -> None:
    table.always = fault
    with (
        TableWriter(sender, TABLE, pace=Time().pace(patience=30), lanes=1) as writer,
        pytest.raises(ServiceError, match=r"took nothing for 3[0-5] seconds"),
    ):
        writer.write(pack([put(f"k{i}", "1") for i in range(30)]))


def test_a_row_that_loses_is_progress(table: FakeTable, sender: Sender) -> None:
    write(sender, *(put(f"k{i}", "9") for i in range(40)))
    table.faults = ["none", "throttle"] * 40
    time = Time()
    with TableWriter(sender, TABLE, pace=time.pace(patience=1), lanes=1) as writer:
        assert writer.write(pack([put(f"k{i}", "1") for i in range(40)])) == Written(outdated=40)
    assert time.now > 2


def test_nothing_is_sent_after_the_deadline_and_nothing_is_in_flight(
    table: FakeTable, sender: Sender
) -> None:
    table.delay = 0.01
    ticks = itertools.count()
    with TableWriter(sender, TABLE, pace=Pace(clock=lambda: next(ticks), deadline=90), lanes=4) as writer:
        with pytest.raises(ServiceError, match="The time was up"):
            writer.write(pack([put(f"k{i}", "1") for i in range(500)]))
        assert table.in_flight == 0
        before = table.requests
        assert writer.stats.puts == len(table.items) == before
    assert table.requests == before


def test_it_is_sent_as_well_where_requests_are_sent_one_by_one(table: FakeTable) -> None:
    with connect(table.url) as connections, closing(Sender(connections, 4, direct=False)) as sender:
        assert write(sender, put("a", "1"), put("b", "2"), lanes=2) == Written(puts=2)


def test_a_write_that_loses_is_estimated_to_cost_what_the_larger_item_takes() -> None:
    there = json.loads(put("a", "9", "x" * 5000))["PutRequest"]["Item"]
    failed = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": there}

    class Lost:
        def send(self, operation: str, body: bytes) -> Answer:
            assert operation == "PutItem"
            return Answer(400, json.dumps(failed).encode())

    with TableWriter(Lost(), TABLE, pace=Time().pace(), lanes=1) as writer:
        assert writer.write(pack([put("a", "1")])) == Written(outdated=1)
    assert 4 <= writer.stats.write_units <= 6


FAULTS: list[Fault] = ["none", "throttle", "error", "drop", "drop-after", "cut"]
ROWS = st.builds(
    lambda deletes, at, note, revision: (
        bury("a", at, revision) if deletes else put("a", at, note, revision=revision)
    ),
    st.booleans(),
    st.sampled_from([None, "-1", "5", "5.0", "10"]),
    st.sampled_from("xyz"),
    st.sampled_from([0, 9, 10]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(ROWS, min_size=1, max_size=30),
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
    data=st.data(),
)
def test_the_greatest_stays_whatever_comes_when_and_how_often(
    table: FakeTable, sender: Sender, rows: list[str], faults: list[Fault], data: st.DataObject
) -> None:
    table.items = {}
    table.faults = list(faults)
    loads = data.draw(st.lists(st.permutations(rows), min_size=1, max_size=3))
    for load in loads:
        written = write(sender, *load, lanes=data.draw(st.integers(1, 4)))
        assert written.requests == len(load)
        assert written.refused == ()
    table.faults = []
    greatest = max((json.loads(row)["PutRequest"]["Item"] for row in rows), key=rank)
    assert rank(held(table)) == rank(greatest)
    assert held(table).get("note") == greatest.get("note")


def test_a_table_whose_rows_do_not_compete_is_written_in_batches(table: FakeTable, sender: Sender) -> None:
    with TableWriter(sender, replace(TABLE, newest_by=None), lanes=1) as writer:
        assert writer.write(pack([put("a", "5"), put("b", "5")])).puts == 2
    assert table.sizes == [2]
