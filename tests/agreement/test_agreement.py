"""Frictionless judges the same files by the same schemas: an independent judge of types, constraints and widths.

Where the two differ on purpose, a file of ``differences`` says how and why, and a test here shows that it still holds.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from frictionless import Resource, system
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.report import Report
from penstock.load.run import run_object

DIFFERENCES = sorted((Path(__file__).parent / "differences").glob("*.yaml"))
WIDTH = {"missing-cell", "extra-cell"}
Verdicts = dict[int, set[tuple[str, str | None]]]


def penstock_verdicts(schema: dict[str, Any], text: str) -> Verdicts:
    """Judge with Penstock: the codes and fields of each line that is rejected, and of each blank one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contract = {
            "penstock": 1,
            "name": "generated",
            "source": {"prefix": "generated/"},
            "schema": schema,
            # The key is the line, so that nothing but the schema can reject a row.
            "transform": {"set": {"penstock_line": "source.line"}},
            "load": {"table": "generated", "partition_key": "penstock_line"},
        }
        (folder / "contract.yaml").write_text(json.dumps(contract))
        (folder / "data.csv").write_bytes(text.encode())
        plan = compile_contract(read_contract(folder / "contract.yaml"))
        with JsonlItemWriter(folder) as items, JsonlRejectWriter(folder) as rejects:
            report = run_object(plan, FileSource(folder / "data.csv"), items, rejects, folder)
        assert isinstance(report, Report)
        assert report.reason is None or report.counts.loaded == 0, report.reason
        found: Verdicts = {}
        for line in (folder / "rejects.jsonl").read_text().splitlines():
            reject = json.loads(line)
            found[reject["line"]] = {(error["code"], error["field"]) for error in reject["errors"]}
        return found


def frictionless_verdicts(schema: dict[str, Any], text: str) -> Verdicts:
    """Judge with Frictionless, in the same shape. Its row numbers are lines, where no cell holds a newline."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "data.csv"
        path.write_bytes(text.encode())
        descriptor = {
            "$schema": "https://datapackage.org/profiles/2.0/dataresource.json",
            "name": "generated",
            "path": str(path),
            "encoding": "utf-8",
            "schema": schema,
        }
        with system.use_context(trusted=True):
            report = Resource.from_descriptor(descriptor).validate(limit_errors=100_000)
    assert not report.errors, report.errors
    found: defaultdict[int, set[tuple[str, str | None]]] = defaultdict(set)
    for error in report.tasks[0].errors:
        found[error.to_dict()["rowNumber"]].add((error.type, getattr(error, "field_name", None)))
    return dict(found)


def comparable(verdicts: Verdicts) -> Verdicts:
    """Leave out what the two count differently by design: blank rows are no errors here, and a row of the wrong width
    has no other error (its cells may be shifted).
    """
    found: Verdicts = {}
    for line, errors in verdicts.items():
        width: set[tuple[str, str | None]] = {(code, None) for code, _ in errors if code in WIDTH}
        left = width or {error for error in errors if error[0] != "blank-row"}
        if left:
            found[line] = left
    return found


def write_csv(rows: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


WORDS = ["", "a", "ab", "abc", "Zebra", "x y", "a,b", 'q"q', "été", "NA", "-", "0", "1", "12", "😀"]
INTEGERS = [
    "0",
    "1",
    "-1",
    "7",
    "12",
    "100",
    "-250",
    "99999999999999999999",
    "1.5",
    "1.0",
    "x",
    "1e3",
    "0x10",
    "--1",
]
NUMBERS = [
    "0",
    "1",
    "-1",
    "1.5",
    "2.50",
    "0.1",
    "-0.25",
    "1e3",
    "1E-3",
    "100",
    "1,5",
    "x",
    "1.2.3",
    "+",
    "12345678.9",
]
BOOLEANS = ["true", "True", "TRUE", "1", "false", "False", "FALSE", "0", "yes", "no", "t", "2", "tRue"]
DATES = [
    "2026-01-02",
    "2024-02-29",
    "2023-02-29",
    "2026-13-01",
    "2026-00-10",
    "02/01/2026",
    "x",
    "1999-12-31",
    "20260102",
]
TIMES = ["00:00:00", "23:59:59", "25:00:00", "12:60:00", "x", "12:30:15"]
STAMPS = [
    "2026-01-02T03:04:05",
    "2026-02-30T00:00:00",
    "x",
    "2026-01-02",
    "2024-02-29T23:59:59Z",
    "2026-01-02T25:00:00",
]
YEARS = ["2026", "1999", "0", "x", "20260", "-1"]
MONTHS = ["2026-01", "2026-13", "1999-12", "x", "2026"]
OBJECTS = ["{}", '{"a": 1}', "[]", "[1, 2]", "x", '{"a"', '"text"', "1", "null"]
POINTS = ["1, 2", "1,2", "181, 2", "1, 91", "x", "-179.5, 89.5", "1"]
LISTS = ["a", "a,b", "a,b,c", "1,2"]
DURATIONS = ["P1Y", "P1M2D", "PT1H", "P1DT2H", "P", "1", "x"]
EUROPEAN_DATES = ["02/01/2026", "31/02/2026", "29/02/2024", "2026-01-02", "x"]
EUROPEAN_NUMBERS = ["1,5", "-0,25", "1", "1.000,5", "x"]
ADDRESSES = ["a@b.com", "x", "a@b@c.com", "http://a.b/c", "123e4567-e89b-12d3-a456-426614174000"]


def field(
    name: str,
    kind: str,
    cells: list[str],
    properties: dict[str, Any] | None = None,
    **constraints: st.SearchStrategy[Any],
) -> st.SearchStrategy[Any]:
    """A field of a type with its properties, some of its constraints, and the cells to try on it."""
    some = st.fixed_dictionaries({}, optional={"required": st.booleans(), **constraints})
    described = {"name": name, "type": kind, **(properties or {})}
    return some.map(lambda found: ({**described, "constraints": found}, [*cells, ""]))


def fields(name: str) -> st.SearchStrategy[Any]:
    number = st.sampled_from([-1, 0, 1, 10])
    length = st.integers(0, 4)
    word = st.lists(st.sampled_from([w for w in WORDS if w]), min_size=1, max_size=3, unique=True)
    return st.one_of(
        field(name, "string", WORDS, minLength=length, maxLength=length.map(lambda n: n + 4)),
        field(name, "string", WORDS, pattern=st.sampled_from(["[a-z]+", "a.*", "[0-9]{1,2}", "(a|x y)"])),
        field(name, "string", WORDS, enum=word),
        field(name, "integer", INTEGERS, minimum=number, maximum=number.map(lambda n: n + 90)),
        field(
            name, "integer", INTEGERS, exclusiveMinimum=number, exclusiveMaximum=number.map(lambda n: n + 90)
        ),
        field(name, "number", NUMBERS, minimum=number, maximum=number.map(lambda n: n + 90)),
        field(name, "number", NUMBERS, exclusiveMinimum=number),
        field(name, "boolean", BOOLEANS),
        field(name, "date", DATES, minimum=st.just("2025-01-01")),
        field(name, "time", TIMES),
        field(name, "datetime", STAMPS),
        field(name, "year", YEARS, minimum=st.just(2000)),
        field(name, "yearmonth", MONTHS),
        field(name, "object", OBJECTS),
        field(name, "array", OBJECTS),
        field(name, "geopoint", POINTS),
        field(name, "list", LISTS),
        field(name, "list", LISTS, {"itemType": "integer"}),
        field(name, "any", WORDS),
        field(name, "duration", DURATIONS),
        field(name, "date", EUROPEAN_DATES, {"format": "%d/%m/%Y"}),
        field(name, "number", EUROPEAN_NUMBERS, {"decimalChar": ",", "groupChar": "."}),
        field(name, "boolean", WORDS, {"trueValues": ["a", "12"], "falseValues": ["ab", "-"]}),
        *(field(name, "string", ADDRESSES, {"format": kind}) for kind in ("email", "uri", "uuid")),
    )


@st.composite
def files(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A schema, and a well-formed file of which some rows are wrong, and some of another width."""
    made = [draw(fields(f"f{i}")) for i in range(draw(st.integers(2, 4)))]
    rows = [[descriptor["name"] for descriptor, _ in made]]
    for _ in range(draw(st.integers(1, 12))):
        row = [draw(st.sampled_from(cells)) for _, cells in made]
        # Frictionless calls a row of the wrong width blank where its cells are empty: a difference of its own.
        change = draw(st.sampled_from([0] * 12 + [1, -1])) if any(row[:-1]) else 0
        rows.append([*row, "more"] if change > 0 else row[:-1] if change < 0 and len(row) > 2 else row)
    return {"fields": [descriptor for descriptor, _ in made]}, write_csv(rows)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files())
def test_both_reject_the_same_rows_with_the_same_codes(case: tuple[dict[str, Any], str]) -> None:
    schema, text = case
    note(json.dumps(schema, ensure_ascii=False))
    note(text)
    assert comparable(penstock_verdicts(schema, text)) == comparable(frictionless_verdicts(schema, text))


def as_verdicts(written: dict[int, list[list[Any]]]) -> Verdicts:
    return {int(line): {(error[0], error[1]) for error in errors} for line, errors in written.items()}


@pytest.mark.parametrize("path", DIFFERENCES, ids=lambda path: path.stem)
def test_a_deliberate_difference_still_holds_and_has_its_reason(path: Path) -> None:
    case = YAML(typ="safe").load(path.read_text())
    assert len(case["reason"]) > 20
    assert frictionless_verdicts(case["schema"], case["data"]) == as_verdicts(case["frictionless"])
    assert penstock_verdicts(case["schema"], case["data"]) == as_verdicts(case["penstock"])
    assert as_verdicts(case["frictionless"]) != as_verdicts(case["penstock"])
