"""The loader's settings, read from its environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.aws.log import LEVELS, Level
from penstock.errors import UsageError
from penstock.load.run import MEMORY_MB

_NUMBERS = {
    "PENSTOCK_LARGE_BYTES": "large_bytes",
    "PENSTOCK_CHUNK_BYTES": "chunk_bytes",
    "PENSTOCK_CHUNK_CONCURRENCY": "chunk_concurrency",
    "PENSTOCK_CONCURRENCY": "concurrency",
}

_FUNCTION_MB: Final = 3 * MEMORY_MB
"""What a function is taken to have that does not say it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the stack tells the function. ``topic`` (an ARN) is there to tell people.

    ``debug_share`` is the share of invocations, from 0 to 1, of which everything is logged.
    ``function_mb`` is the function's memory, ``memory_mb`` what the database may use of it; the rest is for reading and writing.
    ``state_machine`` (an ARN) is what takes over from the loader, if there is one: objects of more than ``large_bytes``
    as they are stored, and those that take longer than an invocation, are cut into chunks of ``chunk_bytes``, of which
    ``chunk_concurrency`` are loaded at once. ``concurrency`` is how many loaders of the feed may run at once.
    ``job`` is the name of the feed's job in Glue, if there is one: never on the embedded AWS.
    """

    project: str
    feed: str
    ledger: str
    artifacts: str
    plan: Path
    topic: str | None = None
    log_level: Level = "INFO"
    debug_share: float = 0.0
    function_mb: int = _FUNCTION_MB
    memory_mb: int = MEMORY_MB
    state_machine: str | None = None
    large_bytes: int = 256 << 20
    chunk_bytes: int = 64 << 20
    chunk_concurrency: int = 10
    concurrency: int = 1
    job: str | None = None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises :class:`~penstock.errors.UsageError` that names all that is missing or wrong."""
    needed = (
        "PENSTOCK_PROJECT",
        "PENSTOCK_FEED",
        "PENSTOCK_LEDGER",
        "PENSTOCK_ARTIFACTS",
        "LAMBDA_TASK_ROOT",
    )
    problems = [f"{name} is not set" for name in needed if not environment.get(name)]
    level = environment.get("PENSTOCK_LOG_LEVEL") or "INFO"
    known: dict[str, Level] = {found: found for found in LEVELS}
    if level.upper() not in known:
        problems.append(f"PENSTOCK_LOG_LEVEL is none of {', '.join(LEVELS)}")
    numbers = {field: environment[name] for name, field in _NUMBERS.items() if environment.get(name)}
    problems += [
        f"{name} is no number above 0"
        for name, field in _NUMBERS.items()
        if field in numbers and not (numbers[field].isdecimal() and int(numbers[field]))
    ]
    if problems:
        raise UsageError(
            f"The function's environment is incomplete: {'; '.join(problems)}. Deploy the project again."
        )
    feed = environment["PENSTOCK_FEED"]
    function_mb = int(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or _FUNCTION_MB)
    return Settings(
        project=environment["PENSTOCK_PROJECT"],
        feed=feed,
        ledger=environment["PENSTOCK_LEDGER"],
        artifacts=environment["PENSTOCK_ARTIFACTS"],
        plan=Path(environment["LAMBDA_TASK_ROOT"], "plans", f"{feed}.json"),
        topic=environment.get("PENSTOCK_TOPIC") or None,
        log_level=known[level.upper()],
        debug_share=float(environment.get("PENSTOCK_DEBUG_SHARE") or 0),
        function_mb=function_mb,
        memory_mb=function_mb // 3,
        state_machine=environment.get("PENSTOCK_STATE_MACHINE") or None,
        job=environment.get("PENSTOCK_JOB") or None,
        **{field: int(number) for field, number in numbers.items()},
    )
