"""The database of an object: its memory follows the number of fields, and it does not hold up who ends the process."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pytest

from penstock.errors import EngineError
from penstock.load.judges import explained

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


class _Ended(BaseException):
    """As a signal's handler raises it."""


def test_a_connection_at_work_that_refuses_to_be_closed_does_not_stand_in_for_the_signal_that_ends(
    tmp_path: Path,
) -> None:
    os.mkfifo(pipe := tmp_path / "rows.csv")
    connection = duckdb.connect(":memory:")
    query = f"FROM read_csv('{pipe}', columns = {{a: 'VARCHAR'}}, auto_detect = false)"
    worker = Thread(target=connection.execute, args=[query])
    worker.start()
    with pipe.open("w"):  # opened once the database reads it, which waits until this is closed
        with pytest.raises(duckdb.Error):
            connection.close()
        with pytest.raises(_Ended), explained(), connection:
            raise _Ended
    worker.join()
    connection.close()


def test_what_the_database_fails_at_is_told_without_its_message() -> None:
    with pytest.raises(EngineError) as met, explained():
        duckdb.execute("SELECT 'a secret'::INTEGER")
    assert "secret" not in str(met.value)
    assert "ConversionException" in str(met.value)
