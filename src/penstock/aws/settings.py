"""The loader's settings, read from its environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.aws.log import LEVELS, Level
from penstock.errors import UsageError
from penstock.load.run import MEMORY_MB


@dataclass(frozen=True, slots=True)
class Settings:
    """What the stack tells the function. ``landing`` is needed by schedules, ``topic`` (an ARN) to tell people.

    ``memory_mb`` is what the database may use of the function's memory; the rest is for reading and writing.
    """

    feed: str
    ledger: str
    artifacts: str
    plan: Path
    landing: str | None = None
    topic: str | None = None
    log_level: Level = "INFO"
    memory_mb: int = MEMORY_MB


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises :class:`~penstock.errors.UsageError` that names all that is missing or wrong."""
    needed = ("PENSTOCK_FEED", "PENSTOCK_LEDGER", "PENSTOCK_ARTIFACTS", "LAMBDA_TASK_ROOT")
    problems = [f"{name} is not set" for name in needed if not environment.get(name)]
    level = environment.get("PENSTOCK_LOG_LEVEL") or "INFO"
    known: dict[str, Level] = {found: found for found in LEVELS}
    if level.upper() not in known:
        problems.append(f"PENSTOCK_LOG_LEVEL is none of {', '.join(LEVELS)}")
    if problems:
        raise UsageError(
            f"The function's environment is incomplete: {'; '.join(problems)}. Deploy the project again."
        )
    feed = environment["PENSTOCK_FEED"]
    return Settings(
        feed=feed,
        ledger=environment["PENSTOCK_LEDGER"],
        artifacts=environment["PENSTOCK_ARTIFACTS"],
        plan=Path(environment["LAMBDA_TASK_ROOT"], "plans", f"{feed}.json"),
        landing=environment.get("PENSTOCK_LANDING") or None,
        topic=environment.get("PENSTOCK_TOPIC") or None,
        log_level=known[level.upper()],
        memory_mb=int(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 3 * MEMORY_MB) // 3,
    )
