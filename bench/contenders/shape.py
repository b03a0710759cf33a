"""What a loader written by hand knows of its file: which columns are numbers, and how the key is made."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Shape:
    """A file's columns. The attribute ``key`` is made of a prefix and a field, where a table has such a one."""

    numbers: tuple[str, ...]
    key: str | None = None
    key_prefix: str = ""
    key_field: str = ""


SHAPES: Final = {
    "lineitem": Shape(
        numbers=(
            *("l_orderkey", "l_partkey", "l_suppkey", "l_linenumber"),
            *("l_quantity", "l_extendedprice", "l_discount", "l_tax"),
        ),
        key="pk",
        key_prefix="ORDER#",
        key_field="l_orderkey",
    ),
    "runways": Shape(
        numbers=(
            *(
                "id",
                "airport_ref",
                "length_ft",
                "width_ft",
                "le_latitude_deg",
                "le_longitude_deg",
                "le_elevation_ft",
            ),
            *("le_heading_degT", "le_displaced_threshold_ft", "he_latitude_deg", "he_longitude_deg"),
            *("he_elevation_ft", "he_heading_degT", "he_displaced_threshold_ft"),
        )
    ),
}
"""By the table's name."""
