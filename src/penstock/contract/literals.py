"""Values written in a contract (limits, enumerations) read as values of a field's type, so that they can be checked
and compared.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from penstock.contract.standard import FieldModel

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_YEAR = re.compile(r"-?([1-9][0-9]{3,}|0[0-9]{3})")
_YEARMONTH = re.compile(r"(-?[0-9]{4,})-(0[1-9]|1[0-2])")
_DURATION = re.compile(
    r"-?P(?!$)([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T(?!$)([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?)?"
)


def read_literal(field: FieldModel, written: str | bool) -> Any:
    """The value that ``written`` is for the field; values of one field that are ordered compare as they should.

    Raises ValueError, with a message for people, if it is not a value of the field's type and format.
    """
    if isinstance(written, bool):
        if field.type != "boolean":
            raise ValueError(f"is a boolean, not a value of type {field.type}; put a text in quotes")
        return written
    read = _READERS.get(field.type)
    if read is None:
        return written
    try:
        return read(field, written)
    except (ValueError, InvalidOperation) as error:
        form = "" if field.format == "default" else f" with format {field.format}"
        raise ValueError(f'"{written}" is not a value of type {field.type}{form}') from error


def _number(field: FieldModel, written: str) -> Decimal:
    text = written.replace(field.group_char, "") if field.group_char else written
    if not _NUMBER.fullmatch(text):
        # A limit may be written in the field's own way, as a text.
        text = text.replace(field.decimal_char, ".")
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return Decimal(text)


def _integer(field: FieldModel, written: str) -> Decimal:
    number = _number(field, written)
    if not re.fullmatch(
        r"[+-]?[0-9]+", written.replace(field.group_char, "") if field.group_char else written
    ):
        raise ValueError
    return number


def _boolean(field: FieldModel, written: str) -> bool:
    if written in field.true_values:
        return True
    if written in field.false_values:
        return False
    raise ValueError


def _year(_: FieldModel, written: str) -> int:
    if not _YEAR.fullmatch(written):
        raise ValueError
    return int(written)


def _yearmonth(_: FieldModel, written: str) -> tuple[int, int]:
    match = _YEARMONTH.fullmatch(written)
    if not match:
        raise ValueError
    return int(match[1]), int(match[2])


def _duration(_: FieldModel, written: str) -> str:
    if not _DURATION.fullmatch(written):
        raise ValueError
    return written


def _date(field: FieldModel, written: str) -> dt.date:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", written):
        return dt.date.fromisoformat(written)
    return _strptime(field, written).date()


def _time(field: FieldModel, written: str) -> dt.time:
    if re.fullmatch(r"[0-9]{2}:[0-9]{2}:[0-9]{2}", written):
        return dt.time.fromisoformat(written)
    return _strptime(field, written).time()


def _datetime(field: FieldModel, written: str) -> dt.datetime:
    """A moment without a zone is taken as UTC, so that two limits can be compared."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})?", written):
        moment = dt.datetime.fromisoformat(written)
    else:
        moment = _strptime(field, written)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _strptime(field: FieldModel, written: str) -> dt.datetime:
    if field.format == "default":
        raise ValueError
    form = field.format.replace("%e", "%d").replace("%h", "%b")  # C has both, Python neither
    return dt.datetime.strptime(written, form)


def _string(field: FieldModel, written: str) -> str:
    if field.format == "binary":
        try:
            base64.b64decode(written, validate=True)
        except binascii.Error as error:
            raise ValueError from error
    return written


def _json(kind: type) -> Callable[[FieldModel, str], str]:
    def read(_: FieldModel, written: str) -> str:
        if not isinstance(json.loads(written), kind):
            raise ValueError  # noqa: TRY004 - a text of the wrong kind, for the caller to word
        return written

    return read


_READERS: dict[str, Callable[[FieldModel, str], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "year": _year,
    "yearmonth": _yearmonth,
    "duration": _duration,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "string": _string,
    "object": _json(dict),
    "geojson": _json(dict),
    "array": _json(list),
}
