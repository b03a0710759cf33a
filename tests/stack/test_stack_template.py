"""The templates are sound CloudFormation, whatever the contract asks for, and hold what the design says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from stack_samples import ACCOUNT, KEY, feed, index, templates_of, write_project

from penstock.aws.events import SweepOrder, decode_sweep
from penstock.compile.plan import compile_contract
from penstock.contract.project import read_project
from penstock.errors import ContractError
from penstock.stack.changes import write_template
from penstock.stack.synth import synth
from penstock.stack.target import Target, emulated_target
from penstock.stack.template import StackTemplate

PROVISIONED = {"billing": "provisioned", "read_capacity": 5, "write_capacity": 10}
VARIANTS: dict[str, dict[str, Any]] = {
    "queue": feed("orders"),
    "direct": feed("orders", trigger="direct"),
    "schedule": feed("orders", schedule="rate(1 hour)"),
    "direct-schedule": feed("orders", trigger="direct", schedule="cron(0 3 * * ? *)"),
    "time-zone": feed("orders", schedule={"at": "cron(0 3 * * ? *)", "time_zone": "Europe/Berlin"}),
    "existing-table": feed("orders", load={"table_exists": True}),
    "provisioned": feed("orders", load={**PROVISIONED, "indexes": [index("by_status", "status")]}),
    "indexes": feed(
        "orders",
        load={
            "indexes": [
                {"name": "by_status", "partition_key": "status", "sort_key": "quantity"},
                {"name": "by_order", "partition_key": "order_id", "projection": ["status"]},
            ]
        },
    ),
    "alarms": feed("orders", alarms={"silent_after": "26 hours", "reject_share": "0.5%", "throttles": "off"}),
    "glue": feed("orders", engine="glue"),
    "glue-auto": feed(
        "orders",
        engine="auto",
        trigger="direct",
        glue={"worker": "G.2X", "workers": 20, "timeout": 600, "retries": 0},
        transform={"sql": "SELECT customer_id, order_id, sum(quantity) AS n FROM rows GROUP BY ALL"},
        load={"mode": "mirror"},
    ),
    "stream-and-ttl": feed("orders", load={"stream": "NEW_AND_OLD_IMAGES", "ttl": "expires"}),
}


def _lint(body: Mapping[str, Any]) -> list[str]:
    return [
        f"{found.rule.id} {found.message}"
        for found in cfnlint.api.lint(json.dumps(body), regions=["eu-central-1"])
    ]


def _body(templates: Sequence[StackTemplate], tier: str) -> Mapping[str, Any]:
    return next(template.body for template in templates if template.tier == tier)


def _resources(body: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [resource for resource in body["Resources"].values() if resource["Type"] == kind]


def _feed_resource(folder: Path, contract: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    body = _body(templates_of(write_project(folder, [contract])), "feed")
    (resource,) = _resources(body, kind)
    return resource


@pytest.mark.parametrize("variant", VARIANTS)
def test_cfn_lint_has_nothing_to_say_of_a_feed(variant: str, tmp_path: Path) -> None:
    templates = templates_of(write_project(tmp_path, [VARIANTS[variant]]))
    assert _lint(_body(templates, "feed")) == []


def test_a_project_that_is_traced_is_traced_from_end_to_end(tmp_path: Path) -> None:
    body = _body(templates_of(write_project(tmp_path, [feed("orders")], tracing=True)), "feed")
    assert _lint(body) == []
    resources = body["Resources"]
    for function in ("Function", "SweepFunction"):
        assert resources[function]["Properties"]["TracingConfig"] == {"Mode": "Active"}
    assert resources["StateMachine"]["Properties"]["TracingConfiguration"] == {"Enabled": True}


def test_nothing_is_traced_unless_said(tmp_path: Path) -> None:
    text = json.dumps(_body(templates_of(write_project(tmp_path, [feed("orders")])), "feed"))
    assert "Tracing" not in text


@pytest.mark.parametrize("tier", ["foundation", "landing"])
def test_cfn_lint_has_nothing_to_say_of_what_feeds_share(tier: str, tmp_path: Path) -> None:
    feeds = [feed("orders"), feed("returns", trigger="direct")]
    templates = templates_of(write_project(tmp_path, feeds, alerts={"email": ["data@example.com"]}))
    assert _lint(_body(templates, tier)) == []


def test_cfn_lint_has_nothing_to_say_of_the_embedded_runtime(tmp_path: Path) -> None:
    templates = templates_of(write_project(tmp_path, [feed("orders")]), emulated_target())
    assert _lint(_body(templates, "feed")) == []


def test_a_hundred_feeds_fit_cloudformation_and_the_bucket(tmp_path: Path) -> None:
    name = "a-feed-with-quite-a-long-name-{:03d}"
    templates = templates_of(
        write_project(tmp_path, [feed(name.format(n)) for n in range(100)], name="p" * 30)
    )
    assert len(templates) == 102
    for template in templates:
        assert len(template.body["Resources"]) < 500
        assert len(write_template(template.body)) <= 51_200
    (bucket,) = _resources(_body(templates, "landing"), "AWS::S3::Bucket")
    assert len(bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]) == 100
    assert _lint(_body(templates, "landing")) == []


MUCH: dict[str, Any] = {
    "engine": "glue",
    "schedule": {"at": "cron(0 3 * * ? *)", "time_zone": "Europe/Berlin"},
    "load": {"mode": "mirror"},
    "alarms": {"silent_after": "26 hours"},
}
"""Nearly all that a feed can have."""


def test_a_feed_that_has_much_fits_cloudformation_whatever_it_is_called(tmp_path: Path) -> None:
    """Where there is no room for the saved queries, they are left out."""
    options = {"name": "p" * 30, "encryption": {"key": KEY}, "tracing": True}
    long, short = feed("f" * 40, **MUCH), feed("orders", **MUCH, trigger="direct")
    bodies = {
        template.feed: template.body
        for template in templates_of(write_project(tmp_path, [long, short], **options))
        if template.tier == "feed"
    }
    saved = {
        name: len(_resources(body, "AWS::Logs::QueryDefinition")) for name, body in bodies.items() if name
    }
    assert saved == {"f" * 40: 0, "orders": 4}
    for body in bodies.values():
        assert len(write_template(body)) <= 51_200
        assert _lint(body) == []


def test_a_hundred_and_one_feeds_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"101 feeds.*at most 100.*split it"):
        templates_of(write_project(tmp_path, [feed(f"feed-{n}") for n in range(101)]))


def test_the_same_project_gives_the_same_templates(tmp_path: Path) -> None:
    feeds = [feed("orders", schedule="rate(1 hour)"), feed("returns", trigger="direct")]
    first = synth(write_project(tmp_path / "a", feeds))
    second = synth(write_project(tmp_path / "b", list(reversed(feeds))))
    assert list(first.items()) == list(second.items())


def test_synth_names_the_stacks_in_the_order_of_their_deployment(tmp_path: Path) -> None:
    written = synth(write_project(tmp_path, [feed("orders")]), account="000000000000", region="us-east-1")
    assert list(written) == [
        "penstock-shop.template.json",
        "penstock-shop-feed-orders.template.json",
        "penstock-shop-landing.template.json",
    ]
    landing = json.loads(written["penstock-shop-landing.template.json"])
    assert landing["Outputs"]["LandingBucket"]["Value"] == "shop-landing-000000000000-us-east-1"


def test_each_feed_hears_of_its_own_prefix_and_suffix_alone(tmp_path: Path) -> None:
    templates = templates_of(write_project(tmp_path, [feed("orders"), feed("returns", trigger="direct")]))
    (bucket,) = _resources(_body(templates, "landing"), "AWS::S3::Bucket")
    assert bucket["Properties"]["NotificationConfiguration"] == {
        "QueueConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Queue": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:shop_orders",
                "Filter": {"S3Key": {"Rules": _rules("incoming/orders/")}},
            }
        ],
        "LambdaConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Function": f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:shop_returns",
                "Filter": {"S3Key": {"Rules": _rules("incoming/returns/")}},
            }
        ],
    }


def _rules(prefix: str) -> list[dict[str, str]]:
    return [{"Name": "prefix", "Value": prefix}, {"Name": "suffix", "Value": ".csv"}]


def test_what_holds_data_outlives_its_stack(tmp_path: Path) -> None:
    kept = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup"}
    for template in templates_of(write_project(tmp_path, [feed("orders")])):
        for resource in template.body["Resources"].values():
            if resource["Type"] in kept:
                assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_buckets_are_versioned_encrypted_and_closed(tmp_path: Path) -> None:
    templates = templates_of(write_project(tmp_path, [feed("orders")]))
    buckets = [bucket for template in templates for bucket in _resources(template.body, "AWS::S3::Bucket")]
    assert len(buckets) == 2
    for bucket in buckets:
        properties = bucket["Properties"]
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert all(properties["PublicAccessBlockConfiguration"].values())
        assert "BucketEncryption" in properties


def test_tables_are_protected_and_can_be_recovered(tmp_path: Path) -> None:
    templates = templates_of(write_project(tmp_path, [feed("orders")]))
    tables = [table for template in templates for table in _resources(template.body, "AWS::DynamoDB::Table")]
    assert {table["Properties"]["TableName"] for table in tables} == {"orders-items", "shop_penstock_ledger"}
    for table in tables:
        assert table["Properties"]["DeletionProtectionEnabled"] is True
        assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_a_table_that_exists_is_not_made(tmp_path: Path) -> None:
    templates = templates_of(write_project(tmp_path, [VARIANTS["existing-table"]]))
    assert _resources(_body(templates, "feed"), "AWS::DynamoDB::Table") == []


def test_two_feeds_can_not_both_make_one_table(tmp_path: Path) -> None:
    feeds = [feed("orders", load={"table": "items"}), feed("returns", load={"table": "items"})]
    with pytest.raises(ContractError, match=r"items would be made by the feeds orders and returns"):
        templates_of(write_project(tmp_path, feeds))


def test_no_feed_writes_to_the_ledger(tmp_path: Path) -> None:
    contract = feed("orders", load={"table": "shop_penstock_ledger", "table_exists": True})
    with pytest.raises(ContractError, match="the feed orders would write to shop_penstock_ledger"):
        templates_of(write_project(tmp_path, [contract]))


@pytest.mark.parametrize(
    ("load", "project", "where"),
    [
        ({}, {"encryption": {"key": KEY}}, "encryption.key"),
        ({}, {"landing": {"bucket": "their-lake", "key": KEY}}, "landing.key"),
        ({"table_exists": True, "table_key": KEY}, {}, "load.table_key of the feed orders"),
    ],
)
def test_a_key_of_another_region_than_the_project_is_deployed_to_is_refused(
    tmp_path: Path, load: dict[str, Any], project: dict[str, Any], where: str
) -> None:
    """Also where the command or the surroundings say the region, and not the project."""
    folder = write_project(tmp_path, [feed("orders", load=load)], **project, region=None)
    assert synth(folder, region="eu-central-1")
    with pytest.raises(ContractError) as refused:
        synth(folder, region="eu-west-1")
    assert refused.value.problems == (
        f"{where} is a key of eu-central-1, and the project goes to eu-west-1: name one of its own region",
    )


def test_a_provisioned_table_and_its_index_have_the_capacity_of_the_contract(tmp_path: Path) -> None:
    table = _feed_resource(tmp_path, VARIANTS["provisioned"], "AWS::DynamoDB::Table")["Properties"]
    capacity = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 10}
    assert table["BillingMode"] == "PROVISIONED"
    assert table["ProvisionedThroughput"] == capacity
    assert table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == capacity


def test_a_message_stays_hidden_for_six_times_the_timeout(tmp_path: Path) -> None:
    contract = feed("orders", function={"timeout": 900})
    body = _body(templates_of(write_project(tmp_path, [contract])), "feed")
    assert body["Resources"]["Function"]["Properties"]["Timeout"] == 900
    assert body["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] == 5400


def test_the_mapping_caps_concurrency_with_a_number_and_reports_each_message(tmp_path: Path) -> None:
    contract = feed("orders", function={"concurrency": 7})
    mapping = _feed_resource(tmp_path, contract, "AWS::Lambda::EventSourceMapping")["Properties"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 7}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 1 <= mapping["BatchSize"] <= 10


def test_a_direct_feed_is_called_by_its_bucket_alone_and_keeps_what_fails(tmp_path: Path) -> None:
    body = _body(templates_of(write_project(tmp_path, [VARIANTS["direct"]])), "feed")
    permission = body["Resources"]["Permission"]["Properties"]
    assert permission["SourceAccount"] == ACCOUNT
    assert permission["SourceArn"] == f"arn:aws:s3:::shop-landing-{ACCOUNT}-eu-central-1"
    calls = body["Resources"]["AsynchronousCalls"]["Properties"]
    assert calls["DestinationConfig"] == {
        "OnFailure": {"Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    }
    assert not _resources(body, "AWS::Lambda::EventSourceMapping")


def test_a_feed_is_swept_by_the_tick_always_and_wholly_by_its_schedule(tmp_path: Path) -> None:
    daily = {"at": "cron(0 6 * * ? *)", "time_zone": "Europe/Berlin"}
    contract = feed("orders", schedule=daily)
    contract["source"]["expect"] = ["o-%Y.csv"]
    without = _body(templates_of(write_project(tmp_path, [feed("orders")])), "feed")
    (tick,) = _resources(without, "AWS::Scheduler::Schedule")
    assert tick["Properties"]["ScheduleExpression"] == "rate(5 minutes)"
    assert json.loads(tick["Properties"]["Target"]["Input"]) == {"penstock": {"sweep": {"kind": "tick"}}}
    resources = _body(templates_of(write_project(tmp_path, [contract])), "feed")["Resources"]
    assert resources["Tick"] == tick
    schedule = resources["Schedule"]["Properties"]
    assert schedule["ScheduleExpression"] == daily["at"]
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    order = decode_sweep(json.loads(schedule["Target"]["Input"]))
    assert order == SweepOrder("full", None, "Europe/Berlin", ("o-%Y.csv",))


@pytest.mark.parametrize(
    ("variant", "way"),
    [
        ("queue", {"PENSTOCK_QUEUE": {"Ref": "Queue"}}),
        ("direct", {"PENSTOCK_LOADER": "shop_orders"}),
    ],
)
def test_the_sweep_knows_the_way_to_the_loader(variant: str, way: dict[str, Any], tmp_path: Path) -> None:
    resources = _body(templates_of(write_project(tmp_path, [VARIANTS[variant]])), "feed")["Resources"]
    function = resources["SweepFunction"]["Properties"]
    assert function["FunctionName"] == "shop_orders_sweep"
    assert function["Handler"] == "penstock.aws.sweep.handler.handle"
    variables = function["Environment"]["Variables"]
    assert {name: variables[name] for name in variables if name.endswith(("QUEUE", "LOADER"))} == way


def test_both_functions_know_whose_metrics_they_publish(tmp_path: Path) -> None:
    resources = _body(templates_of(write_project(tmp_path, [feed("orders")])), "feed")["Resources"]
    for function in ("Function", "SweepFunction"):
        variables = resources[function]["Properties"]["Environment"]["Variables"]
        assert (variables["PENSTOCK_PROJECT"], variables["PENSTOCK_FEED"]) == ("shop", "orders")


def test_the_sweep_knows_how_long_its_feed_may_be_silent(tmp_path: Path) -> None:
    contracts = [feed("orders", alarms={"silent_after": "26 hours"}), feed("returns")]
    told = {
        template.feed: template.body["Resources"]["SweepFunction"]["Properties"]["Environment"]["Variables"]
        for template in templates_of(write_project(tmp_path, contracts))
        if template.tier == "feed"
    }
    assert told["orders"]["PENSTOCK_SILENT_AFTER"] == "93600"
    assert "PENSTOCK_SILENT_AFTER" not in told["returns"]


def test_both_functions_know_the_level_and_the_sample_of_their_logs(tmp_path: Path) -> None:
    project = write_project(tmp_path, [feed("orders")], logs={"level": "WARNING", "debug_sample": "2.5%"})
    resources = _body(templates_of(project), "feed")["Resources"]
    for function in ("Function", "SweepFunction"):
        variables = resources[function]["Properties"]["Environment"]["Variables"]
        assert (variables["PENSTOCK_LOG_LEVEL"], variables["PENSTOCK_DEBUG_SHARE"]) == ("WARNING", "0.025")


def test_a_function_knows_its_state_machine_and_what_is_large(tmp_path: Path) -> None:
    large = {"over": 0.001, "chunk": 0.5, "concurrency": 3}
    contract = feed("orders", large_objects={"chunk": 2}, function={"concurrency": 7})
    body = _body(templates_of(write_project(tmp_path, [contract], large_objects=large)), "feed")
    variables = body["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    machine = body["Resources"]["StateMachine"]["Properties"]["StateMachineName"]
    assert {key: variables[key] for key in variables if "LARGE" in key or "CHUNK" in key} == {
        "PENSTOCK_LARGE_BYTES": "1049",
        "PENSTOCK_CHUNK_BYTES": str(2 << 20),
        "PENSTOCK_CHUNK_CONCURRENCY": "3",
    }
    assert variables["PENSTOCK_CONCURRENCY"] == "7"
    assert variables["PENSTOCK_STATE_MACHINE"] == (
        f"arn:aws:states:eu-central-1:{ACCOUNT}:stateMachine:{machine}"
    )


def test_a_write_budget_reaches_the_plan(tmp_path: Path) -> None:
    feeds = [feed("orders", load={"max_write_units_per_second": 500}), feed("returns")]
    orders, returns = (
        compile_contract(contract) for contract in read_project(write_project(tmp_path, feeds)).feeds
    )
    assert (orders.max_write_units, returns.max_write_units) == (500, None)


def test_a_state_machine_logs_what_failed_into_the_projects_group_and_no_data(tmp_path: Path) -> None:
    templates = templates_of(write_project(tmp_path, [feed("orders")], logs={"retention_days": 90}))
    (group,) = _resources(_body(templates, "foundation"), "AWS::Logs::LogGroup")
    assert group["Properties"] == {
        "LogGroupName": "/aws/vendedlogs/states/shop_penstock",
        "RetentionInDays": 90,
    }
    (machine,) = _resources(_body(templates, "feed"), "AWS::StepFunctions::StateMachine")
    arn = f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:/aws/vendedlogs/states/shop_penstock:*"
    assert machine["Properties"]["LoggingConfiguration"] == {
        "Level": "ERROR",
        "IncludeExecutionData": False,
        "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": arn}}],
    }


def test_what_runs_left_for_themselves_expires_and_nothing_else_does(tmp_path: Path) -> None:
    templates = templates_of(write_project(tmp_path, [feed("orders")]))
    rules = {
        tier: _resources(_body(templates, tier), "AWS::S3::Bucket")[0]["Properties"]["LifecycleConfiguration"]
        for tier in ("foundation", "landing")
    }
    expiring = [rule for rule in rules["foundation"]["Rules"] if "ExpirationInDays" in rule]
    assert [(rule["Prefix"], rule["ExpirationInDays"]) for rule in expiring] == [("runs/", 30)]
    assert [set(rule) for rule in rules["landing"]["Rules"]] == [
        {"Id", "Status", "AbortIncompleteMultipartUpload"}  # what was never finished is no file
    ]
    forgetting = [rule for rule in rules["foundation"]["Rules"] if "NoncurrentVersionExpiration" in rule]
    assert {rule["Prefix"] for rule in forgetting} == {"runs/", "manifests/"}
    for bucket in (_resources(_body(templates, tier), "AWS::S3::Bucket")[0] for tier in rules):
        assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


@dataclass(frozen=True)
class _Difference:
    path: str
    here: object
    there: object


def _differences(here: Any, there: Any, path: str = "") -> Iterator[_Difference]:
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted({*here, *there}):
            yield from _differences(here.get(key), there.get(key), f"{path}/{key}")
    elif here != there:
        yield _Difference(path, here, there)


SAVED_QUERIES = {"RunsStory", "FilesEvents", "SlowestRuns", "TopCodes"}


def test_the_embedded_aws_gets_the_same_templates_but_for_the_runtime(tmp_path: Path) -> None:
    folder = write_project(
        tmp_path, [feed("orders"), feed("returns", trigger="direct", schedule="rate(1 hour)")]
    )
    elsewhere = Target(
        runtime="provided.al2023", python="3.11", architecture="x86_64", interpreter="/usr/bin/python3"
    )
    own = {"foundation": set(), "feed": {"Runtime", "Architectures"} | SAVED_QUERIES, "landing": set()}
    for here, there in zip(templates_of(folder), templates_of(folder, elsewhere), strict=True):
        changed = {difference.path.rpartition("/")[2] for difference in _differences(here.body, there.body)}
        assert changed == own[here.tier]
        types = {here.body["Resources"][name]["Type"] for name in SAVED_QUERIES if here.tier == "feed"}
        assert types <= {"AWS::Logs::QueryDefinition"}
