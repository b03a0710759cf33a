"""Dates, times and datetimes: ISO 8601 as Table Schema has it, or a strptime format compiled to a pattern.

Canonical text is ISO 8601 with the offset and the fraction as written. Values in expressions are in UTC; what has no
offset is taken as UTC.
"""

from __future__ import annotations

from penstock.compile import patterns
from penstock.compile.formats import compile_format
from penstock.compile.sql import matches
from penstock.contract.model import FieldModel

PATTERNS = {"date": patterns.DATE, "time": patterns.TIME, "datetime": patterns.DATETIME}
SQL_TYPES = {"date": "DATE", "time": "TIME", "datetime": "TIMESTAMP"}


def utc_value(text: str, kind: str) -> str:
    """Write the value of canonical ISO text. DuckDB's own cast to TIMESTAMP would drop the offset."""
    if kind == "date":
        return f"TRY_CAST({text} AS DATE)"
    if kind == "time":
        moment = f"make_timestamp(epoch_us(TRY_CAST(concat('2000-01-01T', {text}) AS TIMESTAMPTZ)))"
        return f"CASE WHEN {_has_offset(text)} THEN CAST({moment} AS TIME) ELSE TRY_CAST({text} AS TIME) END"
    moment = f"make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))"
    return f"CASE WHEN {_has_offset(text)} THEN {moment} ELSE TRY_CAST({text} AS TIMESTAMP) END"


def _has_offset(text: str) -> str:
    # The sixth character from the end is a sign in no time without an offset; Z needs no conversion.
    return f"substr({text}, -6, 1) IN ('+', '-')"


def finer_than_microseconds(text: str) -> str:
    """Write the condition that ISO text has digits beyond the microsecond that are not zero: no TIMESTAMP holds them."""
    return f"regexp_matches({text}, '[.][0-9]{{6}}0*[1-9]')"


def is_iso(text: str, kind: str) -> str:
    """Write the condition that text is a date, time or datetime of the calendar, in ISO 8601."""
    return matches(text, PATTERNS[kind])


def iso_text(cell: str, field: FieldModel) -> str:
    """Write a cell in ISO 8601, by the field's format; what does not follow the format becomes what is no ISO text."""
    return cell if field.format == "default" else compile_format(cell, field)
