"""What distributing costs: the same file through the function's path, its chunked path, and Spark on this computer.

Seconds of a processor are of all processes, Spark's Java and the Python beside its executors too. All write into the sink.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import contracts, prices
from bench.figures import Detail, Figure, Row
from bench.lab import Lab, Run
from bench.measure import BenchError, measure, python

WORKERS: Final = 5
"""The default of ``glue.workers``."""
SMALL_ROWS: Final = 1000
SMALL_FILES: Final = 50
_CORES: Final = 2
_SPARK: Final = ("-m", "penstock", "run", "{contract}", "{file}", "--json", "--endpoint-url", "{sink}")
_CHUNKED: Final = ("-m", "bench.chunked", "{contract}", "{file}", "{sink}")

Measure = Callable[[Lab], Run]


def _file(lab: Lab) -> Path:
    return lab.data.lineitem(lab.sizes.engines)


def _contract(lab: Lab, table: str) -> Path:
    return contracts.LINEITEM if table == "lineitem" else contracts.querying(lab.folder / "contracts")


def _function(lab: Lab, table: str) -> Run:
    items = -1 if table == "lineitem" else None
    return lab.penstock(_file(lab), _contract(lab, table), items=items, label=f"{table}: one process")


def _chunked(lab: Lab) -> Run:
    file = _file(lab)
    return lab.spread(file, contracts.LINEITEM, _CHUNKED, items=lab.count(file), label="lineitem: in chunks")


def _spark(lab: Lab, table: str, cores: int, file: Path | None = None) -> Run:
    file = file or _file(lab)
    arguments = (*_SPARK, "--engine", "spark", "--cores", str(cores))
    items = lab.count(file) if table == "lineitem" else None
    label = f"{table}: Spark, {cores} cores"
    run = lab.spread(file, _contract(lab, table), arguments, items=items, label=label)
    # A start takes long, and is the same on one core.
    return run if cores == _CORES else replace(run, starting=lambda: _spark(lab, table, _CORES).start)


def _against(lab: Lab, table: str) -> Figure:
    function, spark = _function(lab, table), _spark(lab, table, 2)
    note = (
        f"{spark.net_rate:,.0f} against {function.net_rate:,.0f} rows per CPU-second without the start; "
        f"Spark's start {spark.start:.1f} CPU-seconds"
    )
    return Figure(f"{spark.net_rate / function.net_rate:.2f} ×", None, note)


def _small(lab: Lab) -> Figure:
    """Load many small files in one process, and one: the difference is what each takes once a function is warm."""
    whole = lab.data.lineitem(lab.sizes.engines)
    files = lab.data.pieces(whole, SMALL_ROWS, SMALL_FILES + 1)
    cpu = []
    for some in (files[:1], files):
        command = python("-m", "penstock", "run", str(contracts.LINEITEM), *map(str, some), "--json")
        command += ["--endpoint-url", lab.sink.url]
        before = lab.sink.counts().writes
        done = measure(command, environment=lab.sink.environment(), label=f"{len(some)} files", say=lab.say)
        arrived = lab.sink.counts().writes - before
        if arrived != SMALL_ROWS * len(some):
            raise BenchError(f"of {len(some)} small files {arrived:,} rows arrived")
        cpu.append(done.cpu)
    each = (cpu[1] - cpu[0]) / SMALL_FILES
    note = f"{SMALL_FILES} more in one process took {cpu[1] - cpu[0]:.1f} CPU-seconds; requests to S3 and the ledger are not in it"
    return Figure(f"{each * 1000:.0f} ms", None, note)


def _large(lab: Lab) -> Figure:
    """Load the whole table with both cores; every row must arrive."""
    file = lab.data.lineitem(lab.sizes.large)
    run = _spark(lab, "lineitem", 2, file)
    took = run.measured
    each = ", ".join(
        f"{name} {megabytes:,.0f} MB" for name, megabytes in sorted(took.peaks.items()) if megabytes >= 10
    )
    note = (
        f"{file.stat().st_size / 1e6:,.0f} MB: {took.cpu:,.0f} CPU-seconds, {took.wall:,.0f} s of wall time, "
        f"{run.rate:,.0f} rows per CPU-second; peak of all processes {took.peak:,.0f} MB ({each})"
    )
    return Figure(f"{run.rows:,} rows", None, note)


def _prices(lab: Lab, table: str) -> dict[str, prices.Price]:
    """Give what an object costs by its rows, of each way that was measured."""
    row_bytes = _file(lab).stat().st_size / lab.count(_file(lab))
    function, spark = _function(lab, table), _spark(lab, table, 2)
    found = {"function": prices.function_price(prices.Path(function.net_rate, function.start))}
    if table == "lineitem":
        chunked = _chunked(lab)
        found["chunks"] = prices.chunked_price(prices.Path(chunked.net_rate, chunked.start), row_bytes)
    job = prices.Path(spark.net_rate, spark.start)
    return {**found, "glue": prices.glue_price(job, WORKERS), "least glue": prices.glue_price(job, 2)}


def _crossing(lab: Lab, table: str) -> Figure:
    row_bytes = _file(lab).stat().st_size / lab.count(_file(lab))
    found = _prices(lab, table)
    way = "chunks" if table == "lineitem" else "function"
    rows = prices.find_crossing(found[way], found["glue"])
    million = {name: price(1e8) / 100 for name, price in found.items()}
    note = (
        f"a million rows, of an object of 100 million: ${million['glue']:.5f} on Glue with {WORKERS} workers, ${million[way]:.5f} "
        f"in Lambda; an object of a million: ${found['glue'](1e6):.4f} and ${found[way](1e6):.5f}"
    )
    if rows is None:
        return Figure("never", None, note)
    return Figure(f"from {rows / 1e6:,.1f} million rows, {rows * row_bytes / 1e9:,.1f} GB", None, note)


_RUNS: Final[dict[str, tuple[str, Measure]]] = {
    "row by row, in one process (the function)": ("lineitem", lambda lab: _function(lab, "lineitem")),
    "row by row, in chunks of 64 MB (the state machine's steps)": ("lineitem", _chunked),
    "row by row, Spark with 1 core": ("lineitem", lambda lab: _spark(lab, "lineitem", 1)),
    "row by row, Spark with 2 cores": ("lineitem", lambda lab: _spark(lab, "lineitem", 2)),
    "query of few groups, in one process": ("shipments", lambda lab: _function(lab, "shipments")),
    "the same, Spark with 1 core": ("shipments", lambda lab: _spark(lab, "shipments", 1)),
    "the same, Spark with 2 cores": ("shipments", lambda lab: _spark(lab, "shipments", 2)),
}
_HEAD: Final = (
    *("what", "rows", "CPU s", "start", "peak MB", "rows per CPU-second", "without the start"),
    "of one process",
)


def detail(lab: Lab) -> Detail:
    """Give the figures of each way, and what it does of a CPU-second of one process."""
    rows = []
    for name, (table, get) in _RUNS.items():
        try:
            rows.append([name, *_cells(get(lab), _function(lab, table))])
        except BenchError as error:
            rows.append([name, *["-"] * (len(_HEAD) - 2), str(error)])
    return Detail(
        "What distributing costs",
        _HEAD,
        rows,
        "lineitem into the sink, by its contract and by a query over it. CPU and memory are of all processes together: Spark's "
        "Java, its Python workers, and the program; pages that several share count for each. The start is the same over a file of "
        "one row, for Spark on 2 cores. The steps in chunks read a file twice, as the state machine's do, and so do Spark's tasks, which are the same steps.",
    )


def _cells(run: Run, function: Run) -> list[str]:
    took = run.measured
    # Not the wall time: what is compared is work, which other work on the same machine leaves as it is.
    times = [f"{took.cpu:.1f}", f"{run.start:.1f}"]
    rates = [f"{run.rate:,.0f}", f"{run.net_rate:,.0f}", f"{run.net_rate / function.net_rate:.0%}"]
    return [f"{run.rows:,}", *times, f"{took.peak:,.0f}", *rates]


_COST: Final = "Glue's price no more than Lambda's"

ROWS: Final = (
    Row(
        "spark",
        "engines",
        "rows per CPU-second on Spark with 2 cores, against one process",
        "",
        lambda lab: _against(lab, "lineitem"),
    ),
    Row(
        "spark-query",
        "engines",
        "the same, a query of few groups",
        "",
        lambda lab: _against(lab, "shipments"),
    ),
    Row("glue", "engines", f"{_COST}, row by row", "", lambda lab: _crossing(lab, "lineitem")),
    Row(
        "glue-query",
        "engines",
        f"{_COST}, a query of few groups",
        "",
        lambda lab: _crossing(lab, "shipments"),
    ),
    Row(
        "files",
        "engines",
        f"CPU of a file of {SMALL_ROWS:,} rows more, in a process that is warm",
        "",
        _small,
    ),
    Row("spark-large", "spark-large", "lineitem at scale 1 on Spark with 2 cores", "", _large),
)
