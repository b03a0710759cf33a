"""How it grows: with the file, with the cores, with the workers, with the quotes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench import contracts
from bench.figures import Figure, Row
from bench.lab import Lab, Run, two_cpus
from bench.measure import BenchError, measure, python
from bench.sink import start_sink

MEMORY_LIMIT: Final = 300.0
"""MB that a run may use."""


def _beginning(lab: Lab, megabytes: int) -> Path:
    return lab.data.beginning(megabytes, max(*lab.sizes.linear, *lab.sizes.memory))


def _load(lab: Lab, megabytes: int) -> Run:
    return lab.penstock(_beginning(lab, megabytes), label=f"penstock run, {megabytes:,} MB")


def _linear(lab: Lab) -> Figure:
    runs = [_load(lab, megabytes) for megabytes in lab.sizes.linear]
    rates = [run.net_rate for run in runs]
    spread = max(rates) / min(rates) - 1
    shown = ", ".join(
        f"{megabytes:,} MB {rate:,.0f}" for megabytes, rate in zip(lab.sizes.linear, rates, strict=True)
    )
    note = f"rows per CPU-second without the start: {shown}"
    return Figure(f"within {spread:.0%}", spread <= 0.10, note)


def _memory(lab: Lab) -> Figure:
    peaks = [_load(lab, megabytes).measured.peak for megabytes in lab.sizes.memory]
    apart = max(peaks) / min(peaks) - 1
    reached = max(peaks) < MEMORY_LIMIT and apart <= 0.10
    return Figure(" and ".join(f"{peak:.0f} MB" for peak in peaks), reached, f"{apart:.0%} apart")


def _soak(lab: Lab) -> Figure:
    largest = max(lab.sizes.memory)
    run = _load(lab, largest)
    lab.pictures["memory"] = run.measured.memory
    took = run.measured
    late = [megabytes for seconds, megabytes in took.memory if seconds > took.wall / 2]
    early = [megabytes for seconds, megabytes in took.memory if took.wall / 10 < seconds <= took.wall / 2]
    note = (
        f"{largest:,} MB in {took.wall:.0f} s, every row arrived; peak {took.peak:.0f} MB, "
        f"{max(late, default=0.0) - max(early, default=0.0):+.0f} MB from the first half to the second"
    )
    return Figure(f"{run.rows:,} rows", run.rows >= 10_000_000 and took.peak < MEMORY_LIMIT, note)


def _cores(lab: Lab) -> Figure:
    """Loader and sink share one processor, then two: the sink's work is a table's, but it is done here."""
    one, two = two_cpus()
    file = _beginning(lab, lab.sizes.cores)
    walls = []
    for cpus in (one, two):
        lab.sink.bind(cpus)
        try:
            run = lab.penstock(file, cpus=cpus, label=f"penstock run on {len(cpus)} of the cores")
        finally:
            lab.sink.bind(lab.cpus)
        walls.append(run.measured.wall)
    ratio = walls[1] / walls[0]
    return Figure(
        f"{ratio:.2f} ×",
        ratio <= 0.6,
        f"{walls[1]:.1f} s against {walls[0]:.1f} s; the sink shares the cores",
    )


def _workers(lab: Lab) -> Figure:
    """Each worker loads its chunk of one file, on a core of its own with a sink of its own: only the machine is shared."""
    _, both = two_cpus()
    file = _beginning(lab, lab.sizes.cores)
    [alone] = _work(lab, file, both[:1])
    together = _work(lab, file, both)
    times = sum(together) / alone
    rates = " + ".join(f"{rate:,.0f}" for rate in together)
    note = f"{rates} against {alone:,.0f} rows a second, each worker with its sink on a core of its own"
    return Figure(f"{times:.2f} × by {len(together)}", times >= 0.9 * len(together), note)


def _work(lab: Lab, file: Path, cpus: Sequence[int]) -> list[float]:
    """Have each core load a chunk of the file, all at once; give the rows a second of each."""

    def load(index: int, cpu: int) -> float:
        with start_sink(contracts.KEYS, lab.folder / f"sink-{cpu}") as sink:
            sink.bind([cpu])
            place = (str(file), sink.url, str(index), str(lab.sizes.cores // 2))
            command = python("-m", "bench.map_worker", *place)
            label = f"map worker on core {cpu}"
            done = measure(command, environment=sink.environment(), label=label, say=lab.say, cpus=[cpu])
            rows, seconds = done.output.split()
            if sink.counts().writes != int(rows):
                raise BenchError(f"{label} loaded {rows} rows, and {sink.counts().writes} arrived")
            return int(rows) / float(seconds)

    lab.say(f"  {len(cpus)} at once")
    with ThreadPoolExecutor(len(cpus)) as pool:
        return list(pool.map(load, range(len(cpus)), cpus))


def _quoted(lab: Lab) -> Figure:
    file = lab.data.lineitem(lab.sizes.scale)
    plain = lab.penstock(lab.data.quoted(file, every=False), label="penstock run, no field quoted")
    quoted = lab.penstock(lab.data.quoted(file, every=True), label="penstock run, every field quoted")
    ratio = quoted.measured.cpu / plain.measured.cpu
    net = (quoted.measured.cpu - quoted.start) / (plain.measured.cpu - plain.start)
    note = f"{quoted.measured.cpu:.2f} against {plain.measured.cpu:.2f} CPU-seconds; {net:.2f} × without the start"
    return Figure(f"{ratio:.2f} ×", ratio <= 1.6, note)


ROWS: Final = (
    Row("cores", "cores", "wall time with 2 cores against 1", "at most 0.6 ×", _cores),
    Row(
        "memory",
        "scale",
        "peak memory at 0.8 GB and at 4 GB of input, same settings",
        "both under 300 MB, within 10 %",
        _memory,
    ),
    Row(
        "quoted",
        "quoted",
        "every field quoted, against the same file with none",
        "at most 1.6 × the CPU",
        _quoted,
    ),
    Row("linear", "scale", "rows per CPU-second at 100 MB, 1 GB and 4 GB", "within 10 %", _linear),
    Row(
        "soak",
        "scale",
        "a soak: one run, its memory plotted below",
        "at least 10,000,000 rows, under 300 MB",
        _soak,
    ),
    Row("workers", "workers", "work of N map workers against one", "N times", _workers),
)
