"""The cells that Python decides."""

from __future__ import annotations

import json
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.engine.canonical import number_text
from penstock.engine.codecs import CODECS, Decided
from penstock.engine.json_text import canonical_json, read_json

EXACT = Context(prec=500, Emax=10**9, Emin=-(10**9))
SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text('abé"', min_size=1, max_size=3), inner, max_size=4)
    ),
)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_canonical_numbers_have_the_value_that_was_written(number: Decimal) -> None:
    text = number_text(str(number))
    if text is not None:
        assert EXACT.create_decimal(text) == number
        assert number_text(text) == text


@given(st.integers(1, 10**38 - 1), st.integers(-170, 130))
def test_a_number_is_held_from_1e_130_up_to_just_below_1e126(digits: int, exponent: int) -> None:
    first = exponent + len(str(digits)) - 1
    assert (number_text(f"{digits}E{exponent}") is not None) is (-130 <= first <= 125)


@pytest.mark.parametrize(
    "text", ["9" * 38 + "E88", "-" + "9" * 38 + "E88", "1E-130", "0E99999999999999999999", "1" + "0" * 125]
)
def test_the_ends_of_dynamodbs_range_are_numbers(text: str) -> None:
    assert number_text(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1E",
        "٣",
        "1_0",
        "1E-131",
        "9" * 38 + "E89",
        "1" * 39,
        "1E99999999999999999999",
        "NaN",
        "Infinity",
    ],
)
def test_what_dynamodb_does_not_hold_is_no_number(text: str) -> None:
    assert number_text(text) is None


def test_a_very_long_exponent_or_cell_is_decided_at_once() -> None:
    assert number_text("1E" + "9" * 1_000_000) is None
    assert number_text("0." + "0" * 1_000_000 + "1") is None
    assert number_text("0" * 1_000_000 + "1") == "1"
    assert number_text("1E-" + "0" * 1_000_000 + "1") == "0.1"
    assert number_text("1E" + "0" * 1_000_000) == "1"


@settings(max_examples=100)
@given(JSON)
def test_json_survives_as_an_attribute(value: Any) -> None:
    decided = CODECS["array"](json.dumps([value]), {"attribute": "L"})
    assert decided is not None
    if decided.json is not None:
        assert _plain(json.loads(decided.json)) == [value]
    assert json.loads(decided.text) == [value]


@settings(max_examples=100)
@given(JSON)
def test_canonical_json_does_not_depend_on_the_order_of_members_or_white_space(value: Any) -> None:
    written = canonical_json(read_json(json.dumps(value, indent=2, sort_keys=False)))
    assert written == canonical_json(read_json(json.dumps(_reversed(value))))
    assert written == canonical_json(read_json(written))


def _plain(attribute: dict[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "M":
        return {name: _plain(member) for name, member in value.items()}
    if kind == "L":
        return [_plain(member) for member in value]
    if kind == "NULL":
        return None
    return int(Decimal(value)) if kind == "N" else value


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(value[name]) for name in reversed(value)}
    return [_reversed(member) for member in value] if isinstance(value, list) else value


def test_numbers_in_json_keep_their_digits() -> None:
    digits = "0.12345678901234567890123456789012345678"
    assert CODECS["object"](f'{{"a":{digits}}}', {"attribute": "M"}) == Decided(
        f'{{"a":{digits}}}', f'{{"M":{{"a":{{"N":"{digits}"}}}}}}'
    )


@pytest.mark.parametrize("levels", [1_000, 100_000])
def test_json_that_is_nested_beyond_reading_is_refused_and_does_no_harm(levels: int) -> None:
    assert CODECS["array"]("[" * levels + "]" * levels, {"attribute": "S"}) is None


@pytest.mark.parametrize("frames", [0, 200])
def test_how_deep_json_is_read_does_not_hang_on_the_stack(frames: int) -> None:
    def decide(levels: int, frames: int) -> bool:
        if frames:
            return decide(levels, frames - 1)
        return CODECS["array"]("[" * levels + "1" + "]" * levels, {"attribute": "S"}) is not None

    assert decide(200, frames)
    assert not decide(201, frames)


GEOMETRIES = [
    {"type": "Point", "coordinates": [1, 2, 3]},
    {"type": "MultiPoint", "coordinates": []},
    {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
    {"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 0]]]},
    {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 1], [1, 0], [0, 0]]]], "bbox": [0, 0, 1, 1]},
    {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]},
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda geometry: geometry["type"])
def test_geojson_has_the_structure_of_its_type(geometry: dict[str, Any]) -> None:
    feature = {"type": "Feature", "geometry": geometry, "properties": {"a": 1}, "id": 7}
    collection = {"type": "FeatureCollection", "features": [feature]}
    for value in (geometry, feature, collection):
        assert CODECS["geojson"](json.dumps(value), {"attribute": "M"}) is not None
    wrong = [
        {**geometry, "coordinates": 1, "geometries": 1},
        {**geometry, "type": geometry["type"].lower()},
        {**geometry, "bbox": [1, 2]},
        {**feature, "id": None},
        {**feature, "properties": []},
        {"type": "Feature", "properties": None},
        {"type": "FeatureCollection", "features": [geometry]},
    ]
    for value in wrong:
        assert CODECS["geojson"](json.dumps(value), {"attribute": "M"}) is None


@given(st.decimals(-200, 200, places=3), st.decimals(-100, 100, places=3))
def test_a_point_lies_on_the_globe(lon: Decimal, lat: Decimal) -> None:
    decided = CODECS["geopoint"](f"{lon}, {lat}", {"attribute": "M", "format": "default"})
    assert (decided is not None) is (abs(lon) <= 180 and abs(lat) <= 90)
    if decided is not None:
        members = json.loads(decided.json or "")["M"]
        assert (Decimal(members["lon"]["N"]), Decimal(members["lat"]["N"])) == (lon, lat)
