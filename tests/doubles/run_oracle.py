"""Whole runs against an oracle in plain Python: the rules of the design written once more, one row at a time.

The oracle knows nothing of SQL, chunks or passes. What it says of a file, a run must say at every chunk size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "string"},
    {"name": "n", "type": "integer", "constraints": {"minimum": -5, "enum": ["-7", "-5", "0", "1", "2", "7"]}},
    {"name": "p", "type": "number", "decimal": [18, 2], "constraints": {"required": True}},
    {"name": "flag", "type": "boolean"},
]  # fmt: skip
NAMES = [str(f["name"]) for f in FIELDS]
CELLS = {
    "id": ["a", "b", "A", "a#1", "é", 'x\n"y"', " a", "-", ""],
    "n": ["1", "+1", "01", "2", "7", "0", "-0", "-5", "-7", "3", "1.0", " 1", ""],
    "p": ["1", "1.0", "1.00", "0.1e1", "2.5", "1.505", "1E-130", "-0", "1,5", "NaN", ""],
    "flag": ["true", "1", "false", "0", "yes", ""],
}

Error = tuple[str, str | None, frozenset[str]]
"""A code, a field, and the fields that it is about."""


@dataclass(frozen=True)
class Feed:
    """The parts of a contract that differ from example to example."""

    key: str
    where: bool
    rule: bool
    doubled: bool
    deletes: bool
    nulls: bool
    on_duplicate: str
    limit: int | str | None

    @property
    def parts(self) -> dict[str, Any]:
        keys: dict[str, Any] = {
            "field": {"partition_key": "key"},
            "number": {"partition_key": "p"},
            "pair": {"partition_key": "key", "sort_key": "n"},
            "template": {"partition_key": {"name": "pk", "value": "{key}#{n}"}},
        }
        load = {**keys[self.key]}
        load |= {"newest_by": self.newest_by} if self.newest_by else {"on_duplicate": self.on_duplicate}
        load |= {"delete_where": "flag"} if self.deletes else {}
        load |= {"nulls": "write"} if self.nulls else {}
        transform: dict[str, Any] = {"rename": {"id": "key"}, "drop": ["flag"]}
        transform |= {"where": "n > 0"} if self.where else {}
        transform |= {"set": {"doubled": "p * 2"}} if self.doubled else {}
        rules = [{"name": "not-seven", "check": "n <> 7"}] if self.rule else []
        quality = {} if self.limit is None else {"max_rejects": self.limit}
        return {"load": load, "transform": transform, "rules": rules, "quality": quality}

    @property
    def newest_by(self) -> str | None:
        """The field by which rows compete, if they do."""
        return None if self.on_duplicate != "newest" else "n" if self.key == "number" else "p"

    @property
    def key_fields(self) -> tuple[str, ...]:
        return {"field": ("id",), "number": ("p",), "pair": ("id", "n"), "template": ("id", "n")}[self.key]


@dataclass
class Expected:
    """What becomes of a file."""

    counts: dict[str, int]
    codes: dict[int, list[tuple[str, str | None]]] = field(default_factory=dict)
    writes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    code: str | None = None


def number_text(value: Decimal) -> str:
    if abs(value) == Decimal("1E-130"):
        return "1E-130"
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if value == 0 else text


def read_cell(name: str, text: str) -> tuple[Any, list[Error]]:
    """Give a cell's value (None where it is missing or wrong) and its errors."""
    about = frozenset([name])
    if text == "":
        return None, [("constraint-error", name, about)] if name == "p" else []
    patterns = {
        "id": "(?s).*",
        "n": "[+-]?[0-9]+",
        "p": r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?",
        "flag": "true|false|0|1",
    }
    if not re.fullmatch(patterns[name], text):
        return None, [("type-error", name, about)]
    if name == "n":
        value = int(text)
        broken = (value < -5) + (value not in {-7, -5, 0, 1, 2, 7})
        return value, [("constraint-error", name, about)] * broken
    return {"id": text, "p": Decimal(text) if name == "p" else None, "flag": text in {"true", "1"}}[name], []


def judge(feed: Feed, cells: list[str]) -> tuple[list[tuple[str, str | None]], bool, bool, dict[str, Any]]:
    """Give a row's errors, whether it is kept, whether it deletes, and its values."""
    read = {name: read_cell(name, text) for name, text in zip(NAMES, cells, strict=True)}
    values = {name: value for name, (value, _) in read.items()}
    typed = {name: not any(code == "type-error" for code, _, _ in found) for name, (_, found) in read.items()}
    errors: list[Error] = [error for _, found in read.values() for error in found]
    kept = not feed.where or not typed["n"] or (values["n"] is not None and values["n"] > 0)
    if kept:
        errors += judge_row(feed, values, typed)
    deletes = feed.deletes and kept and values["flag"] is True
    if deletes:
        needed = {"flag", *feed.key_fields, *(["n"] if feed.where else []), feed.newest_by or "flag"}
        errors = [error for error in errors if error[2] <= needed]
    return [(code, name) for code, name, _ in errors], kept, deletes, values


def judge_row(feed: Feed, values: dict[str, Any], typed: dict[str, bool]) -> Iterator[Error]:
    if feed.rule and values["n"] == 7:
        yield "row-constraint", None, frozenset("n")
    yield from judge_keys(feed, values, typed)
    if feed.doubled and values["p"] is not None and values["p"] != round(values["p"], 2):
        yield "expression-error", "p", frozenset("p")


def judge_keys(feed: Feed, values: dict[str, Any], typed: dict[str, bool]) -> Iterator[Error]:
    if feed.key != "template":
        for name in feed.key_fields:
            if typed[name] and values[name] is None:
                yield "key-error", "key" if name == "id" else name, frozenset([name])
        return
    if typed["n"]:
        about = frozenset(("id", "n"))
        if values["id"] is None or values["n"] is None:
            yield "key-error", "pk", about
        if "#" in (values["id"] or ""):
            yield "key-error", "pk", about


def attributes(feed: Feed, values: dict[str, Any], *, deletes: bool) -> dict[str, Any]:
    """Give the item of a row, without a digest of itself, or the key or the tombstone where it deletes."""
    texts = {"key": "S", "n": "N", "p": "N"}
    found = {"key": values["id"], "n": values["n"], "p": values["p"]}
    if feed.doubled:
        texts["doubled"] = "N"
        found["doubled"] = None if values["p"] is None else values["p"] * 2
    item = {
        name: {texts[name]: number_text(Decimal(value)) if texts[name] == "N" else value}
        for name, value in found.items()
        if value is not None
    }
    if feed.key == "template":
        item["pk"] = {"S": f"{values['id']}#{values['n']}"}
    keys = {"field": ("key",), "number": ("p",), "pair": ("key", "n"), "template": ("pk",)}[feed.key]
    if deletes and feed.newest_by:
        marks = {"penstock_deleted": {"BOOL": True}, "penstock_digest": {"S": "000~"}}
        return {**marks, **{name: item[name] for name in (*keys, feed.newest_by) if name in item}}
    if deletes:
        return {name: item[name] for name in keys}
    nulls = {name: {"NULL": True} for name in found if feed.nulls and name != feed.newest_by}
    return {**nulls, **item}


def expect(feed: Feed, records: list[list[str]]) -> Expected:
    """Judge a file, one record after the other."""
    counts = dict.fromkeys(
        ("read", "loaded", "rejected", "filtered", "superseded", "withheld", "blank"), 0
    ) | {"read": len(records)}
    result = Expected(counts)
    good: list[tuple[int, str, dict[str, Any], tuple[Any, ...]]] = []
    line = 2
    for cells in records:
        if not any(cells) and len(cells) in {0, len(NAMES)}:
            counts["blank"] += 1
        elif len(cells) != len(NAMES):
            result.codes[line] = [("missing-cell" if len(cells) < len(NAMES) else "extra-cell", None)]
        else:
            errors, kept, deletes, values = judge(feed, cells)
            if errors:
                result.codes[line] = errors
            elif not kept:
                counts["filtered"] += 1
            else:
                item = attributes(feed, values, deletes=deletes)
                key = tuple(values[name] for name in feed.key_fields)
                removes = "bury" if feed.newest_by else "delete"
                good.append((line, removes if deletes else "put", item, key))
        line += 1 + sum(cell.count("\n") for cell in cells)
    winners = list(
        {row[3]: row for row in (good if feed.on_duplicate == "last" else reversed(good))}.values()
    )
    if feed.on_duplicate == "newest":
        winners = good
    losers = [row for row in good if row not in winners]
    if feed.on_duplicate == "reject":
        result.codes.update({row[0]: [("primary-key", None)] for row in losers})
    else:
        counts["superseded"] = len(losers)
    counts["rejected"] = len(result.codes)
    result.writes = [(operation, item) for _, operation, item, _ in sorted(winners, key=lambda row: row[0])]
    conclude(feed, result, len(winners))
    return result


def conclude(feed: Feed, result: Expected, winners: int) -> None:
    """Refuse the file where its limit is passed, or nothing was loaded and something rejected."""
    counts = result.counts
    judged = counts["read"] - counts["blank"]
    limits = {None: judged, 1: 1, "50%": judged / 2}
    if counts["rejected"] > limits[feed.limit]:
        counts["withheld"] = winners + counts["superseded"]
        counts["superseded"] = 0
        result.writes = []
        result.code = "reject-limit"
    else:
        counts["loaded"] = winners
        result.code = "nothing-loaded" if not winners and counts["rejected"] else None


def render(records: list[list[str]], newline: str) -> str:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if re.search('[",\n ]', cell) else cell

    return "".join(
        ",".join(quoted(cell) for cell in cells) + newline for cells in [NAMES, *records]
    ).removesuffix(newline if records and len(records[-1]) > 1 else "")


rows = st.tuples(*(st.sampled_from(CELLS[name]) for name in NAMES)).map(list)
good_rows = st.tuples(*(st.sampled_from(CELLS[name][:2]) for name in NAMES)).map(list)
odd = st.sampled_from([[], ["", "", "", ""], ["a", "1"], ["a", "1", "1", "true", ""]])
feeds = st.builds(
    Feed,
    key=st.sampled_from(["field", "number", "pair", "template"]),
    where=st.booleans(),
    rule=st.booleans(),
    doubled=st.booleans(),
    deletes=st.booleans(),
    nulls=st.booleans(),
    on_duplicate=st.sampled_from(["last", "first", "reject", "newest"]),
    limit=st.sampled_from([None, None, 1, "50%"]),
)
