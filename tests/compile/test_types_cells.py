"""Every type, with its options: the cells that are of it, in canonical form, and those that are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cell_harness import judge_cell, judge_cells, make_field
from ruamel.yaml import YAML

from penstock.compile.types import allowed_attribute_types

TABLES = sorted((Path(__file__).parent / "cells").glob("*.yaml"))
ENTRIES: list[dict[str, Any]] = [entry for table in TABLES for entry in YAML(typ="safe").load(table)]
NAMES = [" ".join(f"{value}" for value in entry["field"].values()) for entry in ENTRIES]


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_cells_of_the_type_get_their_canonical_text(entry: dict[str, Any]) -> None:
    judged = judge_cells(make_field(**entry["field"]), list(entry["valid"]))
    assert {cell.cell: cell.text for cell in judged} == entry["valid"]


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_cells_of_another_type_are_refused(entry: dict[str, Any]) -> None:
    judged = judge_cells(make_field(**entry["field"]), entry["invalid"])
    assert [cell.cell for cell in judged if cell.valid is not False] == []
    assert {(cell.text, cell.json) for cell in judged} <= {(None, None)}


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_canonical_text_is_its_own_canonical_text(entry: dict[str, Any]) -> None:
    plain = {key: value for key, value in entry["field"].items() if key in {"type", "itemType", "delimiter"}}
    if plain["type"] in {"geopoint", "boolean", "year"}:
        return  # written otherwise than read: booleans are true and false, a year below 1000 has fewer digits
    plain["type"] = plain["type"].replace("integer", "number")  # an integer beyond 39 digits has an exponent
    texts = list(entry["valid"].values())
    assert [cell.text for cell in judge_cells(make_field(**plain), texts)] == texts


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_a_missing_cell_has_no_text_no_value_and_breaks_nothing(entry: dict[str, Any]) -> None:
    field = make_field(**entry["field"])
    for attribute_type in allowed_attribute_types(field):
        cell = judge_cell(field, None, attribute_type)
        assert (cell.text, cell.value, cell.json, cell.broken, cell.unheld) == (None, None, None, (), ())


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_a_valid_cell_has_an_attribute_of_every_type_it_can_become(entry: dict[str, Any]) -> None:
    field = make_field(**entry["field"])
    for attribute_type in allowed_attribute_types(field):
        for cell in judge_cells(field, list(entry["valid"]), attribute_type):
            assert cell.json is not None
            assert cell.json.startswith(f'{{"{attribute_type}":')


@pytest.mark.parametrize("index", [7, 123])
def test_the_columns_of_a_field_carry_its_index(index: int) -> None:
    judged = judge_cells(make_field(type="number"), ["1.50", "1e3", "x"], index=index)
    assert [cell.text for cell in judged] == ["1.5", "1000", None]
