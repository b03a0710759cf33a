"""Tables drawn at random: of every type that queries have, with the values at which engines part ways."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import duckdb

from penstock.engine.sql import identifier, literal


@dataclass(frozen=True)
class Field:
    """A column: its name, what a contract says of it, its type in queries, and whether its values are moderate."""

    name: str
    type: str
    sql_type: str
    mild: bool = True

    @property
    def described(self) -> dict[str, Any]:
        """The field as a contract has it."""
        found: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.type == "number":
            found["decimal"] = [int(digits) for digits in self.sql_type[8:-1].split(",")]
        return found


@dataclass(frozen=True)
class Table:
    """A relation: its name in queries, its columns, and its rows as canonical texts; None is NULL."""

    name: str
    fields: tuple[Field, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def write(self, path: Path, rows: tuple[int, ...] | None = None) -> Path:
        """Write the table, or some of its rows, as the file that both engines read."""
        chosen = self.rows if rows is None else [self.rows[number] for number in rows]
        casts = ", ".join(
            f"CAST(c{i} AS {field.sql_type}) AS {identifier(field.name)}"
            for i, field in enumerate(self.fields)
        )
        listed = ", ".join(f"({', '.join(_cell(cell) for cell in row)})" for row in chosen)
        names = ", ".join(f"c{i}" for i in range(len(self.fields)))
        source = f"(VALUES {listed or '(' + ', '.join('NULL' for _ in self.fields) + ')'}) AS t({names})"
        some = "" if chosen else " WHERE FALSE"
        with duckdb.connect() as database:
            database.execute(
                f"COPY (SELECT {casts} FROM {source}{some}) TO {literal(str(path))} (FORMAT parquet)"
            )
        return path


def _cell(cell: str | None) -> str:
    return "NULL" if cell is None else f"CAST({literal(cell)} AS VARCHAR)"


ROWS: Final = (
    Field("id", "integer", "DECIMAL(38,0)"),
    Field("n", "integer", "DECIMAL(38,0)"),
    Field("m", "integer", "DECIMAL(38,0)", mild=False),
    Field("d1", "number", "DECIMAL(1,0)"),
    Field("d4", "number", "DECIMAL(4,2)"),
    Field("d9", "number", "DECIMAL(9,0)", mild=False),
    Field("d10", "number", "DECIMAL(10,2)"),
    Field("d18", "number", "DECIMAL(18,4)", mild=False),
    Field("d19", "number", "DECIMAL(19,7)"),
    Field("d6", "number", "DECIMAL(6,6)", mild=False),
    Field("d38", "number", "DECIMAL(38,9)", mild=False),
    Field("wide", "number", "DECIMAL(38,30)", mild=False),
    Field("t", "string", "VARCHAR"),
    Field("u", "string", "VARCHAR", mild=False),
    Field("coded", "string", "VARCHAR", mild=False),
    Field("b", "boolean", "BOOLEAN"),
    Field("f", "boolean", "BOOLEAN"),
    Field("day", "date", "DATE"),
    Field("old", "date", "DATE", mild=False),
    Field("seen", "datetime", "TIMESTAMP"),
    Field("stamp", "datetime", "TIMESTAMP", mild=False),
)
NAMES: Final = (
    Field("t", "string", "VARCHAR"),
    Field("n", "integer", "DECIMAL(38,0)"),
    Field("built", "year", "DECIMAL(38,0)"),
    Field("label", "string", "VARCHAR", mild=False),
    Field("rate", "number", "DECIMAL(12,4)"),
    Field("since", "date", "DATE"),
    Field("open", "boolean", "BOOLEAN"),
)
RATES: Final = (
    Field("key", "integer", "DECIMAL(38,0)"),
    Field("day", "date", "DATE"),
    Field("at", "datetime", "TIMESTAMP", mild=False),
    Field("big", "number", "DECIMAL(38,9)", mild=False),
    Field("Odd Name", "string", "VARCHAR"),
)

_TIED: Final = ("a", "b", "A", "", "é", "z")
TEXTS: Final = (
    *("", " ", "  a ", "a", "A", "b", "B", "ab", "aB", "ba", "abcabc", "a,b,c", ",", ",,", "a|b", "a.b.c", "-0", "-0.00", "0"),
    *("00", "+1", "1.50", "1e5", " 12", "12 ", "1_000", "0x10", "NaN", "infinity", "-", ".", ".5", "5.", "true", "TRUE", "no"),
    *("'", "''", '"', '""', "\\", "\\N", "\\\\", "\\n", "a\\", "%", "_", "%a_", "a\nb", "\n", "\r\n", "\t", "a\tb", "$1", "$", "^a"),
    *("é", "e\u0301", "ä", "a\u0308", "ß", "ẞ", "SS", "İ", "i\u0307", "\u0131", "Σ", "ς", "\u03c3", "ﬁ", "Å", "\u212b", "ǆ", "ǅ"),
    *("\U0001f600", "\U0001f600\U0001f601", "a\U0001f600b", "\U00010348", "\U0010fffd", "\uffff", "\ufffd", "\ue000", "\ud7ff"),
    *("👩\u200d👩\u200d👧", "🇩🇪", "\u200b", "\u00a0", "\u00a0a\u00a0", "\u2028", "\u3000", "\u0085", "\x1f", "\x7f", "日本語", "한국", "\u1112\u1161\u11ab"),
    *("עברית", "ﷺ", "ŉ", "naïve", "NULL", "null", "2020-02-29", "2021-02-29", "0001-01-01", "1582-10-10", "10000-01-01", "2020-1-1"),
    *("2020-01-01T00:00:00", "2020-01-01 23:59:60", "2020-01-01T12:30:00.123456Z", "24:00:00", "9" * 38, "9" * 39, "-" + "9" * 38),
    *("0." + "0" * 37 + "1", "1" + "0" * 37, "0123456789" * 5, "x" * 300),
)  # fmt: skip
_LETTERS: Final = (
    "a",
    "b",
    "c",
    " ",
    ",",
    "1",
    "é",
    "\u0301",
    "\U0001f600",
    "'",
    '"',
    "\\",
    "\n",
    "%",
    "_",
    "ß",
    "-",
    ".",
    "\u00a0",
)
_DAYS: Final = (
    *("0001-01-01", "0001-01-02", "0001-03-01", "0004-02-29", "0099-12-31", "0100-02-28", "0100-03-01", "0999-12-31", "1000-01-01"),
    *("1582-10-04", "1582-10-05", "1582-10-14", "1582-10-15", "1582-10-16", "1600-02-29", "1700-03-01", "1752-09-03", "1752-09-14"),
    *("1899-12-31", "1900-01-01", "1900-02-28", "1969-12-31", "1970-01-01", "1970-01-02", "1999-12-31", "2000-02-29", "2004-12-31"),
    *("2005-01-01", "2008-12-29", "2009-12-31", "2010-01-03", "2016-02-29", "2020-12-31", "2021-01-01", "2024-02-29", "2038-01-19"),
    *("2100-02-28", "9999-01-01", "9999-12-30", "9999-12-31"),
)  # fmt: skip
_TIMES: Final = (
    "00:00:00",
    "00:00:00.000001",
    "23:59:59.999999",
    "12:00:00",
    "03:14:07.5",
    "11:59:59.999",
    "01:02:03.045678",
)


def draw_text(random: Random, mild: bool) -> str:
    """Give a text; a mild one is of few, so that some are alike."""
    if mild:
        return random.choice(_TIED)
    if random.random() < 0.7:
        return random.choice(TEXTS)
    return "".join(random.choice(_LETTERS) for _ in range(random.randint(0, 9)))


def draw_number(random: Random, sql_type: str, mild: bool) -> str:
    """Give a number that a decimal's type holds."""
    precision, scale = (int(digits) for digits in sql_type[8:-1].split(","))
    digits = precision
    if mild:
        digits = min(precision, scale + 1 if random.random() < 0.7 else scale + 2)
    elif random.random() < 0.6:
        digits = random.randint(0, precision)
    most = 10**digits - 1
    unit = 10**scale
    value = random.choice(
        (0, 1, unit, most, most - 1, unit // 2, random.randint(0, most), random.randint(0, most))
    )
    value = min(max(value, 0), 10**precision - 1)
    sign = "-" if value and random.random() < 0.4 else ""
    whole, fraction = divmod(value, unit)
    return f"{sign}{whole}" + (f".{fraction:0{scale}d}" if scale else "")


def draw_date(random: Random, mild: bool) -> str:
    """Give a date; a mild one is of one month."""
    if mild:
        return f"2024-02-{random.randint(25, 29)}"
    if random.random() < 0.6:
        return random.choice(_DAYS)
    return (date.min + timedelta(random.randint(0, date.max.toordinal() - 1))).isoformat()


def draw_moment(random: Random, mild: bool) -> str:
    """Give a date and a time of day."""
    if mild or random.random() < 0.7:
        return f"{draw_date(random, mild)}T{random.choice(_TIMES)}"
    return datetime.fromisoformat(f"{draw_date(random, mild)}T00:00:00").replace(
        hour=random.randint(0, 23), minute=random.randint(0, 59), second=random.randint(0, 59), microsecond=random.randint(0, 999_999)
    ).isoformat()  # fmt: skip


def draw_cell(random: Random, field: Field) -> str | None:
    """Give a value of a column, or None for NULL."""
    if random.random() < 0.12:
        return None
    if field.type == "string":
        return draw_text(random, field.mild)
    if field.type == "boolean":
        return random.choice(("true", "false"))
    if field.type == "date":
        return draw_date(random, field.mild)
    if field.type == "datetime":
        return draw_moment(random, field.mild)
    if field.type == "year":
        return str(random.choice((2019, 2020, 2021)))
    return draw_number(random, field.sql_type, field.mild)


def draw_table(random: Random, name: str, fields: tuple[Field, ...], count: int) -> Table:
    """Give a table of so many rows, of which some are there twice. Numbers of ``id`` are the rows' own."""
    rows: list[tuple[str | None, ...]] = []
    for number in range(count):
        if rows and random.random() < 0.15:
            row = list(random.choice(rows))
        else:
            row = [draw_cell(random, field) for field in fields]
        if fields[0].name == "id":
            row[0] = str(number)
        rows.append(tuple(row))
    return Table(name, fields, tuple(rows))


def draw_tables(random: Random) -> tuple[Table, ...]:
    """Give the file's rows and two references, so few that all can be joined with all."""
    return (
        draw_table(random, "rows", ROWS, random.choice((6, 12, 20))),
        draw_table(random, "names", NAMES, random.choice((0, 5, 8))),
        draw_table(random, "rates", RATES, random.choice((3, 6))),
    )
