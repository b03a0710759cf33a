"""What a query takes of a file of lineitem, of one processor, memory and disk: ``python -m bench.query [--scale 0.2]``.

Each query runs as a run does, in a process of its own, by the steps of :mod:`penstock.load.query`: reading the rows, the SELECT with little memory so that it
spills, writing the result as records, and loading these (nothing is sent). Seconds are of a processor. The
constants of :mod:`penstock.load.choose` are from here.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.contracts import LINEITEM, read_schema
from bench.data import Data
from bench.measure import ROOT
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.engine.query import run_select, write_records
from penstock.engine.result import Reject, WriteBatch
from penstock.load.chunk import begin_object
from penstock.load.files import FileSource
from penstock.load.protocols import Written, all_written
from penstock.load.report import Report
from penstock.load.result import result_plan
from penstock.load.rows import read_rows
from penstock.load.run import run_object

_COLUMNS: Final = ", ".join(field["name"] for field in read_schema(LINEITEM))
_LATEST: Final = (
    "row_number() OVER (PARTITION BY l_partkey ORDER BY l_shipdate DESC, l_orderkey, l_linenumber)"
)
_PRICES: Final = "SELECT l_orderkey, sum(l_extendedprice) AS price FROM rows GROUP BY l_orderkey"
_LINE: Final = ("l_orderkey", "l_linenumber")

QUERIES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "few groups": (
        "SELECT l_shipmode, l_returnflag, count(*) AS n, max(l_shipdate) AS latest FROM rows GROUP BY l_shipmode, l_returnflag",
        ("l_shipmode", "l_returnflag"),
    ),
    "a group for four rows": (_PRICES, ("l_orderkey",)),
    "each row with its group": (
        f"SELECT {_COLUMNS}, sum(l_quantity) OVER (PARTITION BY l_orderkey) AS all_of_it FROM rows",
        _LINE,
    ),
    "the latest row of each": (
        f"SELECT {_COLUMNS} FROM (SELECT *, {_LATEST} AS place FROM rows) AS ranked WHERE place = 1",
        ("l_partkey",),
    ),
    "joined with itself": (
        f"SELECT {_COLUMNS}, price FROM rows JOIN (SELECT l_orderkey AS key, price FROM ({_PRICES}) AS p) AS g ON l_orderkey = key",
        _LINE,
    ),
}
"""Each with the columns of its key."""


class _NoItems:
    def write(self, batches: Sequence[WriteBatch]) -> Written:
        return all_written(batches)


class _NoRejects:
    def write(self, rejects: Sequence[Reject]) -> None:
        del rejects


def write_contract(folder: Path, name: str) -> Path:
    """Write the contract of lineitem with one of the queries."""
    sql, key = QUERIES[name]
    load = dict(zip(("partition_key", "sort_key"), key, strict=False))
    path = folder / "contract.yaml"
    path.write_text(
        json.dumps(
            {
                "penstock": 1,
                "name": "lineitem",
                "source": {"prefix": "incoming/lineitem/"},
                "schema": {"fields": read_schema(LINEITEM)},
                "transform": {"sql": sql},
                "load": {"table": "lineitem", **load},
            }
        )
    )
    return path


@contextmanager
def _watched(folder: Path, found: dict[str, float], step: str) -> Iterator[None]:
    """Measure a step: seconds of a processor, and the most that lay in the folder of what is spilled."""
    most, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            most[0] = max(most[0], sum(_size(path) for path in folder.rglob("*")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.process_time()
    try:
        yield
    finally:
        found[f"{step} s"] = time.process_time() - began
        ended.set()
        watcher.join()
        found[f"{step} spill MB"] = most[0] / 1e6


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def measure(file: Path, name: str, memory_mb: int) -> dict[str, float]:
    """Run a query over a file; give its figures."""
    found: dict[str, float] = {"CSV MB": file.stat().st_size / 1e6}
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        scratch = Path(folder)
        plan = compile_contract(read_contract(write_contract(scratch, name)))
        query = plan.query
        assert query is not None
        source, spill = FileSource(file), scratch / "spill"
        begun = begin_object(query.rows, source)
        with _watched(spill, found, "rows"):
            read = read_rows(
                query.rows, query.columns, source, begun.binding, begun.whole, _NoRejects(), scratch
            )
        found["row files MB"] = read.bytes / 1e6
        files = {"rows": [scratch / entry.name for entry in read.files]}
        sorted_rows, result = scratch / "result.parquet", scratch / "result.csv"
        with _watched(spill, found, "query"):
            rows = run_select(query, files, sorted_rows, scratch, memory_mb=memory_mb)
        found["sorted MB"] = sorted_rows.stat().st_size / 1e6
        with _watched(spill, found, "records"):
            write_records(query, [sorted_rows], result, scratch, memory_mb=memory_mb)
        found["result MB"] = result.stat().st_size / 1e6
        found["result rows"] = rows
        with _watched(spill, found, "load"):
            report = run_object(result_plan(plan), FileSource(result), _NoItems(), _NoRejects(), scratch)
        assert isinstance(report, Report)
        assert report.counts.read == rows
    found["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _measure_apart(file: Path, name: str, memory_mb: int) -> dict[str, float]:
    """Measure in a process of its own, on one processor: what one leaves in memory is no other's."""
    call = [
        sys.executable,
        "-m",
        "bench.query",
        "--one",
        name,
        "--file",
        str(file),
        "--memory",
        str(memory_mb),
    ]
    done = subprocess.run(["taskset", "-c", "0", *call], capture_output=True, text=True, check=True, cwd=ROOT)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _say(name: str, found: dict[str, float], say: Callable[[str], None]) -> None:
    csv, result = found["CSV MB"], max(found["result MB"], 0.001)
    say(f"{name}: {csv:,.0f} MB, {found['result rows']:,.0f} rows of result in {found['result MB']:,.1f} MB")
    say(
        f"  bytes a byte of the file: row files {found['row files MB'] / csv:.2f}, spill {found['query spill MB'] / csv:.2f}, "
        f"sorted result {found['sorted MB'] / csv:.2f}, result {found['result MB'] / csv:.2f}"
    )
    say(
        f"  seconds a MB of the file: rows {found['rows s'] / csv:.4f}, query {found['query s'] / csv:.4f}; of the result: "
        f"records {found['records s'] / result:.4f}, load {found['load s'] / result:.4f}; peak {found['peak MB']:,.0f} MB"
    )


def main() -> None:
    """Measure all queries, or one for a process that does."""
    options: Any = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=float, default=0.2, help="TPC-H's scale factor: 750 MB at 1")
    options.add_argument("--memory", type=int, default=256, help="MB that the query may keep in memory")
    options.add_argument("--file", type=Path)
    options.add_argument("--one", choices=QUERIES, help="a process that measures one of them over the file")
    chosen = options.parse_args()
    if chosen.one:
        sys.stdout.write(json.dumps(measure(chosen.file, chosen.one, chosen.memory)))
        return
    folder = ROOT / ".bench"
    folder.mkdir(exist_ok=True)
    file = Data(folder, print).lineitem(chosen.scale)
    for name in QUERIES:
        _say(name, _measure_apart(file, name, chosen.memory), print)


if __name__ == "__main__":
    main()
