"""Validation alone, by pandera over pandas, with the contract's own fields. Arguments: FILE CONTRACT; prints the rows.

Types are pandas' own: numbers are floats here and dates are parsed by pandas, as pandera's users do it.
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from bench.contracts import read_schema

_TYPES = {"integer": "int64", "number": "float64", "date": "datetime64[ns]", "string": "str"}


def _column(field: dict[str, Any]) -> pa.Column:
    constraints = field.get("constraints", {})
    checks = []
    if "minimum" in constraints:
        checks.append(pa.Check.ge(constraints["minimum"]))
    if "maximum" in constraints:
        checks.append(pa.Check.le(constraints["maximum"]))
    if "enum" in constraints:
        checks.append(pa.Check.isin(constraints["enum"]))
    if "maxLength" in constraints:
        checks.append(pa.Check.str_length(max_value=constraints["maxLength"]))
    return pa.Column(_TYPES[field["type"]], checks, nullable=not constraints.get("required", False))


def main() -> None:
    """Check the file, and tell how many rows that were, and errors: it raises where there is one."""
    file, contract = sys.argv[1:]
    fields = read_schema(Path(contract))
    dates = [field["name"] for field in fields if field["type"] == "date"]
    kinds = {field["name"]: _TYPES[field["type"]] for field in fields if field["name"] not in dates}
    frame = pd.read_csv(file, dtype=kinds, keep_default_na=False)
    for name in dates:
        frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%d").astype("datetime64[ns]")
    schema = pa.DataFrameSchema({field["name"]: _column(field) for field in fields}, strict=True)
    print(len(schema.validate(frame, lazy=True)), 0)


main()
