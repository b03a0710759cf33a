"""Rejects for a spreadsheet: whole, and harmless."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.spreadsheet import (
    COLUMNS,
    find_changes,
    is_spreadsheet,
    neutralize,
    read_spreadsheet,
    restore,
    write_spreadsheet,
)
from penstock.engine.result import Reason, Reject
from penstock.engine.withhold import withhold_record
from penstock.errors import ServiceError, UsageError

RUN = "2026-11-23T05-30-00Z-1f0c9a3e"


def reject(raw: bytes, *reasons: Reason) -> Reject:
    return Reject(7, 120, len(raw), raw, None, reasons or (Reason("missing-cell", None, "too few"),))


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


WIDE = ["\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\u207a"]
"""The signs as they are typed in East Asia, and others that look like them."""


@pytest.mark.parametrize(
    "first",
    [*"=+-@\t\r\n", *WIDE, " =", "\u00a0@", "\ufeff=", "\u200b-", "\x00+", " \t="],
)
def test_what_could_be_a_formula_gets_an_apostrophe(tmp_path: Path, first: str) -> None:
    path = tmp_path / "rejects.csv"
    raw = f'{first}cmd|" /C calc"!A0'
    assert write_spreadsheet(path, RUN, [reject(raw.encode())], "utf-8") == 1
    assert read(path) == [list(COLUMNS), [RUN, "7", "120", "missing-cell", "too few", f"'{raw}"]]


def test_the_reasons_name_the_file_of_a_reject_of_many(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    write_spreadsheet(path, RUN, [replace(reject(b"x"), key="incoming/a.csv")], "utf-8")
    assert read(path)[1][4] == "incoming/a.csv: too few"


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_no_cell_begins_like_a_formula_and_none_loses_anything(text: str) -> None:
    safe = neutralize(text)
    assert not safe.lstrip().startswith(("=", "+", "-", "@"))
    assert not safe.startswith(("\t", "\r", "\n"))
    assert restore(safe) == text


def test_all_reasons_and_codes_are_there(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    reasons = (
        Reason("type-error", "a", "not a number"),
        Reason("type-error", "b", "not a date"),
        Reason("row-constraint", None, "breaks a rule"),
    )
    write_spreadsheet(path, RUN, [reject('x,"y\nz",ü'.encode(), *reasons)], "utf-8")
    assert read(path)[1] == [
        RUN,
        "7",
        "120",
        "type-error; row-constraint",
        "a: not a number; b: not a date; breaks a rule",
        'x,"y\nz",ü',
    ]


def test_bytes_that_are_no_text_are_shown_as_escapes(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    write_spreadsheet(path, RUN, [reject(b"caf\xe9")], "utf-8")
    assert read(path)[1][-1] == "caf\\xe9"


def test_a_file_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="can't be written"):
        write_spreadsheet(tmp_path / "nowhere" / "rejects.csv", RUN, [], "utf-8")


@given(raws=st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_what_nobody_changed_stands_for_the_bytes_that_were_there(
    tmp_path_factory: pytest.TempPathFactory, raws: list[bytes]
) -> None:
    rejects = [replace(reject(raw), offset=n) for n, raw in enumerate(raws)]
    path = tmp_path_factory.mktemp("sheet") / "rejects.csv"
    write_spreadsheet(path, RUN, rejects, "utf-8")
    assert find_changes(read_spreadsheet(path), rejects, "utf-8") == dict.fromkeys(range(len(raws)))


def test_a_record_that_was_withheld_and_is_left_so_stands_for_the_bytes_that_were_there(
    tmp_path: Path,
) -> None:
    rejects = [withhold_record(reject(b"secret")), replace(withhold_record(reject(b"x")), offset=150)]
    path = tmp_path / "rejects.csv"
    write_spreadsheet(path, RUN, rejects, "utf-8")
    before, _, after = path.read_text("utf-8-sig").rpartition("(sensitive)")
    path.write_text(f"{before}a,b{after}")
    assert find_changes(read_spreadsheet(path), rejects, "utf-8") == {120: None, 150: b"a,b"}


@pytest.mark.parametrize(("encoding", "due"), [("utf-8", b"caf\xc3\xa9,1"), ("cp1252", b"caf\xe9,1")])
def test_a_changed_record_is_written_in_the_encoding_of_the_feed(
    tmp_path: Path, encoding: str, due: bytes
) -> None:
    raw = "café,x".encode(encoding)
    rejects = [reject(raw), replace(reject(b"=b,y"), offset=150)]
    path = tmp_path / "rejects.csv"
    write_spreadsheet(path, RUN, rejects, encoding)
    path.write_text(path.read_text("utf-8-sig").replace("café,x", "café,1").replace("'=b,y", "'=b,2"))
    changes = find_changes(read_spreadsheet(path), rejects, encoding)
    assert changes == {120: due, 150: b"=b,2"}


def test_rows_that_were_taken_out_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    rejects = [reject(b"a,x"), replace(reject(b"b,y"), offset=150)]
    write_spreadsheet(path, RUN, rejects[1:], "utf-8")
    assert find_changes(read_spreadsheet(path), rejects, "utf-8") == {150: None}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_spreadsheet_may_save_it_in_its_own_way(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "rejects.csv"
    raw = b'a,"x\r\ny",1'
    cells = [RUN, "7", "120", "type-error", "why", raw.decode().replace("\r\n", "\n")]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([COLUMNS, cells, [""] * 6])
    assert is_spreadsheet(path)
    assert find_changes(read_spreadsheet(path), [reject(raw)], "utf-8") == {120: None}


def write_rows(path: Path, *rows: list[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[RUN, "7", "120", "", ""]], "no row of a file of rejects"),
        ([[RUN, "seven", "120", "", "", "x"]], "no row of a file of rejects"),
        ([[RUN, "7", "120", "", "", "x"], ["other", "8", "130", "", "", "x"]], "rejects of 2 runs"),
        ([[RUN, "7", "120", "", "", "x"], [RUN, "7", "120", "", "", "y"]], "a reject twice"),
        ([], "rejects of 0 runs"),
    ],
)
def test_a_file_that_was_damaged_is_refused(tmp_path: Path, rows: list[list[str]], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_spreadsheet(write_rows(tmp_path / "rejects.csv", *rows))


def test_a_file_of_something_else_is_told_by_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(b"id,n\na,1\n")
    assert not is_spreadsheet(path)
    assert not is_spreadsheet(tmp_path / "nothing.csv")
    with pytest.raises(UsageError, match="no file of rejects"):
        read_spreadsheet(path)


@pytest.mark.parametrize(
    ("kept", "raw", "said"),
    [
        (replace(reject(b"a" * 9), sha256="0" * 64), "b", "longer than what is kept"),
        (reject(b"a" * 40_000), "a" * 32_767, "cut by the spreadsheet"),
        (reject(b"caf\xe9,x"), "caf\\xe9,1", "still has escapes"),
        (replace(reject(b"a"), offset=121), "b", "not among the rejects"),
    ],
)
def test_a_correction_that_can_not_be_what_was_meant_is_refused(
    tmp_path: Path, kept: Reject, raw: str, said: str
) -> None:
    file = read_spreadsheet(write_rows(tmp_path / "rejects.csv", [RUN, "7", "120", "", "", raw]))
    with pytest.raises(UsageError, match=said):
        find_changes(file, [kept], "utf-8")


def test_a_letter_that_the_encoding_of_the_feed_lacks_is_refused(tmp_path: Path) -> None:
    file = read_spreadsheet(write_rows(tmp_path / "rejects.csv", [RUN, "7", "120", "", "", "日"]))
    with pytest.raises(UsageError, match="cp1252"):
        find_changes(file, [reject(b"a")], "cp1252")
