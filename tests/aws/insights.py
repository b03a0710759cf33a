"""As much of CloudWatch Logs Insights' query language as the saved queries use, over lines of a log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Line = dict[str, Any]


def flatten(line: Mapping[str, Any], above: str = "") -> Line:
    """Give a line's fields as they are discovered: those of an object by its name, a period, and theirs."""
    flat: Line = {}
    for name, value in line.items():
        flat |= flatten(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return flat


def run_query(query: str, lines: Iterable[Line]) -> list[Line]:
    """Give what a query finds in flat lines; a field that a line lacks is not in its result."""
    found = list(lines)
    shown: list[str] = []
    for command in query.split("\n| "):
        verb, _, rest = command.partition(" ")
        match verb:
            case "fields":
                shown = _names(rest)
            case "filter":
                found = [line for line in found if all(_holds(line, each) for each in rest.split(" and "))]
            case "sort":
                name, _, order = rest.partition(" ")
                found.sort(key=lambda line, name=name: line[name], reverse=order == "desc")  # type: ignore[misc]
            case "limit":
                found = found[: int(rest)]
            case "stats":
                return _add_up(rest, found)
            case _:
                raise AssertionError(f"no such command here: {command}")
    return [{name: line[name] for name in shown if name in line} for line in found]


def fields_of(query: str) -> set[str]:
    """Give the fields that a query reads."""
    about = re.sub(r'"[^"]*"', "", query)
    quoted = set(re.findall(r"`([^`]+)`", about))
    plain = re.findall(r"@?[a-z][\w.]*", re.sub(r"`[^`]+`", "", about))
    return quoted | set(plain) - {
        "fields",
        "filter",
        "sort",
        "limit",
        "stats",
        "sum",
        "by",
        "in",
        "and",
        "desc",
    }


def _names(rest: str) -> list[str]:
    return [name.strip("` ") for name in rest.split(",")]


def _holds(line: Line, condition: str) -> bool:
    found = re.fullmatch(r"([\w.@]+) (=|>|in) (.+)", condition)
    assert found is not None, condition
    value, wanted = line.get(found[1]), json.loads(found[3])
    if value is None:
        return False
    if found[2] == "in":
        return value in wanted
    return bool(value == wanted if found[2] == "=" else value > wanted)


def _add_up(sums: str, lines: Sequence[Line]) -> list[Line]:
    row: Line = {}
    for name in re.findall(r"sum\(`([^`]+)`\)", sums):
        values = [line[name] for line in lines if name in line]
        row |= {f"sum({name})": sum(values)} if values else {}
    return [row]
