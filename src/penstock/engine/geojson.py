"""The structure of GeoJSON (RFC 7946): which members an object of each type has, and the shape of its coordinates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeGuard

from penstock.engine.json_text import Json, JsonNumber


def is_geojson(value: Json) -> bool:
    """Tell whether a JSON object is a GeoJSON geometry, feature or collection. Members it doesn't know are allowed."""
    if not isinstance(value, Mapping) or not _is_box(value.get("bbox", ())):
        return False
    kind = value.get("type")
    if kind == "FeatureCollection":
        return _each(value.get("features"), _is_feature)
    return _is_feature(value) if kind == "Feature" else _is_geometry(value)


def _is_feature(value: Json) -> bool:
    if not isinstance(value, Mapping) or value.get("type") != "Feature" or not _is_box(value.get("bbox", ())):
        return False
    geometry, properties = value.get("geometry", ""), value.get("properties", "")
    return (
        (geometry is None or _is_geometry(geometry))
        and (properties is None or isinstance(properties, Mapping))
        and ("id" not in value or (isinstance(value["id"], str)))
    )


def _is_geometry(value: Json) -> bool:
    if not isinstance(value, Mapping) or not _is_box(value.get("bbox", ())):
        return False
    kind = value.get("type")
    if kind == "GeometryCollection":
        return _each(value.get("geometries"), _is_geometry)
    shape = _SHAPES.get(kind) if isinstance(kind, str) else None
    return shape is not None and shape(value.get("coordinates"))


def _is_box(value: Json) -> bool:
    return _is_sequence(value) and len(value) in {0, 4, 6} and all(isinstance(n, JsonNumber) for n in value)


def _is_position(value: Json) -> bool:
    return _is_sequence(value) and len(value) >= 2 and all(isinstance(n, JsonNumber) for n in value)


def _is_line(value: Json) -> bool:
    return _each(value, _is_position, least=2)


def _is_ring(value: Json) -> bool:
    return _each(value, _is_position, least=4) and _is_sequence(value) and value[0] == value[-1]


def _is_polygon(value: Json) -> bool:
    return _each(value, _is_ring)


def _each(value: Json, is_one: Callable[[Json], bool], least: int = 0) -> bool:
    return _is_sequence(value) and len(value) >= least and all(map(is_one, value))


def _is_sequence(value: Json) -> TypeGuard[Sequence[Json]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


_SHAPES: Final[Mapping[str, Callable[[Json], bool]]] = {
    "Point": _is_position,
    "MultiPoint": lambda value: _each(value, _is_position),
    "LineString": _is_line,
    "MultiLineString": lambda value: _each(value, _is_line),
    "Polygon": _is_polygon,
    "MultiPolygon": lambda value: _each(value, _is_polygon),
}
