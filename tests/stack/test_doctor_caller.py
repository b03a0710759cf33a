"""What the doctor says of who asks and of what the account allows, as AWS would answer: doubles stand for its services."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from stack_samples import ACCOUNT, KEY, feed, templates_of, write_project

from penstock.contract.project import read_project
from penstock.errors import ServiceError
from penstock.stack.connect import Connection
from penstock.stack.doctor.alerts import check_alerts
from penstock.stack.doctor.caller import check_credentials, check_permissions
from penstock.stack.doctor.events import check_bucket
from penstock.stack.doctor.examine import BEFORE
from penstock.stack.doctor.finding import Check, FeedSubject, Finding, Subject
from penstock.stack.doctor.keys import check_keys
from penstock.stack.doctor.quotas import check_quotas
from penstock.stack.doctor.tables import check_ledger, check_table
from penstock.stack.names import name_project
from penstock.stack.plans import compile_feeds

USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Ops/ann"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/people/Ops"


class _Service:
    """Any service: each call is answered by what was said, or refused where that is an error code."""

    def __init__(self, answers: dict[str, Any], asked: list[dict[str, Any]]) -> None:
        self._answers, self._asked = answers, asked

    def get_paginator(self, call: str) -> Any:
        pages = self._answers[call]

        class Pages:
            @staticmethod
            def paginate(**_: Any) -> list[dict[str, Any]]:
                return [pages]

        return Pages

    def __getattr__(self, call: str) -> Callable[..., Any]:
        answer = self._answers[call]

        def answered(**asked: Any) -> Any:
            self._asked.append(asked)
            if isinstance(answer, str):
                raise ClientError({"Error": {"Code": answer, "Message": answer}}, call)
            return answer(**asked) if callable(answer) else answer

        return answered


class _Connection:
    region = "eu-central-1"
    embedded, deploy_command = False, "penstock deploy"

    def __init__(self, answers: dict[str, Any], end: datetime | None) -> None:
        self.asked: list[dict[str, Any]] = []
        self._service, self._end = _Service(answers, self.asked), end

    def client(self, service: str) -> _Service:
        del service
        return self._service

    def credentials_end(self) -> datetime | None:
        return self._end


Ask = Callable[..., list[Finding]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Runs a check of a project of these feeds against services that answer so."""

    def run(
        check: Check,
        answers: dict[str, Any],
        *,
        feeds: Sequence[dict[str, Any]] = (feed("orders"), feed("returns", trigger="direct")),
        end: datetime | None = None,
        asked: list[dict[str, Any]] | None = None,
        **project: Any,
    ) -> list[Finding]:
        folder = write_project(tmp_path, feeds, **project)
        read = read_project(folder)
        connection = _Connection(answers, end)
        names = name_project(read, ACCOUNT, connection.region)
        subject = Subject(
            read, compile_feeds(read), names, cast("Connection", connection), templates_of(folder), None
        )
        found = list(check(subject))
        if asked is not None:
            asked += connection.asked
        return found

    return run


def identity(arn: str) -> dict[str, Any]:
    return {"get_caller_identity": {"Arn": arn}}


def simulated(*denied: str, untold: Sequence[str] = ()) -> Callable[..., dict[str, Any]]:
    """Answers as IAM does of a caller who may do all but what is ``denied``, by conditions of these keys."""

    def simulate(
        PolicySourceArn: str,
        ActionNames: list[str],
        ResourceArns: list[str],
        ContextEntries: list[dict[str, Any]],
    ) -> dict[str, Any]:
        del PolicySourceArn, ResourceArns
        told = {entry["ContextKeyName"] for entry in ContextEntries}
        missing = [key for key in untold if key not in told]
        results = [
            {"EvalActionName": name, "EvalDecision": "implicitDeny", "MissingContextValues": missing}
            if name in denied and (missing or not untold)
            else {"EvalActionName": name, "EvalDecision": "allowed"}
            for name in ActionNames
        ]
        return {"EvaluationResults": results}

    return simulate


def test_who_asks_is_told_with_account_region_and_the_end_of_the_credentials(ask: Ask) -> None:
    (finding,) = ask(check_credentials, identity(SESSION), end=datetime(2099, 1, 2, 3, 4, tzinfo=UTC))
    assert finding.verdict == "ok"
    assert finding.text == f"{SESSION}, in the account {ACCOUNT} and the region eu-central-1, until 03:04 UTC"
    (finding,) = ask(check_credentials, identity(USER))
    assert "until" not in finding.text
    (finding,) = ask(check_credentials, identity(SESSION), end=datetime.now(UTC) + timedelta(minutes=5))
    assert (finding.verdict, finding.do) == ("warning", "Log in again.")


def test_iam_is_asked_about_the_role_behind_a_session(ask: Ask) -> None:
    asked: list[dict[str, Any]] = []
    answers = {
        **identity(SESSION),
        "get_role": {"Role": {"Arn": ROLE}},
        "simulate_principal_policy": simulated(),
    }
    found = ask(check_permissions, answers, asked=asked)
    assert [finding.verdict for finding in found] == ["ok", "ok"]
    assert {one["PolicySourceArn"] for one in asked if "PolicySourceArn" in one} == {ROLE}
    assert {one["RoleName"] for one in asked if "RoleName" in one} == {"Ops"}


def test_what_iam_would_deny_is_named_and_only_who_deploys_needs_the_rights_to_deploy(ask: Ask) -> None:
    answers = {
        **identity(USER),
        "simulate_principal_policy": simulated("dynamodb:GetItem", "iam:PassRole"),
    }
    work, deploy = ask(check_permissions, answers)
    assert (work.verdict, deploy.verdict) == ("problem", "warning")
    ledger = f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/shop_penstock_ledger"
    assert work.text == f"to work with what is deployed you lack dynamodb:GetItem on {ledger}"
    assert "iam:PassRole on arn:aws:iam::" in deploy.text


def test_a_denial_by_what_the_simulation_is_not_told_is_none(ask: Ask) -> None:
    simulate = simulated("iam:PassRole", untold=["iam:PassedToService"])
    _, deploy = ask(check_permissions, {**identity(USER), "simulate_principal_policy": simulate})
    assert deploy.verdict == "ok"
    assert "not sure is iam:PassRole on arn:aws:iam::" in deploy.text
    assert deploy.text.endswith(", of which iam:PassedToService decides")
    simulate = simulated("s3:PutObject", "dynamodb:GetItem", untold=["aws:RequestedRegion"])
    found = ask(check_permissions, {**identity(USER), "simulate_principal_policy": simulate})
    assert [(one.verdict, "not sure" in one.text) for one in found] == [("ok", False)] * 2


def test_the_rights_to_deploy_are_asked_of_what_things_are_called(ask: Ask) -> None:
    asked: list[dict[str, Any]] = []
    ask(check_permissions, {**identity(USER), "simulate_principal_policy": simulated()}, asked=asked)
    about = {action: one["ResourceArns"][0] for one in asked for action in one.get("ActionNames", ())}
    assert about["cloudwatch:PutMetricAlarm"].endswith(":alarm:shop_orders_loader-errors")
    assert about["logs:CreateLogGroup"].endswith(":log-group:/aws/lambda/shop_orders")
    assert about["lambda:CreateFunction"].endswith(":function:shop_orders")
    assert {"cloudformation:DescribeEvents", "cloudwatch:DescribeAlarms", "logs:FilterLogEvents"} <= set(
        about
    )
    assert not any(action.startswith("ec2:") for action in about)


def test_who_deploys_into_a_vpc_has_to_see_it(ask: Ask) -> None:
    simulate = simulated("ec2:DescribeSubnets")
    vpc = {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]}
    _, deploy = ask(check_permissions, {**identity(USER), "simulate_principal_policy": simulate}, vpc=vpc)
    assert (deploy.verdict, deploy.text) == ("warning", "to deploy you lack ec2:DescribeSubnets on *")


def test_who_deploys_a_job_needs_the_rights_to_it(ask: Ask) -> None:
    simulate = simulated("glue:CreateJob")
    answers = {**identity(USER), "simulate_principal_policy": simulate}
    _, deploy = ask(check_permissions, answers, feeds=[feed("orders", engine="glue")])
    job = f"arn:aws:glue:eu-central-1:{ACCOUNT}:job/shop_orders"
    assert (deploy.verdict, deploy.text) == ("warning", f"to deploy you lack glue:CreateJob on {job}")
    _, deploy = ask(check_permissions, answers)
    assert deploy.verdict == "ok"


def test_where_iam_does_not_say_reading_is_tried(ask: Ask) -> None:
    answers: dict[str, Any] = {**identity(USER), "simulate_principal_policy": "AccessDenied"}
    (finding,) = ask(check_permissions, {**answers, "query": {}, "list_objects_v2": {}})
    assert (finding.verdict, "reading works" in finding.text) == ("ok", True)
    refused = {**answers, "query": "AccessDeniedException", "list_objects_v2": "NoSuchBucket"}
    (finding,) = ask(check_permissions, refused)
    assert finding.verdict == "problem"
    assert finding.text.endswith("you lack dynamodb:Query on the ledger")


def test_a_root_user_is_not_asked_about(ask: Ask) -> None:
    (finding,) = ask(check_permissions, identity(f"arn:aws:iam::{ACCOUNT}:root"))
    assert finding.verdict == "ok"


def quotas(concurrency: int = 1000, write_units: int = 40_000, tables: int = 3) -> dict[str, Any]:
    return {
        "get_account_settings": {"AccountLimit": {"ConcurrentExecutions": concurrency}},
        "describe_limits": {"TableMaxWriteCapacityUnits": write_units},
        "list_tables": {"TableNames": [f"t{number}" for number in range(tables)]},
    }


def test_an_account_that_allows_enough_is_well(ask: Ask) -> None:
    (finding,) = ask(check_quotas, quotas())
    assert finding.verdict == "ok"


@pytest.mark.parametrize(
    ("answers", "feeds", "verdict", "text"),
    [
        (quotas(109), [feed("orders", trigger="direct")], "problem", "reserve 10 concurrent executions; of the account's 109"),
        (quotas(19), [feed("orders")], "warning", "may take 20 concurrent executions at once, and the account has 19"),
        (quotas(999), [feed("orders", function={"memory": 3009})], "warning", "is to have 3,009 MB; a new account's may have 3,008"),
        (quotas(), [feed("orders", load={"max_write_units_per_second": 40_001})], "warning", "`load.max_write_units_per_second` is 40,001"),
        (quotas(tables=2499), [feed("orders")], "warning", "there are 2,501 tables"),
    ],
)  # fmt: skip
def test_what_the_account_does_not_allow_is_told(
    ask: Ask, answers: dict[str, Any], feeds: list[dict[str, Any]], verdict: str, text: str
) -> None:
    (finding,) = ask(check_quotas, answers, feeds=feeds)
    assert (finding.verdict, finding.check) == (verdict, "quotas")
    assert text in finding.text
    assert finding.do


@pytest.mark.parametrize(
    ("answers", "feeds"),
    [
        (quotas(110), [feed("orders", trigger="direct")]),
        (quotas(20), [feed("orders")]),
        (quotas(1000), [feed("orders", function={"memory": 3009})]),
        (quotas(), [feed("orders", load={"max_write_units_per_second": 40_000})]),
        (quotas(tables=2498), [feed("orders")]),
    ],
)
def test_what_the_account_just_allows_is_well(
    ask: Ask, answers: dict[str, Any], feeds: list[dict[str, Any]]
) -> None:
    assert [finding.verdict for finding in ask(check_quotas, answers, feeds=feeds)] == ["ok"]


def test_an_address_that_has_not_confirmed_is_a_problem(ask: Ask) -> None:
    subscriptions = [
        {"Endpoint": "a@example.com", "SubscriptionArn": "arn:aws:sns:eu-central-1:1:t:1"},
        {"Endpoint": "b@example.com", "SubscriptionArn": "PendingConfirmation"},
    ]
    answers = {"list_subscriptions_by_topic": {"Subscriptions": subscriptions}}
    emails = [f"{name}@example.com" for name in "abc"]
    found = {one.text: one.verdict for one in ask(check_alerts, answers, alerts={"email": emails})}
    assert found == {
        "b@example.com has not confirmed, and is told nothing": "problem",
        "c@example.com is not subscribed, or has unsubscribed": "problem",
        "1 confirmed to be told": "ok",
    }
    (finding,) = ask(check_alerts, {"list_subscriptions_by_topic": {"Subscriptions": []}})
    assert finding.text == "nobody is told when something needs a person"


def test_a_ledger_without_its_index_is_a_problem(ask: Ask) -> None:
    table = {"TableStatus": "ACTIVE", "GlobalSecondaryIndexes": [{"IndexName": "by_feed"}]}
    (finding,) = ask(check_ledger, {"describe_table": {"Table": table}})
    assert (finding.verdict, finding.text) == ("problem", "shop_penstock_ledger lacks its index by_due")


@pytest.mark.parametrize(
    ("state", "verdict", "do"),
    [
        ("Enabled", "ok", ""),
        ("Disabled", "problem", "aws kms enable-key --key-id "),
        ("PendingDeletion", "problem", "At once: aws kms cancel-key-deletion --key-id "),
    ],
)
def test_a_key_that_is_switched_off_is_a_problem(ask: Ask, state: str, verdict: str, do: str) -> None:
    key = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0a1b"
    answers = {"describe_key": {"KeyMetadata": {"KeyState": state}}}
    (finding,) = ask(check_keys, answers, encryption={"key": key})
    assert (finding.check, finding.verdict) == ("keys", verdict)
    assert finding.do.startswith(do)
    assert ask(check_keys, answers) == []


def test_a_key_that_is_not_there_is_a_problem(ask: Ask) -> None:
    key = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0a1b"
    landing = {"bucket": "their-lake", "key": key}
    (finding,) = ask(check_keys, {"describe_key": "NotFoundException"}, landing=landing)
    assert finding.text == f"there is no key {key}, which `landing.key` names"
    feeds = [feed("orders", load={"table_exists": True, "table_key": key})]
    (finding,) = ask(check_keys, {"describe_key": "NotFoundException"}, feeds=feeds)
    assert finding.text == f"there is no key {key}, which `load.table_key of orders` names"


THEIRS = KEY.replace("0a1b2c3d", "8c9d0e1f")


@pytest.mark.parametrize(
    ("described", "load", "project", "verdict", "text"),
    [
        ("CUSTOMER", {}, {}, "problem", f"orders-items is encrypted with {THEIRS}, which the functions may not use, so that nothing can be written"),
        ("CUSTOMER", {"table_key": THEIRS}, {}, "ok", "orders-items is there"),
        ("CUSTOMER", {}, {"encryption": {"key": THEIRS}}, "ok", "orders-items is there"),
        ("AWS", {}, {}, "ok", "orders-items is there"),
        (None, {}, {}, "warning", "whose that is could not be told. Could not look at the key"),
    ],
)  # fmt: skip
def test_a_key_of_somebody_elses_table_that_the_loader_may_not_use_is_a_problem(
    ask: Ask, described: str | None, load: dict[str, Any], project: dict[str, Any], verdict: str, text: str
) -> None:
    keys = [("customer_id", "HASH"), ("order_id", "RANGE")]
    table = {
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": THEIRS},
    }
    answers = {
        "describe_table": {"Table": table},
        "describe_key": "AccessDenied"
        if described is None
        else {"KeyMetadata": {"KeyManager": described, "Arn": THEIRS}},
    }

    def check(subject: Subject) -> Iterable[Finding]:
        return check_table(FeedSubject(subject, subject.project.feeds[0]))

    theirs = feed("orders", load={"table_exists": True, **load})
    (finding,) = ask(check, answers, feeds=[theirs], **project)
    assert finding.verdict == verdict
    assert text in finding.text
    assert (finding.do == "") == (verdict == "ok")
    if verdict != "ok":
        assert "`load.table_key`" in finding.do


def test_a_bucket_of_another_account_does_not_pass_for_one_that_tells_this_one(ask: Ask) -> None:
    def read(Bucket: str, ExpectedBucketOwner: str) -> dict[str, Any]:
        code = (
            "AccessDenied" if ExpectedBucketOwner == ACCOUNT else "NoSuchBucket"
        )  # as S3 says of others' buckets
        raise ClientError({"Error": {"Code": code, "Message": Bucket}}, "GetBucketNotificationConfiguration")

    with pytest.raises(ServiceError, match=f"on a bucket of the account {ACCOUNT}"):
        ask(check_bucket, {"get_bucket_notification_configuration": read}, landing={"bucket": "their-lake"})


@pytest.mark.parametrize(
    ("key", "landing", "told"),
    [
        (None, {}, []),
        ("alias/lake", {}, [f"Write {THEIRS} into `landing.key`, then `penstock deploy`."]),
        ("alias/lake", {"key": THEIRS}, []),
        (THEIRS, {"key": THEIRS}, []),
    ],
)
def test_a_key_of_somebodys_bucket_that_the_loader_may_not_use_is_a_problem(
    ask: Ask, key: str | None, landing: dict[str, Any], told: list[str]
) -> None:
    default = {"SSEAlgorithm": "aws:kms", **({} if key is None else {"KMSMasterKeyID": key})}
    rules = [{"ApplyServerSideEncryptionByDefault": default}]
    answers = {
        "get_bucket_notification_configuration": {"EventBridgeConfiguration": {}},
        "get_bucket_encryption": {"ServerSideEncryptionConfiguration": {"Rules": rules}},
        "describe_key": {"KeyMetadata": {"KeyManager": "CUSTOMER", "Arn": THEIRS}},
    }
    there, *more = ask(check_bucket, answers, landing={"bucket": "their-lake", **landing})
    assert there.text == "their-lake is there and tells EventBridge"
    assert [(one.check, one.verdict, one.do) for one in more] == [("bucket", "problem", do) for do in told]


def test_the_caller_is_looked_at_first() -> None:
    assert [name for name, _ in BEFORE][:2] == ["credentials", "permissions"]
