"""The state machine that loads a large object: its definition in the Amazon States Language, with JSONPath.

::

    Cut ⟲ ─► SurveyChunks ─► DecidePartitions ─► Decide ⟲ ─► LoadChunks ─► Finish ⟲ ─► Done
     └──────────┴──────────────────┴───────────────┴─────────────┴───────────┴──► Release ⟲ ─► NotLoaded

Every box but the last of each line is a step of the feed's own function, called with
``{"penstock": {"step", "run", "bucket", "key", "version"}}`` and what the step is about: ``chunk``, ``partition`` or ``error``.

Where the feed has a job in Glue, what the input says under ``engine`` decides what is between the beginning and the finish; an input
that says nothing is one for the steps::

    ChooseEngine ─┬─ (else) ──────► Cut ⟲ ─► ... ─► LoadChunks ─┬─► Finish ⟲ ─► Done
                  └─ "glue" ──────► RunJob ─────────────────────┘

==================  =============  ====================================================================================
state               step           called with, beside the run
==================  =============  ====================================================================================
Cut                 ``cut``
SurveyChunks        ``survey``     ``chunk``, for each entry ``{"chunk": n}`` of the list ``chunks``
DecidePartitions    ``decide``     ``partition``, for each entry ``{"partition": n}`` of the list ``partitions``
Decide              ``decide``
LoadChunks          ``load``       ``chunk``, as above
Finish              ``finish``
Release             ``fail``       ``error``: ``{"Error", "Cause"}`` of what failed
==================  =============  ====================================================================================

An execution's input names the run, the object's version, and the keys of the two lists, JSON arrays in the artifacts
bucket that are read when a map begins: ``{"run", "bucket", "key", "version", "chunks", "partitions"}``.

The job is told of the same by arguments: ``--run``, ``--bucket``, ``--key`` and ``--version``. It is waited for, what it did is in
the run's folder as what steps do, and one that failed is started again, as often as ``glue.retries`` says: it goes on there. Where as many
runs of it are under way as may be, it is asked for again for as long as the object stays claimed without anybody at work on it.

A step answers ``{"finished": true}``, or ``false`` where its time ran out and it is to be called again. ``cut`` and ``decide``
may answer ``"conclude": true`` where nothing is left but to finish. What a step did is in its run's folder, not in its
answer, so that nothing here grows with the object.

The maps are distributed: each chunk has an execution of its own, which is a standard one, for express ones end after
five minutes. Each gives ``{}``, and what the service itself keeps of it goes to the artifacts bucket: the results of a map
together may have 256 KiB, which failed executions alone could fill (Step Functions, "ResultWriter" and "Quotas").
"""

from __future__ import annotations

import json
from typing import Any, Final

from penstock.contract.model import Contract, LargeObjectsModel
from penstock.errors import (
    CapacityError,
    ConservationError,
    ContractError,
    DataError,
    EngineError,
    UsageError,
)
from penstock.stack.names import Names

State = dict[str, Any]

WORD: Final = "penstock"
"""The key of the payload by which the function knows that the state machine calls."""
MARGIN_SECONDS: Final = 60
"""How much longer than the function may take the state machine waits for its answer."""
STARTING_SECONDS: Final = 900
"""How much longer than its run may take the state machine waits for a job: Glue counts from when its workers are there."""
LONGEST_SECONDS: Final = 14 * 24 * 3600
"""How long an execution may go on: a bound on what a step that never finishes could cost."""

RUN: Final = {f"{name}.$": f"$.{name}" for name in ("run", "bucket", "key", "version")}
ANSWER: Final = "$.answer.said"

_FOR_GOOD: Final = [
    *(error.__name__ for error in (ConservationError, ContractError, DataError, EngineError, UsageError)),
    CapacityError.__name__,  # the function has no more of it at the next try
    "LostClaimError",  # another run has the object (penstock.aws.ledger)
]
_BACKOFF: Final = {"IntervalSeconds": 2, "BackoffRate": 2, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}
_RETRY: Final = [
    {"ErrorEquals": _FOR_GOOD, "MaxAttempts": 0},
    # Others of the account may have all of its concurrency for a while, and a feed's loaders all of the feed's.
    {"ErrorEquals": ["Lambda.TooManyRequestsException"], **_BACKOFF, "MaxAttempts": 60},
    {
        "ErrorEquals": [
            "Lambda.AWSLambdaException",
            "Lambda.ClientExecutionTimeoutException",
            "Lambda.SdkClientException",
            "Lambda.ServiceException",
        ],
        **_BACKOFF,
        "MaxAttempts": 8,
    },
    # What a service refused the function, and a worker that died or ran out of time: steps can be done again.
    {"ErrorEquals": ["States.ALL"], **_BACKOFF, "IntervalSeconds": 5, "MaxAttempts": 3},
]
_QUEUE_FOR_JOB: Final = {
    "IntervalSeconds": 15,
    "BackoffRate": 2,
    "MaxDelaySeconds": 300,
    "JitterStrategy": "FULL",
}
"""With 14 attempts at most 3,165 seconds, which is less than the claim outlives a step (penstock.aws.large.hand_over)."""
END: Final = {"Type": "Pass", "Result": {}, "End": True}
_RETRY_MAP: Final = [
    {"ErrorEquals": ["States.ItemReaderFailed", "States.ResultWriterFailed"], **_BACKOFF, "MaxAttempts": 3}
]
RELEASE: Final = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Release"}]


def write_definition(names: Names, contract: Contract, *, job: bool = False) -> str:
    """Write the definition of a feed's state machine as JSON."""
    return write_part(build_definition(names, contract, job=job))


def write_part(part: Any) -> str:
    """Write a part of a definition as JSON, in as few bytes as it takes."""
    return json.dumps(part, sort_keys=True, separators=(",", ":"))


def build_definition(names: Names, contract: Contract, *, job: bool = False) -> State:
    """Give the definition of a feed's state machine; ``job`` tells whether the feed has a job in Glue to be chosen."""
    choice = {} if not job else {"ChooseEngine": _choose(), "RunJob": _run_job(names, contract)}

    def step(name: str, following: str) -> State:
        return {**call_function(names, contract, {"step": name, **RUN}), "Catch": RELEASE, "Next": following}

    def each(entry: str, name: str, label: str, following: str) -> State:
        return {**map_list(names, contract, entry, name, label), "Catch": RELEASE, "Next": following}

    return {
        "Comment": f"Penstock: loads a large object of the feed {contract.name} of {names.project}",
        "QueryLanguage": "JSONPath",
        "TimeoutSeconds": LONGEST_SECONDS,
        "StartAt": "ChooseEngine" if job else "Cut",
        "States": {
            **choice,
            "Cut": step("cut", "IsCut"),
            "IsCut": call_again("Cut", "SurveyChunks", conclude="Finish"),
            "SurveyChunks": each("chunk", "survey", "Survey", "DecidePartitions"),
            "DecidePartitions": each("partition", "decide", "Decide", "Decide"),
            "Decide": step("decide", "IsDecided"),
            "IsDecided": call_again("Decide", "LoadChunks", conclude="Finish"),
            "LoadChunks": each("chunk", "load", "Load", "Finish"),
            "Finish": step("finish", "IsFinished"),
            "IsFinished": call_again("Finish", "Done"),
            "Done": {"Type": "Succeed"},
            "Release": _release(names, contract),
            "IsReleased": call_again("Release", "NotLoaded"),
            "NotLoaded": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
        },
    }


def _choose() -> State:
    said = {"Variable": "$.engine", "IsPresent": True}
    glue = {"Variable": "$.engine", "StringEquals": "glue"}
    return {"Type": "Choice", "Choices": [{"And": [said, glue], "Next": "RunJob"}], "Default": "Cut"}


def _run_job(names: Names, contract: Contract) -> State:
    """Give the task that has the feed's job load the object, and waits for it."""
    unavailable = ["Glue.ConcurrentRunsExceededException", "Glue.ResourceNumberLimitExceededException"]
    passing = ["Glue.InternalServiceException", "Glue.OperationTimeoutException", "Glue.ThrottlingException"]
    return {
        "Type": "Task",
        "Resource": f"arn:{names.partition}:states:::glue:startJobRun.sync",
        "Parameters": {
            "JobName": names.feed(contract.name).job,
            "Arguments": {f"--{name}": value for name, value in RUN.items()},
        },
        "TimeoutSeconds": 60 * contract.glue.timeout + STARTING_SECONDS,
        "ResultPath": None,
        "Retry": [
            {"ErrorEquals": unavailable, **_QUEUE_FOR_JOB, "MaxAttempts": 14},
            {"ErrorEquals": passing, **_BACKOFF, "MaxAttempts": 8},
            {
                "ErrorEquals": ["States.ALL"],
                **_BACKOFF,
                "IntervalSeconds": 30,
                "MaxAttempts": contract.glue.retries,
            },
        ],
        "Catch": RELEASE,
        "Next": "Finish",
    }


def chunk_concurrency(contract: Contract) -> int:
    """Give how many workers load chunks of one object at once.

    A feed that S3 calls directly has no queue to hold its loaders back: its function's concurrency is reserved, and more
    workers than that would only be refused.
    """
    wanted = contract.large_objects.concurrency
    return min(wanted, contract.function.concurrency) if contract.trigger == "direct" else wanted


def call_function(names: Names, contract: Contract, payload: dict[str, Any]) -> State:
    """Give a task that calls the feed's function; what it said is at :data:`ANSWER`."""
    return {
        "Type": "Task",
        "Resource": f"arn:{names.partition}:states:::lambda:invoke",
        "Parameters": {
            "FunctionName": names.feed(contract.name).function_arn,
            "Payload": {WORD: payload},
        },
        "TimeoutSeconds": contract.function.timeout + MARGIN_SECONDS,
        "ResultSelector": {"said.$": "$.Payload"},
        "ResultPath": "$.answer",
        "Retry": _RETRY,
    }


def call_again(step: str, following: str, conclude: str | None = None) -> State:
    """Give the choice after a step: it is called again until it has finished."""
    concluded = [
        {"Variable": f"{ANSWER}.conclude", "IsPresent": True},
        {"Variable": f"{ANSWER}.conclude", "BooleanEquals": True},
    ]
    choices: list[State] = [] if conclude is None else [{"And": concluded, "Next": conclude}]
    choices.append({"Variable": f"{ANSWER}.finished", "BooleanEquals": True, "Next": following})
    return {"Type": "Choice", "Choices": choices, "Default": step}


def map_list(names: Names, contract: Contract, entry: str, step: str, label: str) -> State:
    """Give a map over one of the lists. ``label`` is the name of its map runs, unique in the definition."""
    payload = {"step": step, **RUN, f"{entry}.$": f"$.{entry}"}
    task, choice, end = f"{label}One", f"Is{label}Finished", f"{label}Done"
    return {
        "Type": "Map",
        "Label": label,
        "MaxConcurrency": chunk_concurrency(contract),
        **_tolerated(contract.large_objects),
        "ItemReader": {
            "Resource": f"arn:{names.partition}:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": names.artifacts_bucket, "Key.$": f"$.{entry}s"},
        },
        "ItemSelector": {**RUN, f"{entry}.$": f"$$.Map.Item.Value.{entry}"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": task,
            "States": {
                task: {**call_function(names, contract, payload), "Next": choice},
                choice: call_again(task, end),
                end: END,
            },
        },
        "ResultWriter": {
            "Resource": f"arn:{names.partition}:states:::s3:putObject",
            "Parameters": {
                "Bucket": names.artifacts_bucket,
                "Prefix.$": f"States.Format('runs/{contract.name}/{{}}/executions', $.run)",
            },
        },
        "ResultPath": None,
        "Retry": _RETRY_MAP,
    }


def _tolerated(large: LargeObjectsModel) -> State:
    limit = large.tolerated_failures
    if isinstance(limit, int):
        return {"ToleratedFailureCount": limit}
    return {"ToleratedFailurePercentage": float(limit.removesuffix("%"))}


def _release(names: Names, contract: Contract) -> State:
    """Give the task that tells of the failure and gives the object free; where it fails too, its claim runs out."""
    failed = {"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "NotLoaded"}
    called = call_function(names, contract, {"step": "fail", **RUN, "error.$": "$.error"})
    return {**called, "Catch": [failed], "Next": "IsReleased"}
