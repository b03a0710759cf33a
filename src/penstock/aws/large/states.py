"""What the folder of a run that was handed over is about; what else it holds: :mod:`penstock.load.steps.states`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock.aws.objects import ObjectVersion

WORK: Final = "work.json"


@dataclass(frozen=True, slots=True)
class Work:
    """The version of an object that is loaded, by which plan, and how it is divided."""

    found: ObjectVersion
    plan: str
    chunk_bytes: int
    partitions: int
