"""Penstock: CSV files on Amazon S3 to Amazon DynamoDB, with every record accounted for.

The public interface. The loader function in AWS imports this package too and carries only what it runs, so each name
is fetched when it is first asked for.

>>> import penstock
>>> penstock.load_contract("contracts/no-such-feed.yaml")
Traceback (most recent call last):
penstock.errors.UsageError: contracts/no-such-feed.yaml: can't be read: No such file or directory
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from penstock.api import Verdict, check, load_contract, run
    from penstock.contract.model import Contract
    from penstock.errors import (
        CapacityError,
        ConservationError,
        ContractError,
        DataError,
        EngineError,
        PenstockError,
        ServiceError,
        UsageError,
    )
    from penstock.load.report import Counts, ItemCounts, Report

    __version__: str

__all__ = [
    "CapacityError",
    "ConservationError",
    "Contract",
    "ContractError",
    "Counts",
    "DataError",
    "EngineError",
    "ItemCounts",
    "PenstockError",
    "Report",
    "ServiceError",
    "UsageError",
    "Verdict",
    "__version__",
    "check",
    "load_contract",
    "run",
]

_HOMES: Final = {
    "penstock.api": ("Verdict", "check", "load_contract", "run"),
    "penstock.contract.model": ("Contract",),
    "penstock.errors": (
        "CapacityError",
        "ConservationError",
        "ContractError",
        "DataError",
        "EngineError",
        "PenstockError",
        "ServiceError",
        "UsageError",
    ),
    "penstock.load.report": ("Counts", "ItemCounts", "Report"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 -- it costs more than the rest of this module

        return version("penstock")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
