"""What the example's files should become, computed with nothing of Penstock: csv, Decimal, and the contracts' words.

Written from the contracts' text, column by column, so that it shares no mistake with the engine.
"""

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

Value = str | bool | Decimal
Reason = tuple[str, str | None]  # (code, field)

EXAMPLE = Path(__file__).parents[2] / "src" / "penstock" / "examples" / "ourairports"


@dataclass
class Expected:
    """Items by (partition key, sort key), and the reasons of each rejected line."""

    read: int = 0
    items: dict[tuple[Any, Any], dict[str, Value]] = field(default_factory=dict)
    rejects: dict[int, set[Reason]] = field(default_factory=dict)


@dataclass
class Row:
    """A row being judged: its attributes so far, and what is wrong with it."""

    cells: dict[str, str]
    values: dict[str, Value] = field(default_factory=dict)
    wrong: set[Reason] = field(default_factory=set)

    def text(
        self, name: str, pattern: str = "(?s).*", missing: tuple[str, ...] = ("",), longest: int = 1000
    ) -> None:
        cell = self.cells[name]
        if cell in missing:
            return
        if not re.fullmatch(pattern, cell) or len(cell) > longest:
            self.wrong.add(("constraint-error", name))
        self.values[name] = cell

    def number(self, name: str, least: int, most: int, pattern: str = r"[+-]?\d+") -> None:
        cell = self.cells[name]
        if cell == "":
            return
        if not re.fullmatch(pattern, cell):
            self.wrong.add(("type-error", name))
            return
        if not least <= Decimal(cell) <= most:
            self.wrong.add(("constraint-error", name))
        self.values[name] = Decimal(cell)

    def decimal(self, name: str, least: int, most: int) -> None:
        self.number(name, least, most, r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

    def flag(self, name: str) -> None:
        if self.cells[name] not in ("0", "1"):
            self.wrong.add(("type-error", name))
        self.values[name] = self.cells[name] == "1"

    def require(self, *names: str) -> None:
        for name in names:
            if self.cells[name] == "":
                self.wrong.add(("constraint-error", name))

    def get(self, name: str) -> Decimal | None:
        value = self.values.get(name)
        return value if isinstance(value, Decimal) else None


def read_rows(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Give the line and the cells of each row. Only for files whose records are lines, which the real ones are."""
    text = gzip.decompress(data).decode()
    yield from enumerate(csv.DictReader(io.StringIO(text, newline="")), start=2)


def judge_runway(cells: dict[str, str]) -> Row:
    row = Row(cells)
    row.require("id", "airport_ref", "airport_ident", "lighted", "closed")
    row.number("id", 1, 10**38)
    row.number("airport_ref", 1, 10**38)
    row.text("airport_ident", "[A-Z0-9-]{2,8}")
    row.number("length_ft", 1, 40000)
    row.number("width_ft", 1, 10000)
    row.text("surface", longest=100)
    row.flag("lighted")
    row.flag("closed")
    for end in ("le", "he"):
        row.text(f"{end}_ident", "[0-9A-Za-z][0-9A-Za-z-]{0,7}", missing=("", "-", "."))
        row.decimal(f"{end}_latitude_deg", -90, 90)
        row.decimal(f"{end}_longitude_deg", -180, 180)
        row.number(f"{end}_elevation_ft", -1500, 20000)
        row.decimal(f"{end}_heading_degT", 0, 360)
        row.number(f"{end}_displaced_threshold_ft", 0, 10000)
    length = row.get("length_ft")
    thresholds = [row.get("le_displaced_threshold_ft"), row.get("he_displaced_threshold_ft")]
    if length is not None:
        if any(threshold is not None and threshold >= length for threshold in thresholds):
            row.wrong.add(("row-constraint", None))
        row.values["length_m"] = (length * Decimal("0.3048")).quantize(Decimal("0.1"), ROUND_HALF_UP)
    for end in ("le", "he"):
        if f"{end}_heading_degT" in row.values:
            row.values[f"{end}_heading_deg"] = row.values.pop(f"{end}_heading_degT")
    return row


def judge_navaid(cells: dict[str, str], last_modified: int) -> Row:
    row = Row(cells)
    row.require("id", "filename", "ident", "name", "type", "frequency_khz")
    row.require("latitude_deg", "longitude_deg", "iso_country")
    row.number("id", 1, 10**38)
    row.text("filename", longest=100)
    row.text("ident", "[A-Z0-9]{1,5}")
    row.text("name", longest=100)
    row.text("type", "DME|NDB|NDB-DME|TACAN|VOR|VOR-DME|VORTAC")
    row.number("frequency_khz", 100, 136000)
    for prefix in ("", "dme_"):
        row.decimal(f"{prefix}latitude_deg", -90, 90)
        row.decimal(f"{prefix}longitude_deg", -180, 180)
        row.number(f"{prefix}elevation_ft", -1500, 30000)
    row.text("iso_country", "[A-Z]{2}")
    row.number("dme_frequency_khz", 108000, 136000)
    row.text("dme_channel", r"\d{3}[XY]")
    if "dme_channel" in row.values and not 1 <= int(str(row.values["dme_channel"])[:3]) <= 126:
        row.wrong.add(("constraint-error", "dme_channel"))
    row.decimal("slaved_variation_deg", -180, 180)
    row.decimal("magnetic_variation_deg", -180, 180)
    row.text("usageType", "BOTH|HI|LO|RNAV|TERMINAL")
    row.text("power", "HIGH|LOW|MEDIUM", missing=("", "UNKNOWN"))
    row.text("associated_airport", "[A-Z0-9-]{2,8}")
    frequency = row.get("frequency_khz")
    if frequency is not None:
        beacon = cells["type"].startswith("NDB")
        if (beacon and frequency > 1750) or (not beacon and frequency < 108000):
            row.wrong.add(("row-constraint", None))
        row.values["band"] = "LF" if frequency <= 300 else "MF" if frequency <= 3000 else "VHF"
    row.values["expires_at"] = Decimal(last_modified + 400 * 86400)
    for old, new in (("usageType", "usage"), ("iso_country", "country")):
        if old in row.values:
            row.values[new] = row.values.pop(old)
    row.values.pop("filename", None)
    row.values["pk"] = f"COUNTRY#{cells['iso_country']}"
    row.values["sk"] = f"{cells['type']}#{cells['ident']}#{int(cells['id']):07d}"
    return row


def expect(data: bytes, judge: Callable[[dict[str, str]], Row], key: tuple[str, str]) -> Expected:
    """Judge all rows of a file; of rows with one key the last stands."""
    expected = Expected()
    for line, cells in read_rows(data):
        expected.read += 1
        row = judge(cells)
        if row.wrong:
            expected.rejects[line] = row.wrong
        else:
            expected.items[row.values[key[0]], row.values[key[1]]] = row.values
    return expected


@lru_cache(maxsize=3)  # some days are asked for again
def expect_runways(data: bytes) -> Expected:
    return expect(data, judge_runway, ("airport_ident", "id"))


def expect_navaids(data: bytes, last_modified: int) -> Expected:
    return expect(data, lambda cells: judge_navaid(cells, last_modified), ("pk", "sk"))


def plain(item: dict[str, dict[str, Any]]) -> dict[str, Value]:
    """Give an item as the table has it in plain values."""
    found: dict[str, Value] = {}
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        assert kind in ("S", "N", "BOOL"), f"{name} is {kind}"
        found[name] = Decimal(value) if kind == "N" else value
    return found


def expect_by_country(
    runways: bytes, countries: bytes, regions: bytes
) -> tuple[int, dict[Any, dict[str, Value]]]:
    """The records that reach the query of ``queries/runways-by-country.yaml``, and its items by country.

    An airport whose ident is a country's code, a hyphen and a number is of that country.
    """
    named = {cells["code"]: cells for _, cells in read_rows(countries)}
    parts = Counter(cells["iso_country"] for _, cells in read_rows(regions))
    kept = [row for row in expect_runways(runways).items.values() if str(row["airport_ident"])[2:3] == "-"]
    items: dict[Any, dict[str, Value]] = {}
    for code in sorted({str(row["airport_ident"])[:2] for row in kept} & set(named)):
        mine = [row for row in kept if str(row["airport_ident"]).startswith(code)]
        lengths = [row["length_ft"] for row in mine if isinstance(row.get("length_ft"), Decimal)]
        found: dict[str, Value | None] = {
            "country": code,
            "name": named[code]["name"],
            "continent": named[code]["continent"],
            "regions": Decimal(parts[code]) if code in parts else None,
            "runways": Decimal(len(mine)),
            "length_ft": sum(lengths, Decimal()) if lengths else None,
            "longest_ft": max(lengths, default=None),
            "first_field": min(str(row["airport_ident"]) for row in mine),
        }
        items[code] = {name: value for name, value in found.items() if value is not None}
    return len(kept), items
