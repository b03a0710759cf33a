"""Checks of what loads large objects, and of the job that may."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.contract.model import Contract
from penstock.contract.problem import Problem


def check_engine(contract: Contract) -> Iterator[Problem]:
    """The problems of ``engine`` and ``glue``."""
    if contract.engine == "lambda" and "glue" in contract.model_fields_set:
        yield Problem(("glue",), "belongs to engine: glue or auto; the function's size is `function`")
