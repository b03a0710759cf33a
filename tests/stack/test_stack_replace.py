"""A table that holds data is not replaced by an empty one unless somebody asks for just that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from desk import Desk
from stack_samples import feed, index

from penstock.errors import UsageError
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.changes import ChangeLine, ChangeSet, create_change_set
from penstock.stack.connect import Connection
from penstock.stack.replace import require_asked
from penstock.stack.target import aws_target


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_server()
    yield started
    stop_server(started)


@pytest.mark.aws
def test_a_new_table_in_the_place_of_one_is_refused_before_anything_is_changed(
    server: Server, tmp_path: Path
) -> None:
    desk = Desk(tmp_path / "shop", server.connection("000000000031"))
    desk.deploy(feed("orders"))
    dynamodb = desk.connection.client("dynamodb")
    item = {"customer_id": {"S": "c"}, "order_id": {"S": "o"}}
    dynamodb.put_item(TableName="orders-items", Item=item)
    before = desk.stacks(), dynamodb.list_tables()["TableNames"]

    wanted = feed("orders", load={"table": "orders-2", "partition_key": "status"})
    with pytest.raises(UsageError) as refused:
        desk.deploy(wanted, feed("returns"))
    assert "would replace the table orders-items by orders-2" in str(refused.value)
    assert "penstock deploy --replace orders-items" in str(refused.value)
    assert (desk.stacks(), dynamodb.list_tables()["TableNames"]) == before
    assert desk.shown == []
    with pytest.raises(UsageError):
        desk.deploy(wanted, replace="orders-2")  # it is the old one that is given up

    assert desk.deploy(wanted, replace="orders-items") is not None
    assert {"orders-2", "orders-items"} <= set(dynamodb.list_tables()["TableNames"])
    assert dynamodb.get_item(TableName="orders-items", Key=item)["Item"] == item
    assert desk.table("orders-2")["KeySchema"][0]["AttributeName"] == "status"


@pytest.mark.aws
def test_an_index_that_comes_or_goes_replaces_nothing(server: Server, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "shop", server.connection("000000000032"))
    desk.deploy(feed("orders"))
    assert desk.deploy(feed("orders", load={"indexes": [index("one", "status")]})) is not None
    (line,) = [line for line in desk.shown if line.kind == "AWS::DynamoDB::Table"]
    assert line.replacement == "no"


class _CloudFormation:
    """Answers as AWS does to a change set of one change."""

    def __init__(self, change: dict[str, Any]) -> None:
        self._change = change

    def create_change_set(self, **_: Any) -> dict[str, str]:
        return {"Id": "changes", "StackId": "stack"}

    def describe_change_set(self, **_: Any) -> dict[str, Any]:
        return {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": self._change}]}


class _Connection:
    def __init__(self, change: dict[str, Any]) -> None:
        self._client = _CloudFormation(change)

    def client(self, service: str) -> _CloudFormation:
        assert service == "cloudformation"
        return self._client


def _line(kind: str, replacement: str, **recreating: str) -> ChangeLine:
    """The line of a change of a resource ``Table`` as AWS describes it; ``recreating`` is what each property does."""
    change = {
        "Action": "Modify",
        "LogicalResourceId": "Table",
        "PhysicalResourceId": "orders-items",
        "ResourceType": kind,
        "Replacement": replacement,
        "Details": [
            {"Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}}
            for name, recreation in recreating.items()
        ],
    }
    connection = cast("Connection", _Connection(change))
    template: dict[str, Any] = {"Resources": {"Table": {"Properties": {}}}}
    found = create_change_set(connection, "s", template, {}, new=False, target=aws_target())
    assert isinstance(found, ChangeSet)
    return found.lines[0]


TABLE = "AWS::DynamoDB::Table"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (_line(TABLE, "True", KeySchema="Always"), "would replace the table orders-items"),
        (_line(TABLE, "Conditional", ImportSourceSpecification="Conditionally"), "may replace the table"),
        (
            _line(TABLE, "Conditional", AttributeDefinitions="Conditionally", TableName="Conditionally"),
            "may replace the table",
        ),
        (_line(TABLE, "Conditional"), "may replace the table"),
        (_line("AWS::S3::Bucket", "True", BucketName="Always"), "would replace the bucket orders-items"),
    ],
)
def test_what_is_replaced_or_may_be_is_refused_and_allowed_by_its_name(line: ChangeLine, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        require_asked([line], lambda _name: False)
    require_asked([line], lambda name: name == "orders-items")


@pytest.mark.parametrize(
    "line",
    [
        _line(TABLE, "Conditional", AttributeDefinitions="Conditionally", GlobalSecondaryIndexes="Never"),
        _line(TABLE, "False", BillingMode="Never"),
        _line("AWS::S3::Bucket", "Conditional", NotificationConfiguration="Conditionally"),
        _line("AWS::SQS::Queue", "True", FifoQueue="Always"),  # what is in it the sweep finds again
        _line("AWS::Lambda::Permission", "True", Principal="Always"),
    ],
)
def test_what_replaces_nothing_that_holds_data_is_not_asked_about(line: ChangeLine) -> None:
    require_asked([line], lambda _name: False)
