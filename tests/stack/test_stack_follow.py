"""A deploy that fails says which resource failed first, and why, from events as AWS writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from penstock.errors import ServiceError
from penstock.stack.connect import Connection
from penstock.stack.follow import STACK, StackEvent, follow, shorten_reason

ARN = "arn:aws:cloudformation:eu-central-1:123456789012:stack/penstock-shop-feed-orders/1"
ROLE_REASON = (
    'Resource handler returned message: "The role defined for the function cannot be assumed by Lambda. (Service: Lambda, '
    'Status Code: 400, Request ID: 0a1b-2c3d) (SDK Attempt Count: 1)" (RequestToken: 4e5f, HandlerErrorCode: InvalidRequest)'
)


class _CloudFormation:
    """Shows one more of the events, which are in the order of time, each time that it is asked."""

    def __init__(self, events: list[tuple[str, ...]]) -> None:
        self._events, self._shown = events, 0

    def get_paginator(self, call: str) -> Any:
        paginator = {"describe_stack_events": self._events_so_far, "describe_events": self._refuse}[call]

        class Pages:
            @staticmethod
            def paginate(**_: str) -> Iterator[dict[str, Any]]:
                yield paginator()

        return Pages

    @staticmethod
    def _refuse() -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "ann may not"}}, "DescribeEvents")

    def _events_so_far(self) -> dict[str, Any]:
        shown = self._events[: self._shown]
        self._shown += 1
        return {"StackEvents": [self._write(number, *event) for number, event in enumerate(shown)][::-1]}

    @staticmethod
    def _write(number: int, kind: str, name: str, status: str, reason: str = "", resource: str = "") -> Any:
        return {
            "EventId": str(number),
            "StackName": "penstock-shop-feed-orders",
            "ResourceType": kind,
            "LogicalResourceId": name,
            "PhysicalResourceId": ARN if kind == STACK else resource,
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
        }


class _Connection:
    def __init__(self, client: _CloudFormation) -> None:
        self._client = client

    def client(self, _service: str) -> _CloudFormation:
        return self._client


def _fail(*events: tuple[str, ...]) -> str:
    """Follow an operation of these events to its end, and give what is told of its failure."""
    connection = cast("Connection", _Connection(_CloudFormation([*events])))
    seen: list[StackEvent] = []
    with pytest.raises(ServiceError) as failed:
        follow(connection, ARN, 0).finish(seen.append)
    assert len(seen) == len(events)
    return str(failed.value)


def test_the_first_failure_is_told_and_not_what_was_given_up_for_it() -> None:
    said = _fail(
        (STACK, "penstock-shop-feed-orders", "UPDATE_IN_PROGRESS", "User Initiated"),
        ("AWS::IAM::Role", "Role", "UPDATE_COMPLETE"),
        ("AWS::Lambda::Function", "Function", "CREATE_FAILED", ROLE_REASON, "shop_orders"),
        ("AWS::SQS::Queue", "Queue", "CREATE_FAILED", "Resource creation cancelled"),
        ("AWS::DynamoDB::Table", "Table", "UPDATE_FAILED", "Resource update cancelled"),
        (STACK, "penstock-shop-feed-orders", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed: [Function]."),
        ("AWS::IAM::Role", "Role", "UPDATE_COMPLETE"),
        (STACK, "penstock-shop-feed-orders", "UPDATE_ROLLBACK_COMPLETE"),
    )  # fmt: skip
    assert said.splitlines() == [
        "The stack penstock-shop-feed-orders ended as UPDATE_ROLLBACK_COMPLETE.",
        "  Function (AWS::Lambda::Function shop_orders): The role defined for the function cannot be assumed by Lambda. (InvalidRequest)",
        "  Mend that, and do it again: what is done already stays as it is.",
    ]  # fmt: skip


def test_what_fails_in_the_rollback_comes_after_what_brought_it_about_and_nothing_is_told_twice() -> None:
    denied = "User: ann is not authorized to perform: sqs:DeleteQueue"
    said = _fail(
        (STACK, "penstock-shop-feed-orders", "CREATE_IN_PROGRESS"),
        ("AWS::DynamoDB::Table", "Table", "CREATE_FAILED", "orders already exists", "orders"),
        (STACK, "penstock-shop-feed-orders", "ROLLBACK_IN_PROGRESS"),
        ("AWS::SQS::Queue", "Queue", "DELETE_FAILED", denied),
        ("AWS::SQS::Queue", "Queue", "DELETE_FAILED", denied),
        (STACK, "penstock-shop-feed-orders", "ROLLBACK_FAILED", "The following resource(s) failed to delete: [Queue]."),
    )  # fmt: skip
    first, *causes, _ = said.splitlines()
    assert first.endswith("ended as ROLLBACK_FAILED. The following resource(s) failed to delete: [Queue].")
    assert causes == [
        "  Table (AWS::DynamoDB::Table orders): orders already exists",
        f"  Queue (AWS::SQS::Queue): {denied}",
    ]


def test_who_may_not_ask_what_was_found_wrong_is_told_all_else() -> None:
    stack, reason = "penstock-shop-feed-orders", "The following hook(s)/validation failed: [x]."
    said = _fail((STACK, stack, "CREATE_IN_PROGRESS"), (STACK, stack, "ROLLBACK_COMPLETE", reason))
    assert said.splitlines()[0] == f"The stack {stack} ended as ROLLBACK_COMPLETE. {reason}"
    assert "(cloudformation:DescribeEvents)" in said
    assert "ann may not" in said


@pytest.mark.parametrize(
    ("reason", "short"),
    [
        (ROLE_REASON, "The role defined for the function cannot be assumed by Lambda. (InvalidRequest)"),
        (
            "Bucket policy is wrong (Service: Amazon S3; Status Code: 400; Error Code: MalformedPolicy; Request ID: X; Proxy: null)",
            "Bucket policy is wrong",
        ),
        ("orders already exists in stack arn:aws:x (see there)", "orders already exists in stack arn:aws:x (see there)"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_reason_keeps_what_the_service_said_and_its_code(reason: str, short: str) -> None:
    assert shorten_reason(reason) == short
