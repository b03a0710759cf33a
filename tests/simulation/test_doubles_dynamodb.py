"""The double of DynamoDB does what the embedded one does, wherever that one has the behaviour: the same tests for both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import make_table, make_world
from virtual_dynamodb import Tables, VirtualDynamoDB, follow_late
from virtual_table import Index, Table
from virtual_time import Schedule
from virtual_wire import Wire
from virtual_writes import VirtualSender

from penstock.aws.table.flights import Answer
from penstock.aws.table.send import Sender

LEDGER, ITEMS, NUMBERS = "ledger", "items", "numbers"
KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}


@dataclass
class Place:
    """A DynamoDB with the tables of these tests. ``settle`` waits until indexes have followed."""

    client: Any
    send: Callable[[str, bytes], Answer]
    settle: Callable[[], object]

    def update(self, update: str, **more: Any) -> dict[str, Any]:
        values = {f":{name}": value for name, value in more.pop("values", {}).items()}
        request = {"TableName": LEDGER, "Key": KEY, "UpdateExpression": update, **more}
        found: dict[str, Any] = self.client.update_item(
            **request, **({"ExpressionAttributeValues": values} if values else {})
        )
        return found

    def item(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get_item(TableName=LEDGER, Key=KEY, ConsistentRead=True).get(
            "Item", {}
        )
        return {name: value for name, value in found.items() if name not in KEY}

    def write(self, *requests: dict[str, Any], table: str = ITEMS) -> tuple[int, str]:
        """Send a batch, and give the status and the kind of error."""
        body = json.dumps({"RequestItems": {table: requests}}).encode()
        answer = self.send("BatchWriteItem", body)
        return answer.status, json.loads(answer.body).get("__type", "").rpartition("#")[2]

    def items(self, table: str = ITEMS) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.scan(TableName=table)["Items"]
        return sorted(found, key=str)


def put(name: str, **more: Any) -> dict[str, Any]:
    return {"PutRequest": {"Item": {"id": {"S": name}, **more}}}


def delete(name: str) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": {"id": {"S": name}}}}


def make_double() -> Place:
    wire = Wire(Schedule(1))
    due = {"by_due": Index((("due_feed", "S"), ("due_at", "N")), keys_only=True)}
    tables = Tables(
        {
            LEDGER: Table((("pk", "S"), ("sk", "S")), due, later=follow_late(wire)),
            ITEMS: Table((("id", "S"),)),
            NUMBERS: Table((("id", "N"),)),
        }
    )

    def send(operation: str, body: bytes) -> Answer:
        flights = VirtualSender(tables, wire).launch(1, operation)
        flights.start("tag", body)
        ((_, answer),) = flights.land(60.0, more=False)
        assert answer is not None
        return answer

    return Place(VirtualDynamoDB(tables, wire), send, wire.schedule.run)


@pytest.fixture(params=["double", pytest.param("embedded", marks=pytest.mark.aws)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "double":
        yield make_double()
        return
    with (
        make_world(request.getfixturevalue("server")) as world,
        closing(Sender(world.connections, 1)) as sender,
    ):
        make_table(world, LEDGER, ["pk:S:HASH", "sk:S:RANGE"], by_due=["due_feed:S:HASH", "due_at:N:RANGE"])
        make_table(world, ITEMS, ["id:S:HASH"])
        make_table(world, NUMBERS, ["id:N:HASH"])
        yield Place(world.dynamodb, sender.send, lambda: None)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_an_update_makes_the_item_and_gives_what_was_there_before(place: Place) -> None:
    first = place.update("SET n = :n", values={"n": {"N": "1"}}, ReturnValues="ALL_OLD")
    assert "Attributes" not in first
    second = place.update("SET n = :n", values={"n": {"N": "2"}}, ReturnValues="ALL_OLD")
    assert second["Attributes"] == {**KEY, "n": {"N": "1"}}
    assert place.item() == {"n": {"N": "2"}}


def test_an_update_computes_from_what_was_there_before(place: Place) -> None:
    values = {"zero": {"N": "0"}, "one": {"N": "1"}}
    for _ in range(2):
        place.update("SET n = if_not_exists(n, :zero) + :one, m = if_not_exists(n, :zero)", values=values)
    assert place.item() == {"n": {"N": "2"}, "m": {"N": "1"}}


def test_an_update_removes_what_it_is_told_to_and_what_is_not_there_is_no_error(place: Place) -> None:
    place.update("SET a = :x, b = :x", values={"x": {"S": "x"}})
    found = place.update("REMOVE a, c", ReturnValues="ALL_NEW")
    assert found["Attributes"] == {**KEY, "b": {"S": "x"}}


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        ("attribute_exists(pk)", {}, True),
        ("attribute_not_exists(pk)", {}, False),
        ("attribute_not_exists(gone)", {}, True),
        ("n = :v", {"v": {"N": "5.0"}}, True),
        ("n = :v", {"v": {"S": "5"}}, False),
        ("n < :v", {"v": {"N": "10"}}, True),
        ("n < :v", {"v": {"S": "10"}}, False),
        ("s < :v", {"v": {"S": "b"}}, True),
        ("n >= :v AND n <= :v", {"v": {"N": "5"}}, True),
        ("n BETWEEN :v AND :w", {"v": {"N": "1"}, "w": {"N": "5"}}, True),
        ("n IN (:v, :w)", {"v": {"N": "1"}, "w": {"N": "5"}}, True),
        ("gone = :v", {"v": {"N": "5"}}, False),
        ("gone < :v", {"v": {"N": "5"}}, False),
        ("NOT gone = :v", {"v": {"N": "5"}}, True),
        ("n = :v OR gone = :v", {"v": {"N": "5"}}, True),
        ("gone = :v OR gone = :v AND n = :v", {"v": {"N": "5"}}, False),
        ("(gone = :v OR n = :v) AND s = :w", {"v": {"N": "5"}, "w": {"S": "a"}}, True),
        ("begins_with(s, :v)", {"v": {"S": "a"}}, True),
        ("m.deep = :v", {"v": {"S": "x"}}, True),
    ],
)
def test_a_condition_holds_as_the_service_says(
    place: Place, condition: str, values: dict[str, Any], holds: bool
) -> None:
    start = {"n": {"N": "5"}, "s": {"S": "a"}, "m": {"M": {"deep": {"S": "x"}}}}
    place.client.put_item(TableName=LEDGER, Item={**KEY, **start})
    change = {"yes": {"BOOL": True}, **values}
    if holds:
        place.update("SET done = :yes", values=change, ConditionExpression=condition)
    else:
        with pytest.raises(ClientError) as error:
            place.update("SET done = :yes", values=change, ConditionExpression=condition)
        assert code(error) == "ConditionalCheckFailedException"
    assert ("done" in place.item()) == holds


def test_a_condition_that_fails_gives_the_item_where_it_is_asked_for(place: Place) -> None:
    place.client.put_item(TableName=LEDGER, Item={**KEY, "n": {"N": "5"}})
    with pytest.raises(ClientError) as error:
        place.client.put_item(
            TableName=LEDGER,
            Item=KEY,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert error.value.response["Item"] == {**KEY, "n": {"N": "5"}}


@pytest.mark.parametrize(
    ("update", "values"),
    [("SET n = :n", {}), ("SET n = :n", {"n": {"N": "1"}, "m": {"N": "1"}})],
)
def test_an_expression_that_is_wrong_is_refused(place: Place, update: str, values: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as error:
        place.update(update, values=values)
    assert code(error) == "ValidationException"


def test_a_batch_puts_and_deletes_and_what_is_not_there_is_no_error(place: Place) -> None:
    assert place.write(put("a"), put("b")) == (200, "")
    assert place.write(put("c", n={"N": "1"}), delete("a"), delete("none")) == (200, "")
    assert place.items() == [{"id": {"S": "b"}}, {"id": {"S": "c"}, "n": {"N": "1"}}]


@pytest.mark.parametrize(
    "requests",
    [
        [put("a"), put("a")],
        [put("a"), delete("a")],
        [put(str(n)) for n in range(26)],
        [put("a"), put("")],
        [put("a"), put("b" * 2049)],
        [put("a"), put("b", text={"S": "x" * (400 << 10)})],
        [put("a"), put("b", n={"N": "1" * 39})],
        [put("a"), put("b", n={"N": "one"})],
        [put("a"), {"PutRequest": {"Item": {"other": {"S": "b"}}}}],
        [put("a"), {"PutRequest": {"Item": {"id": {"N": "1"}}}}],
    ],
    ids=[
        "twice",
        "put and delete",
        "26",
        "empty key",
        "long key",
        "large",
        "39 digits",
        "no number",
        "no key",
        "type",
    ],
)
def test_a_batch_with_one_write_that_is_invalid_writes_nothing(
    place: Place, requests: list[dict[str, Any]]
) -> None:
    assert place.write(*requests) == (400, "ValidationException")
    assert place.items() == []


def test_numbers_are_keys_by_what_they_are_worth(place: Place) -> None:
    def number(text: str) -> dict[str, Any]:
        return {"PutRequest": {"Item": {"id": {"N": text}}}}

    assert place.write(number("1"), number("1.0"), table=NUMBERS) == (400, "ValidationException")
    assert place.write(number("1"), table=NUMBERS) == (200, "")
    assert place.write(number("1.0"), table=NUMBERS) == (200, "")
    assert len(place.items(NUMBERS)) == 1


def test_a_table_that_is_not_there_is_said_to_be_missing(place: Place) -> None:
    assert place.write(put("a"), table="none") == (400, "ResourceNotFoundException")
    with pytest.raises(ClientError) as error:
        place.client.get_item(TableName="none", Key=KEY, ConsistentRead=True)
    assert code(error) == "ResourceNotFoundException"


def test_an_index_holds_the_items_that_have_its_keys_in_order(place: Place) -> None:
    for name, moment in (("x", "20"), ("y", "3"), ("z", "100")):
        item = {"pk": {"S": name}, "sk": {"S": "s"}, "due_feed": {"S": "orders"}, "due_at": {"N": moment}}
        place.client.put_item(TableName=LEDGER, Item=item)
    place.client.put_item(TableName=LEDGER, Item={**KEY, "due_feed": {"S": "orders"}})
    place.settle()
    ask = {
        "TableName": LEDGER,
        "IndexName": "by_due",
        "KeyConditionExpression": "due_feed = :feed AND due_at <= :now",
        "ExpressionAttributeValues": {":feed": {"S": "orders"}, ":now": {"N": "50"}},
    }
    assert [item["pk"]["S"] for item in place.client.query(**ask)["Items"]] == ["y", "x"]
    first = place.client.query(**ask, Limit=1)
    rest = place.client.query(**ask, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [item["pk"]["S"] for item in (*first["Items"], *rest["Items"])] == ["y", "x"]


def test_a_batch_of_reads_gives_what_there_is(place: Place) -> None:
    place.client.put_item(TableName=LEDGER, Item={**KEY, "n": {"N": "5"}})
    place.settle()
    keys = [KEY, {"pk": {"S": "none"}, "sk": {"S": "b"}}]
    answer = place.client.batch_get_item(RequestItems={LEDGER: {"Keys": keys}})
    assert answer["Responses"][LEDGER] == [{**KEY, "n": {"N": "5"}}]


def test_a_put_that_loses_tells_what_is_there(place: Place) -> None:
    assert place.write(put("a", n={"N": "5"})) == (200, "")
    request = {
        "TableName": ITEMS,
        "Item": {"id": {"S": "a"}, "n": {"N": "3"}},
        "ConditionExpression": "attribute_not_exists(#v) OR #v < :v",
        "ExpressionAttributeNames": {"#v": "n"},
        "ExpressionAttributeValues": {":v": {"N": "3"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    answer = place.send("PutItem", json.dumps(request).encode())
    told = json.loads(answer.body)
    assert (answer.status, told["__type"].rpartition("#")[2]) == (400, "ConditionalCheckFailedException")
    assert told["Item"] == {"id": {"S": "a"}, "n": {"N": "5"}}
