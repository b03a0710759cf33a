"""The database's memory follows the number of fields, so that none is too many for the memory that is usual."""

from __future__ import annotations

from typing import Any

import pytest

TYPES = ["string", "integer", "number", "date", "boolean"]
CELLS = ["abc", "12", "1.5", "2024-01-01", "true"]


@pytest.mark.parametrize("count", [40, 41, 150])
def test_contracts_of_many_fields_are_judged_in_the_usual_memory(load: Any, count: int) -> None:
    fields = [{"name": f"f{n}", "type": TYPES[n % 5] if n else "string"} for n in range(count)]
    rest = ",".join(CELLS[n % 5] for n in range(1, count))
    header = ",".join(f"f{n}" for n in range(count))
    rows = "".join(
        f"k{n},{rest}\n" for n in range(4_500)
    )  # more than the database takes at a time, for each lane
    loaded = load(
        fields, f"{header}\n{rows}k0,{rest}\n", load={"partition_key": "f0"}, quality={"max_rejects": 0}
    )
    assert (loaded.report.counts.loaded, loaded.report.counts.superseded) == (4_500, 1)
