"""A feed's job in Glue: it is as the contract says, and as the service's own description of its calls wants it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.model import Shape
from botocore.validate import ParamValidator
from desk import Desk
from stack_samples import ACCOUNT, KEY, feed, templates_of, write_project

from penstock.aws.list_runs import list_runs
from penstock.aws.runs import Run
from penstock.contract.project import read_project
from penstock.errors import ContractError
from penstock.local.processes import wait_until
from penstock.local.project import deploy_project
from penstock.local.server import Server, start_server, stop_server
from penstock.plan.codec import read_plan, write_plan
from penstock.stack.connect import Connection
from penstock.stack.doctor.examine import examine
from penstock.stack.job_package import SCRIPT
from penstock.stack.names import Names
from penstock.stack.plans import compile_feeds
from penstock.stack.resources.glue import has_job, plan_key
from penstock.stack.resources.state_machine import build_definition
from penstock.stack.target import Target, emulated_target

GLUE = botocore.session.Session().get_service_model("glue")
NAMES = Names("shop", ACCOUNT, "eu-central-1")
REFERRED = {
    "JobRole": f"arn:aws:iam::{ACCOUNT}:role/job",
    "JobEncryption": "shop_orders",
}
"""What the references of the template come to."""
QUERY = {"sql": "SELECT customer_id, order_id, sum(quantity) AS n FROM rows GROUP BY customer_id, order_id"}
SIZES: dict[str, dict[str, Any]] = {
    "usual": {"engine": "glue"},
    "largest": {
        "engine": "auto",
        "transform": QUERY,
        "glue": {"worker": "G.8X", "workers": 299, "timeout": 10_080, "retries": 10},
    },
    "smallest": {"engine": "glue", "glue": {"worker": "G.1X", "workers": 2, "timeout": 1, "retries": 0}},
}


def resources(folder: Path, contract: Mapping[str, Any], **project: Any) -> dict[str, dict[str, Any]]:
    templates = templates_of(write_project(folder, [contract], **project))
    (body,) = (template.body for template in templates if template.tier == "feed")
    found: dict[str, dict[str, Any]] = body["Resources"]
    return found


def resolved(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"Ref"}:
            return REFERRED[value["Ref"]]
        if set(value) == {"Fn::GetAtt"}:
            return REFERRED[value["Fn::GetAtt"][0]]
        return {key: resolved(inner) for key, inner in value.items()}
    return [resolved(inner) for inner in value] if isinstance(value, list) else value


def faults(value: Any, shape: Shape) -> list[str]:
    """What is wrong with a value by the service's description: kinds, names, words, lengths, patterns."""
    report = ParamValidator().validate(value, shape)
    return [report.generate_report()] if report.has_errors() else list(_misfits(value, shape, ""))


def _misfits(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """What botocore itself does not look at."""
    about = shape.metadata
    for name, inner, of in _parts(value, shape):
        yield from _misfits(inner, of, f"{path}.{name}")
    if value not in about.get("enum", [value]):
        yield f"{path}: {value} is none of {about['enum']}"
    if isinstance(value, str | list | dict) and len(value) > about.get("max", len(value)):
        yield f"{path}: is too long"
    pattern = about.get("pattern", "")
    # A range of surrogates, as in a pattern for any text, is none to Python.
    if isinstance(value, str) and "\\uD" not in pattern and not re.search(pattern, value):
        yield f"{path}: {value} does not match {pattern}"


def _parts(value: Any, shape: Shape) -> list[tuple[str, Any, Shape]]:
    if shape.type_name == "structure":
        return [(name, inner, shape.members[name]) for name, inner in value.items()]
    if shape.type_name == "list":
        return [("[]", inner, shape.member) for inner in value]
    if shape.type_name == "map":
        return [
            (key, each, of)
            for key, inner in value.items()
            for each, of in ((key, shape.key), (inner, shape.value))
        ]
    return []


@pytest.mark.parametrize("size", SIZES)
def test_the_job_is_one_that_the_service_would_make(size: str, tmp_path: Path) -> None:
    job = resources(tmp_path, feed("orders", **SIZES[size]))["Job"]
    asked = GLUE.operation_model("CreateJob").input_shape
    assert faults(resolved(job["Properties"]), asked) == []


def test_what_the_service_would_refuse_is_found(tmp_path: Path) -> None:
    """A canary: the description is one that finds fault."""
    job = resolved(resources(tmp_path, feed("orders", engine="glue"))["Job"]["Properties"])
    asked = GLUE.operation_model("CreateJob").input_shape
    for wrong in (
        {"WorkerType": "G.3X"},
        {"GlueVersion": "five"},
        {"NumberOfWorkers": "5"},
        {"Workers": 5},
        {"ExecutionClass": "SPOT"},
        {"Name": "x" * 256},
        {"Timeout": 0},
    ):
        assert faults({**job, **wrong}, asked), wrong


def test_the_encryption_is_one_that_the_service_would_make(tmp_path: Path) -> None:
    found = resources(tmp_path, feed("orders", engine="glue"), encryption={"key": KEY})
    assert found["Job"]["Properties"]["SecurityConfiguration"] == {"Ref": "JobEncryption"}
    properties = dict(found["JobEncryption"]["Properties"])
    encryption = dict(properties["EncryptionConfiguration"])
    encryption["S3Encryption"] = encryption.pop("S3Encryptions")  # CloudFormation's own word
    asked = GLUE.operation_model("CreateSecurityConfiguration").input_shape
    assert faults({**properties, "EncryptionConfiguration": encryption}, asked) == []
    assert encryption["S3Encryption"] == [{"S3EncryptionMode": "SSE-KMS", "KmsKeyArn": KEY}]
    for group in ("JobLogGroup", "JobErrorLogGroup"):
        assert found[group]["Properties"]["KmsKeyId"] == KEY


def test_another_key_makes_another_encryption_beside_the_one_that_there_is(tmp_path: Path) -> None:
    contract = feed("orders", engine="glue")
    first, second = (
        resources(tmp_path, contract, encryption={"key": key})["JobEncryption"]["Properties"]["Name"]
        for key in (KEY, KEY.replace("0a1b2c3d", "4e5f6a7b"))
    )
    assert first != second


def test_the_state_machine_starts_it_as_the_service_wants_it(tmp_path: Path) -> None:
    (contract,) = read_project(write_project(tmp_path, [feed("orders", engine="glue")])).feeds
    task = build_definition(NAMES, contract, job=True)["States"]["RunJob"]
    told = {"$.run": "r1", "$.bucket": "lake", "$.key": "incoming/orders/a b.csv", "$.version": "v1"}
    arguments = {
        name.removesuffix(".$"): told[path] for name, path in task["Parameters"]["Arguments"].items()
    }
    assert set(arguments) == {"--run", "--bucket", "--key", "--version"}
    asked = GLUE.operation_model("StartJobRun").input_shape
    assert faults({**task["Parameters"], "Arguments": arguments}, asked) == []


def test_only_a_feed_whose_contract_says_so_has_a_job(tmp_path: Path) -> None:
    for contract in (feed("orders"), feed("orders", engine="lambda", transform=QUERY)):
        text = json.dumps(resources(tmp_path, contract))
        assert "glue" not in text.lower()
    for contract in (feed("orders", engine="glue"), feed("orders", engine="auto", transform=QUERY)):
        found = resources(tmp_path, contract)
        assert {name for name in found if name.startswith("Job")} == {
            "Job",
            "JobErrorLogGroup",
            "JobLogGroup",
            "JobRole",
        }
        assert found["Function"]["Properties"]["Environment"]["Variables"]["PENSTOCK_JOB"] == "shop_orders"
        assert "ChooseEngine" in json.dumps(found["StateMachine"])


def test_where_auto_could_never_choose_it_there_is_no_job(tmp_path: Path) -> None:
    """Rows without a query stay with the function, and so does a query that Spark can't be trusted with."""
    text = json.dumps(resources(tmp_path, feed("orders", engine="auto")))
    assert "glue" not in text.lower()
    write_project(tmp_path, [feed("orders", engine="auto", transform=QUERY)])
    plan = compile_feeds(read_project(tmp_path))["orders"]
    assert plan.query is not None
    assert has_job(plan)
    assert not has_job(replace(plan, query=replace(plan.query, spark=None, refused=("it differs",))))


def test_the_embedded_aws_is_given_no_job_and_its_function_and_state_machine_know_of_none(
    tmp_path: Path,
) -> None:
    folder = write_project(tmp_path, [feed("orders", engine="glue")])
    (body,) = (one.body for one in templates_of(folder, emulated_target()) if one.tier == "feed")
    assert not [name for name in body["Resources"] if name.startswith("Job")]
    text = json.dumps(body)
    assert "PENSTOCK_JOB" not in text
    assert "glue:" not in text


def test_the_job_is_of_the_size_that_the_contract_says(tmp_path: Path) -> None:
    size = {"worker": "G.2X", "workers": 7, "timeout": 45, "retries": 3}
    contract = feed("orders", engine="glue", glue=size, function={"concurrency": 4})
    job = resources(tmp_path, contract)["Job"]["Properties"]
    assert (job["WorkerType"], job["NumberOfWorkers"], job["Timeout"]) == ("G.2X", 7, 45)
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 4}
    assert job["MaxRetries"] == 0  # which the state machine does
    assert (job["GlueVersion"], job["Command"]["Name"]) == ("5.1", "glueetl")


def test_what_it_runs_lies_where_its_role_may_read_it_and_changes_with_what_is_in_it(tmp_path: Path) -> None:
    job = resources(tmp_path, feed("orders", engine="glue"))["Job"]["Properties"]
    arguments = job["DefaultArguments"]
    bucket = f"s3://{NAMES.artifacts_bucket}/code/glue/"
    assert job["Command"]["ScriptLocation"] == f"{bucket}{'0' * 64}.py"
    assert arguments["--additional-python-modules"] == f"{bucket}{'0' * 64}.gluewheels.zip"
    assert arguments["--python-modules-installer-option"] == "--no-index"
    plan = compile_feeds(read_project(tmp_path))["orders"]
    assert json.loads(arguments["--settings"])["PENSTOCK_PLAN"] == plan_key(plan)
    other = compile_feeds(
        read_project(write_project(tmp_path, [feed("orders", engine="glue", load={"table": "other"})]))
    )["orders"]
    assert write_plan(other) != write_plan(plan)
    assert plan_key(other) != plan_key(plan)


def test_its_settings_are_the_loaders_and_hold_no_secret(tmp_path: Path) -> None:
    found = resources(
        tmp_path, feed("orders", engine="glue", large_objects={"chunk": 2}), logs={"level": "DEBUG"}
    )
    settings = json.loads(found["Job"]["Properties"]["DefaultArguments"]["--settings"])
    environment = found["Function"]["Properties"]["Environment"]["Variables"]
    assert settings.pop("PENSTOCK_PLAN").startswith("code/glue/")
    assert settings.pop("AWS_REGION") == "eu-central-1"  # which Lambda itself tells a function
    assert settings == {name: environment[name] for name in settings}
    assert set(settings) == {
        "PENSTOCK_ARTIFACTS",
        "PENSTOCK_CHUNK_BYTES",
        "PENSTOCK_CONCURRENCY",
        "PENSTOCK_FEED",
        "PENSTOCK_LEDGER",
        "PENSTOCK_LOG_LEVEL",
        "PENSTOCK_PROJECT",
    }


def test_its_logs_go_to_groups_that_are_kept_as_long_as_the_others(tmp_path: Path) -> None:
    found = resources(tmp_path, feed("orders", engine="glue"), logs={"retention_days": 7})
    prefix = found["Job"]["Properties"]["DefaultArguments"]["--custom-logGroup-prefix"]
    groups = {name: found[name]["Properties"]["LogGroupName"] for name in ("JobLogGroup", "JobErrorLogGroup")}
    # Where Glue puts what a script writes, and the rest (Glue guide, "Logging for AWS Glue jobs").
    assert groups == {"JobLogGroup": f"{prefix}/output", "JobErrorLogGroup": f"{prefix}/error"}
    assert prefix == "/aws-glue/jobs/shop_orders"
    assert {found[name]["Properties"]["RetentionInDays"] for name in groups} == {7}
    assert set(found["Job"]["DependsOn"]) == set(groups)


def test_costs_can_be_told_apart_by_tags(tmp_path: Path) -> None:
    tags = resources(tmp_path, feed("orders", engine="glue"))["Job"]["Properties"]["Tags"]
    assert tags == {"penstock:project": "shop", "penstock:feed": "orders"}


def test_a_job_outside_of_the_projects_network_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    vpc = {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]}
    feeds = [feed("orders", engine="glue"), feed("returns")]
    with pytest.raises(ContractError) as refused:
        templates_of(write_project(tmp_path, feeds, vpc=vpc))
    (problem,) = refused.value.problems
    assert problem == (
        "the project has a `vpc`, and the job of the feed orders would run outside of it, in Glue's own network: take out "
        "one of them, or say `engine: lambda`"
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_server()
    yield started
    stop_server(started)


@pytest.fixture
def desk(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    """Somebody who deploys to an embedded AWS that is taken for AWS, as far as jobs go: it takes them, and runs none."""
    monkeypatch.setattr(Target, "glue", True)
    monkeypatch.setattr(Target, "saved_queries", False)
    monkeypatch.setattr(Connection, "reaches_aws", lambda _: True)
    return Desk(tmp_path, server.connection("000000000001"))


@pytest.mark.aws
def test_a_job_is_deployed_with_what_it_runs_and_looked_after(desk: Desk) -> None:
    contract = feed("orders", engine="glue")
    desk.deploy(contract, alerts={"email": ["data@example.com"]})
    glue, s3 = desk.connection.client("glue"), desk.connection.client("s3")
    job = glue.get_job(JobName="shop_orders")["Job"]

    def read(key: str) -> bytes:
        body: bytes = s3.get_object(Bucket=desk.names.artifacts_bucket, Key=key)["Body"].read()
        return body

    def read_uri(uri: str) -> bytes:
        return read(uri.removeprefix(f"s3://{desk.names.artifacts_bucket}/"))

    assert read_uri(job["Command"]["ScriptLocation"]) == SCRIPT.encode()
    with zipfile.ZipFile(
        io.BytesIO(read_uri(job["DefaultArguments"]["--additional-python-modules"]))
    ) as wheels:
        assert "wheels/requirements.txt" in wheels.namelist()
    plan = read_plan(read(json.loads(job["DefaultArguments"]["--settings"])["PENSTOCK_PLAN"]).decode())
    assert (plan.name, plan.engine) == ("orders", "glue")

    look = partial(examine, read_project(desk.folder), desk.names, desk.connection, emulated_target())
    assert [one.text for one in look() if one.check == "job"] == [
        "the job shop_orders is there, with 5 workers G.1X"
    ]
    assert not [one for one in look() if one.verdict != "ok"]
    glue.delete_job(JobName="shop_orders")
    (finding,) = (one for one in look() if one.check == "job")
    assert (finding.verdict, finding.feed) == ("problem", "orders")

    desk.deploy(feed("orders"))
    assert ("remove", "shop_orders") in desk.actions("AWS::Glue::Job")
    gone = desk.destroy(data=True)
    assert gone is not None
    assert set(desk.names.feed("orders").job_log_groups) <= set(gone.log_groups)


@pytest.mark.aws
def test_on_the_embedded_aws_it_is_said_that_there_is_no_glue_and_large_objects_are_loaded_all_the_same(
    server: Server, tmp_path: Path
) -> None:
    contract = feed("orders", engine="glue", large_objects={"over": 0.001, "chunk": 0.01})
    write_project(tmp_path, [contract])
    said: list[str] = []
    running = deploy_project(tmp_path, read_project(tmp_path), server, said.append)
    (told,) = (line for line in said if "Glue" in line)
    assert told == (
        "There is no Glue on the embedded AWS, so that orders can have no job there: large objects are loaded by the "
        "function, in chunks, to the same end. What only a job can do, a query over too much, try with: penstock run --engine spark"
    )
    rows = "".join(f"o{number},c,1,NEW,0\n" for number in range(2000))
    file = f"order_id,customer_id,quantity,status,expires\n{rows}".encode()
    s3, names = running.connection.client("s3"), running.names
    s3.put_object(Bucket=names.landing_bucket, Key="incoming/orders/large.csv", Body=file)

    def ended() -> list[Run]:
        return [run for run in list_runs(running.ledger, feed="orders", limit=1) if run.ended]

    assert wait_until(lambda: bool(ended()), 60, 0.2)
    (run,) = ended()
    assert (run.status, run.counts["loaded"], run.saved is not None) == ("done", 2000, True)
    found = examine(read_project(tmp_path), names, running.connection, emulated_target())
    (finding,) = (one for one in found if one.check == "job")
    assert finding.verdict == "ok"
    assert "no Glue here" in finding.text


def test_the_boundary_is_on_the_jobs_role_too(tmp_path: Path) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    found = resources(tmp_path, feed("orders", engine="glue"), permissions_boundary=boundary)
    assert found["JobRole"]["Properties"]["PermissionsBoundary"] == boundary
