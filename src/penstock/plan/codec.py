"""The plan as JSON, and back: lossless, and the same text for the same plan."""

from __future__ import annotations

import hashlib
import json
import types
import typing
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from penstock.errors import ContractError
from penstock.plan.model import Plan

PLAN_VERSION = 6
"""Raised whenever an older engine would read a newer plan wrongly."""


def write_plan(plan: Plan) -> str:
    """Write the plan as JSON with sorted keys."""
    return json.dumps(asdict(plan), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def read_plan(text: str) -> Plan:
    """Read what :func:`write_plan` wrote. Raises :class:`ContractError` where the plan is of another version."""
    found = json.loads(text)
    version = found.get("version") if isinstance(found, dict) else None
    if version != PLAN_VERSION:
        raise ContractError(
            [
                f"the plan has version {version!r}, this engine reads {PLAN_VERSION}: deploy again, so that they agree"
            ]
        )
    plan: Plan = _build(Plan, found)
    return plan


def plan_hash(plan: Plan) -> str:
    """Give the SHA-256 of the plan's JSON, in hex: two plans with one hash do the same."""
    return hashlib.sha256(write_plan(plan).encode()).hexdigest()


def _build(wanted: Any, value: Any) -> Any:
    """Make a value of the type ``wanted`` from plain JSON, by the annotations of the plan's dataclasses."""
    if is_dataclass(wanted) and isinstance(wanted, type):
        hints = typing.get_type_hints(wanted)
        return wanted(**{f.name: _build(hints[f.name], value[f.name]) for f in fields(wanted)})
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is tuple:
        return tuple(_build(arguments[0], entry) for entry in value)
    if origin in (types.UnionType, typing.Union):
        return _build_union(arguments, value)
    return value


def _build_union(options: tuple[Any, ...], value: Any) -> Any:
    """A union in the plan is a dataclass or a tuple or plain text, and perhaps None: the JSON value tells which."""
    if isinstance(value, dict):
        return _build(next(option for option in options if is_dataclass(option)), value)
    if isinstance(value, list):
        return _build(next(option for option in options if typing.get_origin(option) is tuple), value)
    return value
