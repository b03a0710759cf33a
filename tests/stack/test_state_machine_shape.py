"""The definition keeps to the States Language and to the service's quotas, also where the embedded AWS does not look."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from stack_samples import ACCOUNT, feed, write_project

from penstock import errors
from penstock.aws.large.hand_over import GRACE_SECONDS
from penstock.aws.ledger import LostClaimError
from penstock.contract.project import read_project
from penstock.stack.names import Names
from penstock.stack.resources.fold_definition import fold_definition
from penstock.stack.resources.state_machine import (
    build_definition,
    chunk_concurrency,
    write_definition,
)

OBJECT = {"run", "bucket", "key", "version"}
NAMES = Names("shop", ACCOUNT, "eu-central-1")


def define(folder: Path, *, job: bool = False, **more: Any) -> dict[str, Any]:
    (contract,) = read_project(write_project(folder, [feed("orders", **more)])).feeds
    definition = build_definition(NAMES, contract, job=job)
    written = write_definition(NAMES, contract, job=job)
    assert json.loads(written) == definition
    folded, parts = fold_definition(NAMES, contract, job=job)["Fn::Sub"]
    assert len(parts) == 11
    assert all(folded.count(f"${{{name}}}") > 1 for name in parts)
    assert re.sub(r"\$\{(\w+)\}", lambda name: parts[name[1]], folded) == written
    return definition


@pytest.fixture(params=[False, True], ids=["functions alone", "functions and a job"])
def definition(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    return define(tmp_path, job=request.param, engine="glue" if request.param else "lambda")


def calls(definition: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tasks that call the feed's function: all but the job."""
    return {name: task for name, task in states(definition, "Task").items() if name != "RunJob"}


def scopes(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The definition, and those of its maps' executions."""
    yield definition
    for state in definition["States"].values():
        if "ItemProcessor" in state:
            yield from scopes(state["ItemProcessor"])


def states(definition: Mapping[str, Any], kind: str | None = None) -> dict[str, Mapping[str, Any]]:
    found = {name: state for scope in scopes(definition) for name, state in scope["States"].items()}
    return {name: state for name, state in found.items() if kind in {None, state["Type"]}}


def followers(state: Mapping[str, Any]) -> Iterator[str]:
    for part in (state, *state.get("Choices", ()), *state.get("Catch", ())):
        yield from (part[key] for key in ("Next", "Default") if key in part)


def paths(value: Any) -> Iterator[str]:
    """The input's fields that a state reads: their first names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in {"ItemProcessor", "ResultPath", "ResultSelector"}:
                yield from paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner)
    elif isinstance(value, str):
        yield from re.findall(r"(?<!\$)\$\.([A-Za-z]+)", value)


def test_every_state_can_be_reached_and_every_way_ends(definition: dict[str, Any]) -> None:
    for scope in scopes(definition):
        known = scope["States"]
        assert {name for state in known.values() for name in followers(state)} | {scope["StartAt"]} == set(
            known
        )
        ends = {
            name for name, state in known.items() if state.get("End") or state["Type"] in {"Succeed", "Fail"}
        }
        reaching: set[str] = set()
        while reaching != (
            wider := ends | {name for name in known if reaching & set(followers(known[name]))}
        ):
            reaching = wider
        assert reaching == set(known)


def test_names_and_labels_are_unique_and_short_enough(definition: dict[str, Any]) -> None:
    names = [name for scope in scopes(definition) for name in scope["States"]]
    assert len(names) == len(set(names))
    assert all(len(name) <= 80 for name in names)
    labels = [state["Label"] for state in states(definition, "Map").values()]
    assert len(labels) == len(set(labels)) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,40}", label) for label in labels)


def test_a_state_reads_only_what_its_input_holds(definition: dict[str, Any]) -> None:
    given = OBJECT | {"chunks", "partitions"}
    for name, state in definition["States"].items():
        known = given | {"Choice": {"answer"}, "Fail": {"error"}}.get(state["Type"], set())
        known |= {"engine"} if name == "ChooseEngine" else set()
        assert set(paths(state)) <= known | ({"error"} if name == "Release" else set()), name
        if state["Type"] == "Map":
            item = {key.removesuffix(".$") for key in state["ItemSelector"]}
            assert state["ItemSelector"].keys() == {f"{key}.$" for key in item}
            for inner in state["ItemProcessor"]["States"].values():
                assert set(paths(inner)) <= item | ({"answer"} if inner["Type"] == "Choice" else set())


def test_each_list_is_read_from_the_artifacts_bucket_where_the_input_says(definition: dict[str, Any]) -> None:
    wanted = {"SurveyChunks": "chunk", "DecidePartitions": "partition", "LoadChunks": "chunk"}
    for name, entry in wanted.items():
        state = definition["States"][name]
        assert state["ItemReader"] == {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": NAMES.artifacts_bucket, "Key.$": f"$.{entry}s"},
        }
        assert state["ItemSelector"][f"{entry}.$"] == f"$$.Map.Item.Value.{entry}"


def test_maps_have_standard_executions_which_may_take_longer_than_five_minutes(
    definition: dict[str, Any],
) -> None:
    for state in states(definition, "Map").values():
        assert state["ItemProcessor"]["ProcessorConfig"] == {
            "Mode": "DISTRIBUTED",
            "ExecutionType": "STANDARD",
        }


def test_the_results_of_ten_thousand_chunks_fit_a_state(definition: dict[str, Any]) -> None:
    for state in states(definition, "Map").values():
        (end,) = [inner for inner in state["ItemProcessor"]["States"].values() if inner.get("End")]
        assert len(json.dumps([end["Result"]] * 10_000)) <= 256 * 1024
        # And what the service tells of executions that failed goes to the bucket, and no further.
        assert state["ResultWriter"]["Parameters"] == {
            "Bucket": NAMES.artifacts_bucket,
            "Prefix.$": "States.Format('runs/orders/{}/executions', $.run)",
        }
        assert state["ResultPath"] is None


def test_every_call_is_of_the_feeds_function_and_waits_longer_than_that_may_take(tmp_path: Path) -> None:
    tasks = calls(define(tmp_path, job=True, engine="auto", function={"timeout": 900}))
    assert len(tasks) == 7
    for task in tasks.values():
        assert task["Resource"] == "arn:aws:states:::lambda:invoke"
        assert task["Parameters"]["FunctionName"] == NAMES.feed("orders").function_arn
        assert 900 < task["TimeoutSeconds"] < 1000


def test_what_fails_in_the_object_gives_it_free_and_what_fails_in_a_chunk_fails_its_map(
    definition: dict[str, Any],
) -> None:
    for name, state in definition["States"].items():
        if state["Type"] in {"Task", "Map"}:
            (catch,) = state["Catch"]
            assert catch["ErrorEquals"] == ["States.ALL"]
            assert catch["Next"] == ("NotLoaded" if name == "Release" else "Release")
    for scope in list(scopes(definition))[1:]:
        assert not [state for state in scope["States"].values() if "Catch" in state]


def test_every_step_is_called_again_until_it_has_finished(definition: dict[str, Any]) -> None:
    for scope in scopes(definition):
        for name, state in scope["States"].items():
            if name in calls(definition):
                choice = scope["States"][state["Next"]]
                assert (choice["Type"], choice["Default"]) == ("Choice", name)
                assert state["ResultPath"] == "$.answer"


def test_retries_keep_to_the_language(definition: dict[str, Any]) -> None:
    for state in [*states(definition, "Task").values(), *states(definition, "Map").values()]:
        for number, retrier in enumerate(state["Retry"], 1):
            if "States.ALL" in retrier["ErrorEquals"]:
                assert (retrier["ErrorEquals"], number) == (["States.ALL"], len(state["Retry"]))
            if retrier["MaxAttempts"]:
                assert 1 <= retrier["IntervalSeconds"] < retrier["MaxDelaySeconds"]
                assert retrier["BackoffRate"] >= 1
                assert retrier["JitterStrategy"] == "FULL"


@pytest.mark.parametrize(
    "error",
    [
        "Lambda.AWSLambdaException",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.SdkClientException",
        "Lambda.ServiceException",
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Sandbox.Timedout",
        "ServiceError",
        "States.Timeout",
    ],
)
def test_what_may_pass_is_tried_again_by_every_call(definition: dict[str, Any], error: str) -> None:
    for task in calls(definition).values():
        assert _attempts(task, error) > 0


def test_of_our_own_errors_only_those_of_services_are_tried_again(definition: dict[str, Any]) -> None:
    own = [
        value.__name__
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.PenstockError)
    ]
    for task in calls(definition).values():
        assert {name for name in own if _attempts(task, name)} == {"PenstockError", "ServiceError"}


def test_that_another_run_has_the_object_is_not_tried_again(definition: dict[str, Any]) -> None:
    for task in calls(definition).values():
        assert _attempts(task, LostClaimError.__name__) == 0


def test_an_order_for_glue_runs_the_job_and_any_other_goes_through_the_chunks(tmp_path: Path) -> None:
    definition = define(tmp_path, job=True, engine="glue")
    assert definition["StartAt"] == "ChooseEngine"
    choice = definition["States"]["ChooseEngine"]
    assert choice == {
        "Type": "Choice",
        "Choices": [
            {
                "And": [
                    {"Variable": "$.engine", "IsPresent": True},
                    {"Variable": "$.engine", "StringEquals": "glue"},
                ],
                "Next": "RunJob",
            }
        ],
        "Default": "Cut",
    }
    assert definition["States"]["RunJob"]["Next"] == "Finish"


def test_without_a_job_there_is_nothing_to_choose(tmp_path: Path) -> None:
    definition = define(tmp_path, engine="glue")
    assert definition["StartAt"] == "Cut"
    assert "glue:" not in json.dumps(definition)


def test_the_job_is_told_of_the_object_and_waited_for_longer_than_it_may_take(tmp_path: Path) -> None:
    job = define(tmp_path, job=True, engine="glue", glue={"timeout": 30})["States"]["RunJob"]
    assert job["Resource"] == "arn:aws:states:::glue:startJobRun.sync"
    assert job["Parameters"] == {
        "JobName": NAMES.feed("orders").job,
        "Arguments": {f"--{name}.$": f"$.{name}" for name in OBJECT},
    }
    assert 30 * 60 < job["TimeoutSeconds"] < 60 * 60
    # The answer of the service has all that is known of the run, which nobody asks for.
    assert job["ResultPath"] is None


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_job_that_failed_is_started_again_as_often_as_the_contract_says(
    tmp_path: Path, retries: int
) -> None:
    job = define(tmp_path, job=True, engine="glue", glue={"retries": retries})["States"]["RunJob"]
    assert {_attempts(job, error) for error in ("States.TaskFailed", "States.Timeout")} == {retries}


def test_a_job_that_can_not_be_started_yet_is_asked_for_while_the_object_stays_claimed(
    tmp_path: Path,
) -> None:
    job = define(tmp_path, job=True, engine="glue")["States"]["RunJob"]
    for error in ("Glue.ConcurrentRunsExceededException", "Glue.ResourceNumberLimitExceededException"):
        (retrier,) = (one for one in job["Retry"] if error in one["ErrorEquals"])
        waits = [
            min(retrier["MaxDelaySeconds"], retrier["IntervalSeconds"] * retrier["BackoffRate"] ** number)
            for number in range(retrier["MaxAttempts"])
        ]
        assert 1800 < sum(waits) < GRACE_SECONDS
    for error in ("Glue.InternalServiceException", "Glue.ThrottlingException"):
        assert _attempts(job, error) == 8


def _attempts(state: Mapping[str, Any], error: str) -> int:
    """How often a state is tried again after an error: the first retrier that matches decides."""
    found = (
        int(retrier["MaxAttempts"])
        for retrier in state["Retry"]
        if {error, "States.ALL"} & set(retrier["ErrorEquals"])
    )
    return next(found)


@pytest.mark.parametrize(
    ("limit", "field", "value"),
    [
        (0, "ToleratedFailureCount", 0),
        (3, "ToleratedFailureCount", 3),
        ("2.5%", "ToleratedFailurePercentage", 2.5),
    ],
)
def test_tolerated_failures_are_a_count_or_a_share(
    tmp_path: Path, limit: int | str, field: str, value: float
) -> None:
    for state in states(define(tmp_path, large_objects={"tolerated_failures": limit}), "Map").values():
        assert {key: state[key] for key in state if key.startswith("Tolerated")} == {field: value}


def test_a_directly_called_function_gets_no_more_workers_than_are_reserved_for_it(tmp_path: Path) -> None:
    function, large = {"concurrency": 3}, {"concurrency": 8}
    feeds = [
        feed("orders", trigger="direct", function=function, large_objects=large),
        feed("returns", function=function, large_objects=large),
    ]
    direct, queued = read_project(write_project(tmp_path, feeds)).feeds
    assert (chunk_concurrency(direct), chunk_concurrency(queued)) == (3, 8)


def test_cfn_lint_looks_into_the_definition(definition: dict[str, Any]) -> None:
    def lint(text: str) -> list[str]:
        machine = {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionString": text, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/machine"},
        }
        found = cfnlint.api.lint(json.dumps({"Resources": {"Machine": machine}}), regions=["eu-central-1"])
        return [one.rule.id for one in found]

    assert lint(json.dumps(definition)) == []
    assert lint(json.dumps(definition).replace('"MaxConcurrency"', '"MaxConcurency"')) == ["E3601"] * 3
