"""Who may do what: every statement is pinned, in a file to be read, and names what it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from stack_samples import ACCOUNT, KEY, feed, query_feed, templates_of, write_project

from penstock.stack.names import Names
from penstock.stack.resources.key import key_template
from penstock.stack.resources.statements import literal
from penstock.stack.template import StackTemplate

TABLE_KEY = KEY.replace("0a1b2c3d", "8c9d0e1f")
PINNED = Path(__file__).with_name("statements.json")

OPTIONS: dict[str, dict[str, Any]] = {
    "there is a key": {"encryption": {"key": KEY}},
    "it is traced": {"tracing": True},
    "files land in another bucket": {"landing": {"bucket": "company-lake", "key": KEY}},
    "functions are in a VPC": {"vpc": {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]}},
}
"""What of a project adds statements to those that every project has."""


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """All statements of a project with a feed of each kind, by stack and resource."""
    folder = tmp_path_factory.mktemp("project")
    feeds = [
        feed("orders"),
        feed(
            "returns",
            load={"mode": "mirror"},
            trigger="direct",
            schedule="rate(1 hour)",
            alarms={"silent_after": "26 hours"},
            engine="glue",
        ),
    ]
    jobless = [{key: value for key, value in one.items() if key != "engine"} for one in feeds]
    without = _by_resource(templates_of(write_project(folder, feeds)))
    added = {
        f"{name} where {case}": [one for one in many if one not in without[name]]
        for case, options in OPTIONS.items()
        for name, many in _by_resource(
            # A job is in no network of the project's.
            templates_of(write_project(folder, jobless if "vpc" in options else feeds, **options))
        ).items()
        if any(one not in without[name] for one in many)
    }
    # What a query refers to adds to the loader's own, and to nobody else's.
    referring = _by_resource(templates_of(write_project(folder, [query_feed("orders", "returns"), feeds[1]])))
    added |= {
        f"{name} where its query has references": [one for one in many if one not in without[name]]
        for name, many in referring.items()
        if many != without[name]
    }
    key = key_template(Names("shop", ACCOUNT, "eu-central-1"))["Resources"]["Key"]
    return {**without, **added, "penstock-shop-key/Key": list(_find(key))}


def _by_resource(templates: Sequence[StackTemplate]) -> dict[str, list[dict[str, Any]]]:
    return {
        f"{template.name}/{logical_id}": list(_find(resource))
        for template in templates
        for logical_id, resource in template.body["Resources"].items()
        if any(_find(resource))
    }


def _find(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, Mapping):
        if value.get("Type") == "AWS::Lambda::Permission":
            yield _as_statement(value["Properties"])
        for key, inner in value.items():
            yield from inner if key == "Statement" else _find(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _find(inner)


def _as_statement(permission: Mapping[str, Any]) -> dict[str, Any]:
    """The statement that Lambda makes of a permission, in the policy of the function."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": permission["Principal"]},
        "Action": permission["Action"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": permission["SourceAccount"]},
            "ArnLike": {"aws:SourceArn": permission["SourceArn"]},
        },
    }


def test_the_statements_are_those_that_were_reviewed(statements: dict[str, list[dict[str, Any]]]) -> None:
    assert statements == json.loads(PINNED.read_text()), (
        f"a permission has changed: review it, and write it into {PINNED.name}:\n{json.dumps(statements, indent=2)}"
    )


def test_a_feed_that_takes_what_is_new_may_keep_lists_of_what_it_took_and_nothing_else(
    tmp_path: Path,
) -> None:
    def statements_of(over: str) -> dict[str, list[dict[str, Any]]]:
        own: dict[str, Any] = {
            "transform": {"sql": "SELECT order_id, customer_id FROM rows", "over": over},
            "schedule": "rate(1 hour)",
        }
        return _by_resource(templates_of(write_project(tmp_path, [feed("orders", **own)])))

    plain, new = statements_of("object"), statements_of("new")
    assert statements_of("prefix") == plain
    added = {name: [one for one in many if one not in plain[name]] for name, many in new.items()}
    ((name, (keep, listed)),) = [(name, many) for name, many in added.items() if many]
    assert name == "penstock-shop-feed-orders/Role"
    assert keep["Action"] == ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    assert keep["Resource"].endswith("/manifests/orders/*")
    assert listed["Condition"]["StringLike"] == {"s3:prefix": ["manifests/orders/*"]}


def test_tracing_adds_what_it_needs_and_nothing_else(
    statements: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    """X-Ray knows no resources: these actions can only be allowed on all."""
    send = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    sample = ["xray:GetSamplingRules", "xray:GetSamplingTargets", *send]
    found = {
        logical_id: [one for one in _find(resource) if one not in statements[f"{template.name}/{logical_id}"]]
        for template in templates_of(write_project(tmp_path, [feed("orders")], tracing=True))
        for logical_id, resource in template.body["Resources"].items()
        if template.tier == "feed" and any(_find(resource))
    }
    assert {logical_id: more for logical_id, more in found.items() if more} == {
        logical_id: [{"Sid": "SendTraces", "Effect": "Allow", "Action": actions, "Resource": "*"}]
        for logical_id, actions in (("Role", send), ("SweepRole", send), ("StateMachineRole", sample))
    }


def test_of_a_table_that_has_a_key_of_its_own_the_loader_may_use_it_through_dynamodb_alone(
    tmp_path: Path,
) -> None:
    """DynamoDB asks whether who writes may use the key, and refuses a write like a forbidden one."""
    theirs = feed("orders", load={"table_exists": True, "table_key": TABLE_KEY})
    for project, keys in (({}, TABLE_KEY), ({"encryption": {"key": KEY}}, [KEY, TABLE_KEY])):
        found = {
            f"{logical_id}/{statement['Sid']}": (statement["Resource"], statement["Condition"])
            for template in templates_of(write_project(tmp_path, [theirs], **project))
            for logical_id, resource in template.body["Resources"].items()
            for statement in _find(resource)
            if TABLE_KEY in json.dumps(statement)
        }
        through = {"StringEquals": {"kms:ViaService": "dynamodb.eu-central-1.amazonaws.com"}}
        assert found == {"Role/UseKeyOfTables": (keys, through)}


def test_a_loader_of_rows_that_compete_may_put_items_and_write_no_batches(tmp_path: Path) -> None:
    templates = templates_of(write_project(tmp_path, [feed("prices", load={"newest_by": "quantity"})]))
    found = [
        statement
        for template in templates
        for statement in _find(template.body["Resources"])
        if "table/prices-items" in str(statement.get("Resource"))
    ]
    assert [statement["Action"] for statement in found] == [["dynamodb:PutItem"]]


def test_no_allowed_action_is_a_wildcard(statements: dict[str, list[dict[str, Any]]]) -> None:
    for statement in _allowing(statements):
        if statement.get("Sid") == "LeaveItToTheAccount":  # a key that its account may not change is lost
            assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
            continue
        assert not [action for action in _many(statement["Action"]) if "*" in action], statement


def test_every_resource_is_an_exact_arn_or_a_bound_prefix(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    for statement in _allowing(statements):
        for resource in _many(statement.get("Resource", [])):
            beginning, _, rest = resource.partition("*")
            assert rest == "", resource
            if resource == "*":  # what these make has no ARNs beforehand; in a key's policy it is the key
                (service,) = {action.partition(":")[0] for action in _many(statement["Action"])}
                assert service in ({"kms"} if "Principal" in statement else {"ec2", "logs", "xray"})
            elif ":execution:" in resource:  # of one state machine, and of its maps
                assert re.fullmatch(r"arn:aws:states:[^:]+:[0-9]{12}:execution:[a-z_-]+[:/]", beginning)
            elif beginning != resource:  # objects under a folder, and the streams of a log group
                logs = (":log-group:/aws/lambda/", ":log-group:/aws-glue/jobs/")
                assert resource.startswith("arn:aws:s3:::") or any(group in resource for group in logs)
                assert beginning.endswith(("/", ":"))
                assert beginning.count("/") > 1 or beginning.endswith(":")


def test_roles_are_held_to_buckets_of_this_account(statements: dict[str, list[dict[str, Any]]]) -> None:
    """A bucket's ARN names no account: one that was deleted can be made again by anybody."""
    about = [one for one in _allowing(statements) if str(_many(one["Action"])[0]).startswith("s3:")]
    assert len(about) > 10
    for statement in about:
        assert statement["Condition"]["StringEquals"] == {"aws:ResourceAccount": ACCOUNT}


def test_what_may_be_done_to_all_resources_is_what_aws_allows_on_no_fewer(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    found = {
        (of.rpartition("/")[2], statement["Sid"])
        for of, many in statements.items()
        for statement in many
        if statement["Effect"] == "Allow" and "*" in _many(statement.get("Resource", []))
        if of != "penstock-shop-key/Key"
    }
    roles = {"Role", "SweepRole", "StateMachineRole"}
    assert found == {
        ("StateMachineRole", "DeliverLogs"),
        *((f"{role} where it is traced", "SendTraces") for role in roles),
        *(
            (f"{role} where functions are in a VPC", "LetLambdaConnect")
            for role in roles - {"StateMachineRole"}
        ),
    }


def test_services_are_held_to_this_account_and_to_what_of_it_calls(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    held = 0
    for statement in _allowing(statements):
        service = statement.get("Principal", {}).get("Service")
        if service in {None, "glue.amazonaws.com", "lambda.amazonaws.com"}:
            continue  # they name neither as they take on a role, which nobody can give them but who may pass it
        conditions = statement["Condition"]
        if set(conditions) == {"ArnLike"} and (context := _encryption_context(conditions["ArnLike"])):
            # What is encrypted: EventBridge and Logs don't tell the key's policy who calls them.
            assert all((f":{ACCOUNT}:" in arn and ":shop_" in arn) or "/shop_" in arn for arn in context)
            continue
        assert conditions["StringEquals"]["aws:SourceAccount"] == "123456789012"
        (source,) = (
            value["aws:SourceArn"] for value in conditions.values() if set(value) == {"aws:SourceArn"}
        )
        assert source.startswith("arn:aws:")
        assert source != "*"
        held += 1
    assert held >= 6


def _encryption_context(condition: Mapping[str, Any]) -> list[str]:
    return [
        arn
        for key, value in condition.items()
        if key.startswith("kms:EncryptionContext:aws:")
        for arn in _many(value)
    ]


def test_roles_may_use_the_key_through_single_services_alone(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    """And each role through those alone whose data it works with."""
    through = {
        of.removesuffix(" where there is a key"): {
            service.split(".")[0]
            for statement in many
            for service in _many(statement["Condition"]["StringEquals"]["kms:ViaService"])
        }
        for of, many in statements.items()
        if of.endswith(" where there is a key")
    }
    loader = {"dynamodb", "lambda", "s3", "sns", "sqs"}
    assert through == {
        "penstock-shop-feed-orders/Role": loader,
        "penstock-shop-feed-orders/SweepRole": loader - {"s3"},
        "penstock-shop-feed-orders/StateMachineRole": {"s3"},
        "penstock-shop-feed-returns/Role": loader,
        "penstock-shop-feed-returns/SweepRole": loader - {"s3", "sqs"},
        "penstock-shop-feed-returns/StateMachineRole": {"s3"},
        "penstock-shop-feed-returns/JobRole": {"dynamodb", "s3"},
    }
    for of, many in statements.items():
        if of.endswith(" where there is a key"):
            assert {statement["Resource"] for statement in many} == {KEY}


def test_four_services_may_use_the_key_for_themselves_and_nobody_else_but_the_account(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    principals = [statement["Principal"] for statement in statements["penstock-shop-key/Key"]]
    assert principals == [
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        {"Service": "s3.amazonaws.com"},
        {"Service": "events.amazonaws.com"},
        {"Service": "cloudwatch.amazonaws.com"},
        {"Service": "logs.eu-central-1.amazonaws.com"},
    ]


def test_buckets_queues_and_the_topic_refuse_what_is_not_encrypted_on_its_way(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    refusing = {
        resource
        for many in statements.values()
        for statement in many
        if statement["Effect"] == "Deny"
        and statement.get("Principal") == "*"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for resource in _many(statement["Resource"])
    }
    landing, artifacts = (
        f"arn:aws:s3:::shop-{which}-{ACCOUNT}-eu-central-1" for which in ("landing", "artifacts")
    )
    queues = ("shop_orders", "shop_orders_dead-letters", "shop_returns_dead-letters")
    assert refusing == {
        *(f"{bucket}{of}" for bucket in (landing, artifacts) for of in ("", "/*")),
        *(f"arn:aws:sqs:eu-central-1:{ACCOUNT}:{queue}" for queue in queues),
        f"arn:aws:sns:eu-central-1:{ACCOUNT}:shop_penstock_alerts",
    }


def test_a_schedule_is_bound_by_its_group_which_is_all_that_scheduler_tells(
    statements: dict[str, list[dict[str, Any]]],
) -> None:
    (trust, *_) = statements["penstock-shop-feed-returns/ScheduleRole"]
    group = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/default"
    assert trust["Condition"]["ArnEquals"]["aws:SourceArn"] == group


@pytest.mark.parametrize(
    ("text", "meant"), [("a/b", "a/b"), ("50%*/?/$x/", "50%${*}/${?}/${$}x/"), ("${*}", "${$}{${*}}")]
)
def test_a_prefix_stands_for_itself_in_a_policy(text: str, meant: str) -> None:
    assert literal(text) == meant


def _allowing(statements: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [statement for many in statements.values() for statement in many if statement["Effect"] == "Allow"]


def _many(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
