"""What the folder of a run that was handed over is about; what else it holds: :mod:`penstock.load.steps.states`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from penstock.aws.objects import ObjectVersion

WORK: Final = "work.json"
PINNED: Final = "pinned.json"


@dataclass(frozen=True, slots=True)
class Work:
    """The version of an object that is loaded, by which plan, and how it is divided."""

    found: ObjectVersion
    plan: str
    chunk_bytes: int
    partitions: int


@dataclass(frozen=True, slots=True)
class Pinned:
    """Which version of which object each reference of a query is, for all who read them."""

    found: Mapping[str, ObjectVersion]
