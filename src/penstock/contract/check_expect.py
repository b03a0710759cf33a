"""Checks of the files that a feed expects."""

from __future__ import annotations

import re
from collections.abc import Iterator

from penstock.contract.model import Contract
from penstock.contract.problem import Problem

DIRECTIVES = ("%Y", "%y", "%m", "%d", "%H", "%j", "%G", "%V", "%%")
"""What in a name stands for the time: no words, which would be the machine's language."""

_MOST = 50


def check_expect(contract: Contract) -> Iterator[Problem]:
    """The problems of ``source.expect``."""
    names = contract.source.expect
    if names and contract.schedule is None:
        yield Problem(
            ("source", "expect"), "needs a `schedule`, whose time is when the files have to be there"
        )
    if len(names) > _MOST:
        yield Problem(("source", "expect"), f"has {len(names)} names, and at most {_MOST} are looked for")
    for index, name in enumerate(names):
        message = _find_problem(contract, name)
        if message is None and name in names[:index]:
            message = "is there twice"
        if message is not None:
            yield Problem(("source", "expect", index), message)


def _find_problem(contract: Contract, name: str) -> str | None:
    source = contract.source
    unknown = [found for found in re.findall("%.?", name) if found not in DIRECTIVES]
    if unknown:
        return f"{unknown[0]} is none of {', '.join(DIRECTIVES)}"
    if name.startswith(("/", source.prefix)):
        return "is relative to the prefix: leave that out"
    if not name.endswith(source.suffix):
        return f"does not end with {source.suffix}, so that it would not be of the feed"
    if len((source.prefix + name).encode()) > 1000:
        return "is too long: a key in S3 has at most 1024 bytes, the prefix included"
    return None
