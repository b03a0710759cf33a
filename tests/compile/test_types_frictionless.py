"""Frictionless as an independent judge of single cells: every difference is one that `differences.yaml` gives a reason for."""

from __future__ import annotations

import datetime as dt
import functools
import re
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from cell_harness import Judged, judge_cells, make_field
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

HERE = Path(__file__).parent
DIFFERENCES: list[dict[str, Any]] = YAML(typ="safe").load(HERE / "differences.yaml")
ENTRIES: list[dict[str, Any]] = [
    e for table in sorted((HERE / "cells").glob("*.yaml")) for e in YAML(typ="safe").load(table)
]
NOT_IN_PYTHON = (
    "%e %h %Y"  # strptime of Python 3.11 lacks these two directives, so that Frictionless can't judge
)
COMPARED = [entry for entry in ENTRIES if entry["field"].get("format") != NOT_IN_PYTHON]
NAMES = [" ".join(f"{value}" for value in entry["field"].values()) for entry in COMPARED]

VALUES: dict[str, Callable[[Judged, Any], bool]] = {
    "integer": lambda cell, theirs: Decimal(cell.text or "") == theirs,
    "number": lambda cell, theirs: Decimal(cell.text or "") == theirs,
    "boolean": lambda cell, theirs: cell.value is theirs,
    "date": lambda cell, theirs: cell.value == theirs,
    "year": lambda cell, theirs: cell.value == theirs,
    "datetime": lambda cell, theirs: not cell.fits or cell.value == _in_utc(theirs),
    "list": lambda cell, theirs: len(cell.value) == len(theirs),
    "geopoint": lambda cell, theirs: [Decimal(part) for part in (cell.text or "").split(",")] == [*theirs],
}
"""How the values of a type are compared; of the other types only the verdict is."""


def _in_utc(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)


@functools.cache
def _reader(descriptor: tuple[tuple[str, Any], ...]) -> Callable[[str | None], tuple[Any, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third-party imports
        from frictionless import Field  # noqa: PLC0415

        given_options = {key: list(value) if isinstance(value, tuple) else value for key, value in descriptor}
        field = Field.from_descriptor({"name": "cell", **given_options, "missingValues": []})
        return cast("Callable[[str | None], tuple[Any, Any]]", field.create_cell_reader())


def _read(descriptor: dict[str, Any], cell: str | None) -> tuple[Any, Any]:
    key = tuple(
        (name, tuple(value) if isinstance(value, list) else value) for name, value in descriptor.items()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _reader(key)(cell)


def difference(descriptor: dict[str, Any], cell: Judged) -> str | None:
    """Who takes the cell, where the two judges differ."""
    theirs, notes = _read(descriptor, cell.cell)
    if bool(cell.valid) is bool(notes):
        return "penstock" if cell.valid else "frictionless"
    compare = VALUES.get(descriptor["type"])
    return "both" if cell.valid and compare is not None and not compare(cell, theirs) else None


def known(descriptor: dict[str, Any], cell: Judged, taken_by: str) -> list[str]:
    """The names of the differences that this one may be."""
    return [
        entry["name"]
        for entry in DIFFERENCES
        if descriptor["type"] in entry["types"]
        and entry["taken_by"] == taken_by
        and all(
            name in descriptor and wanted in {"*", descriptor[name]}
            for name, wanted in entry.get("options", {}).items()
        )
        and re.fullmatch(entry["cells"], cell.cell or "")
    ]


def unexplained(descriptor: dict[str, Any], cells: list[str]) -> list[tuple[str | None, str]]:
    judged = judge_cells(make_field(**descriptor), list(cells))
    found = [(cell, difference(descriptor, cell)) for cell in judged]
    return [(cell.cell, by) for cell, by in found if by is not None and not known(descriptor, cell, by)]


@pytest.mark.parametrize("entry", COMPARED, ids=NAMES)
def test_the_tables_cells_are_judged_alike_but_for_known_differences(entry: dict[str, Any]) -> None:
    assert unexplained(entry["field"], [*entry["valid"], *entry["invalid"]]) == []


@pytest.mark.parametrize("entry", DIFFERENCES, ids=lambda entry: entry["name"])
def test_each_known_difference_is_one(entry: dict[str, Any]) -> None:
    descriptor, text = entry["example"]
    (cell,) = judge_cells(make_field(**descriptor), [text])
    assert difference(descriptor, cell) == entry["taken_by"]
    assert entry["name"] in known(descriptor, cell, entry["taken_by"])
    assert entry["reason"]


GENERATED: list[tuple[dict[str, Any], str]] = [
    ({"type": "integer"}, "0 1 2 9 00 - + . , e 1234567890"),
    ({"type": "integer", "bareNumber": False}, "0 1 2 95 - + € % kg . ,"),
    ({"type": "number"}, "0 1 2 9 00 - + . , e E 1234567890"),
    ({"type": "number", "decimalChar": ",", "groupChar": "."}, "0 1 234 567 - + . , e"),
    ({"type": "number", "bareNumber": False}, "0 1 2 95 - + € % kg . ,"),
    ({"type": "boolean"}, "true false True FALSE 1 0 yes t"),
    ({"type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]}, "ja nein true 1 j a"),
    ({"type": "date"}, "2024 1900 02 29 30 12 31 - / 0 1"),
    ({"type": "date", "format": "%d/%m/%Y"}, "2024 24 02 29 31 12 1 / - 0"),
    ({"type": "time"}, "00 12 23 24 59 60 : . 5 Z + - 01"),
    ({"type": "time", "format": "%H:%M"}, "00 12 23 24 59 60 1 : ."),
    ({"type": "datetime"}, "2024-02-29 2023-02-29 T 00:00:00 23:59:59 10:30 . 5 Z + - 01:00"),
    ({"type": "datetime", "format": "%Y-%m-%d %H:%M"}, "2024-02-29 2023-02-29 1 : 00:00 23:59 24:00 -"),
    ({"type": "year"}, "20 24 0 1 - +"),
    ({"type": "yearmonth"}, "2024 - 01 12 13 0 1"),
    ({"type": "duration"}, "P T 1Y 2M 3D 4H 5M 6S 7.5S 1W -"),
    ({"type": "list", "itemType": "integer"}, "1 02 , - + a ."),
    ({"type": "list", "itemType": "date", "delimiter": "|"}, "2024-02-29 2023-02-29 | -"),
    ({"type": "array"}, '[ ] { } "a" : , 1 2.5 null true'),
    ({"type": "object"}, '[ ] { } "a" "b" : , 1 2.5 null'),
    ({"type": "geopoint"}, "0 90 180 91 181 , . - 5"),
    ({"type": "string", "format": "email"}, "a b.c @ . example.org org - _"),
    ({"type": "string", "format": "uuid"}, "123e4567 -e89b -12d3 -a456 -426614174000 a g {"),
    ({"type": "string", "format": "uri"}, "http : // example.org / ? # a %20 @ []"),
    ({"type": "string", "format": "binary"}, "YQ == YWI = YWJj - +"),
]


@pytest.mark.parametrize(
    ("descriptor", "pieces"), GENERATED, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_generated_cells_are_judged_alike_but_for_known_differences(
    descriptor: dict[str, Any], pieces: str, data: st.DataObject
) -> None:
    piece = st.sampled_from(pieces.split() + ([" "] if "datetime" in descriptor["type"] else []))
    cells = data.draw(st.lists(st.lists(piece, min_size=1, max_size=7).map("".join), min_size=1, max_size=40))
    assert unexplained(descriptor, cells) == []
