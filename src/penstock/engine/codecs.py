"""Cells that Python decides, because SQL would lose digits or order.

The compiled plan says which cells those are (:class:`~penstock.plan.model.Codec`); the engine asks once for each
distinct text. Standard library only: this runs in the function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from penstock.engine.canonical import number_text
from penstock.engine.geojson import is_geojson
from penstock.engine.json_text import Json, JsonNumber, attribute_value, canonical_json, read_json

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Decided:
    """A cell of the type: its canonical text, and its attribute value as DynamoDB JSON.

    ``json`` is None where SQL writes the attribute from the text, or where DynamoDB can't hold the value.
    """

    text: str
    json: str | None


def _number(text: str, _options: Options) -> Decided | None:
    """Decide a number or integer that is long or has an exponent."""
    number = number_text(text)
    return None if number is None else Decided(number, None)


def _json(text: str, options: Options, is_one: Callable[[Json], bool]) -> Decided | None:
    """Decide a cell of JSON. As an S it is kept as written."""
    try:
        value = read_json(text)
    except ValueError:
        return None
    if not is_one(value):
        return None
    return Decided(canonical_json(value), _as_string(text) if options["attribute"] == "S" else _held(value))


def _held(value: Json) -> str | None:
    try:
        return attribute_value(value)
    except ValueError:
        return None


def _as_string(text: str) -> str:
    return f'{{"S":{canonical_json(text)}}}'


def _array(text: str, options: Options) -> Decided | None:
    return _json(text, options, lambda value: isinstance(value, Sequence) and not isinstance(value, str))


def _object(text: str, options: Options) -> Decided | None:
    return _json(text, options, lambda value: isinstance(value, Mapping))


def _geojson(text: str, options: Options) -> Decided | None:
    return _json(text, options, is_geojson)


def _geopoint(text: str, options: Options) -> Decided | None:
    """Decide a point: ``lon, lat`` as text, or a JSON array or object of two numbers, by the option ``format``."""
    point = _coordinates(text, options["format"])
    if point is None:
        return None
    lon, lat = (number_text(coordinate) for coordinate in point)
    if lon is None or lat is None or abs(Decimal(lon)) > 180 or abs(Decimal(lat)) > 90:
        return None
    numbers = [JsonNumber(lon), JsonNumber(lat)]
    json = {
        "S": _as_string(text),
        "L": attribute_value(numbers),
        "M": attribute_value(dict(zip(("lon", "lat"), numbers, strict=True))),
    }
    return Decided(f"{lon},{lat}", json[options["attribute"]])


def _coordinates(text: str, form: str) -> Sequence[str] | None:
    if form == "default":
        parts = re.split(" *, *", text)
        return parts if len(parts) == 2 else None
    try:
        value = read_json(text)
    except ValueError:
        return None
    if form == "object" and isinstance(value, Mapping) and value.keys() == {"lon", "lat"}:
        value = [value["lon"], value["lat"]]
    elif form == "object" or isinstance(value, str) or not isinstance(value, Sequence):
        return None
    numbers = [number for number in value if isinstance(number, JsonNumber)]
    return numbers if len(numbers) == len(value) == 2 else None


def _list(text: str, options: Options) -> Decided | None:
    """Decide a list whose members are not just text: each must match the option ``pattern``."""
    members = [_member(member, options) for member in text.split(options["delimiter"])]
    known = [member for member in members if member is not None]
    if len(known) < len(members):
        return None
    joined = options["delimiter"].join(known)
    attribute = options["attribute"]
    if attribute == "S":
        return Decided(joined, _as_string(text))
    if attribute in {"SS", "NS"}:
        return Decided(joined, f'{{"{attribute}":{canonical_json(known)}}}')
    kind = {"number": "N", "boolean": "BOOL"}.get(options["kind"], "S")
    quote = "" if kind == "BOOL" else '"'
    return Decided(
        joined, '{"L":[' + ",".join(f'{{"{kind}":{quote}{member}{quote}}}' for member in known) + "]}"
    )


def _member(text: str, options: Options) -> str | None:
    if options["kind"] == "boolean":
        return {"true": "true", "1": "true", "false": "false", "0": "false"}.get(
            text.lower() if text in {"True", "TRUE", "False", "FALSE"} else text
        )
    if re.fullmatch(options["pattern"], text) is None:
        return None
    return number_text(text) if options["kind"] == "number" else text


CODECS: Final[Mapping[str, Callable[[str, Options], Decided | None]]] = {
    "number": _number,
    "array": _array,
    "object": _object,
    "geojson": _geojson,
    "geopoint": _geopoint,
    "list": _list,
}
"""The function of each kind of codec: a cell's text and the codec's options to its decision; None is a type error."""
