"""A small contract to change, and what is wrong with it then."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from penstock.contract.read import examine

SMALL: dict[str, Any] = {
    "penstock": 1,
    "name": "orders",
    "source": {"prefix": "incoming/orders/"},
    "schema": {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "code", "type": "string"},
            {"name": "price", "type": "number"},
            {"name": "day", "type": "date"},
            {"name": "open", "type": "boolean"},
            {"name": "tags", "type": "list"},
        ]
    },
    "load": {"table": "orders", "partition_key": "id"},
}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The small contract with the values at dotted paths changed; the fields are called by their names."""
    data = copy.deepcopy(SMALL)
    for path, value in changes.items():
        *above, last = path.split(".")
        holder: Any = data
        for step in above:
            if isinstance(holder, list):
                holder = next(field for field in holder if field["name"] == step)
            else:
                holder = holder.setdefault(step, {})
        if value is None:
            del holder[last]
        else:
            holder[last] = value
    return data


def problems(changes: dict[str, Any]) -> list[str]:
    """What reading the small contract with some changes complains of, without the file and line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.yaml"
        path.write_text(json.dumps(changed(changes), indent=1))
        found = examine(path)[1]
    assert all(problem.place.file == str(path) for problem in found)
    return [str(problem).partition(":")[2].partition(": ")[2] for problem in found]
