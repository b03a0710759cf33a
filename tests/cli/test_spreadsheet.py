"""Rejects for a spreadsheet: whole, and harmless."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.spreadsheet import COLUMNS, neutralize, write_spreadsheet
from penstock.engine.result import Reason, Reject
from penstock.errors import ServiceError


def reject(raw: bytes, *reasons: Reason) -> Reject:
    return Reject(7, 120, len(raw), raw, None, reasons or (Reason("missing-cell", None, "too few"),))


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_what_could_be_a_formula_gets_an_apostrophe(tmp_path: Path, first: str) -> None:
    path = tmp_path / "rejects.csv"
    raw = f'{first}cmd|" /C calc"!A0'
    assert write_spreadsheet(path, [reject(raw.encode())]) == 1
    assert read(path) == [list(COLUMNS), ["7", "120", "missing-cell", "too few", f"'{raw}"]]


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_no_cell_begins_like_a_formula_and_none_loses_anything(text: str) -> None:
    safe = neutralize(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe.removeprefix("'") == text.removeprefix("'")


def test_all_reasons_and_codes_are_there(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    reasons = (
        Reason("type-error", "a", "not a number"),
        Reason("type-error", "b", "not a date"),
        Reason("row-constraint", None, "breaks a rule"),
    )
    write_spreadsheet(path, [reject('x,"y\nz",ü'.encode(), *reasons)])
    assert read(path)[1] == [
        "7",
        "120",
        "type-error; row-constraint",
        "a: not a number; b: not a date; breaks a rule",
        'x,"y\nz",ü',
    ]


def test_bytes_that_are_no_text_are_shown_as_escapes(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    write_spreadsheet(path, [reject(b"caf\xe9")])
    assert read(path)[1][-1] == "caf\\xe9"


def test_a_file_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="can't be written"):
        write_spreadsheet(tmp_path / "nowhere" / "rejects.csv", [])
