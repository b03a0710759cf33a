"""The laboratory: the files, the sink, and what was measured so far, so that two rows of the table share a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bench import contracts
from bench.data import Data, count_rows
from bench.measure import BenchError, Measured, Say, measure, python
from bench.sink import Endpoint

CONTENDERS: Final = {
    "pandas": "bench.contenders.pandas_boto3",
    "csv": "bench.contenders.csv_boto3",
    "awswrangler": "bench.contenders.wrangler",
    "frictionless": "bench.contenders.frictionless_check",
    "pandera": "bench.contenders.pandera_check",
}


SHORT_SECONDS: Final = 15.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured. ``slow_rows`` is what a contender gets that would take minutes for a whole file."""

    scale: float = 0.1
    slow_rows: int = 100_000
    linear: tuple[int, int, int] = (100, 1000, 4000)
    memory: tuple[int, int] = (800, 4000)
    hostile: int = 800
    long_line: int = 1000
    columns: int = 5000
    wide_rows: int = 1000
    cores: int = 400
    runways: int = 20
    starts: int = 12
    throttle: float = 60.0
    engines: float = 0.2
    large: float = 1.0


QUICK: Final = Sizes(
    scale=0.02,
    slow_rows=10_000,
    linear=(20, 60, 200),
    memory=(60, 200),
    hostile=60,
    long_line=100,
    wide_rows=50,
    cores=80,
    runways=3,
    starts=4,
    throttle=30.0,
    engines=0.02,
    large=0.05,
)


@dataclass(frozen=True)
class Run:
    """One measured run over ``rows`` rows. ``starting`` gives the CPU time of the same program over one row."""

    measured: Measured
    rows: int
    starting: Callable[[], float]

    @property
    def start(self) -> float:
        """CPU seconds that the program takes to start, which grow with nothing."""
        return self.starting()

    @property
    def rate(self) -> float:
        """Rows per CPU-second, the start included."""
        return self.rows / self.measured.cpu

    @property
    def net_rate(self) -> float:
        """Rows per CPU-second once the program has started."""
        return self.rows / max(self.measured.cpu - self.start, 1e-3)


@dataclass(frozen=True)
class Job:
    """What is to be run: a command over a file, and what must come of it.

    ``rows`` are those that it reads, ``items`` those that must arrive in the sink, None if that is not known before.
    ``find_counts`` finds in its output what it says of both, where it says so.
    """

    label: str
    command: tuple[str, ...]
    rows: int
    items: int | None = None
    find_counts: Callable[[str], tuple[int, int]] | None = None
    cpus: tuple[int, ...] = ()
    accept: tuple[int, ...] = (0,)
    family: bool = False
    """Whether what it starts outlives it, and is to be waited for and counted."""
    timeout: float = 1200.0


@dataclass
class Lab:
    """Everything that a measurement needs, and a memory of those made."""

    folder: Path
    sizes: Sizes
    sink: Endpoint
    say: Say
    data: Data
    tries: int = 3
    cpus: Sequence[int] = field(default_factory=lambda: sorted(os.sched_getaffinity(0)))
    pictures: dict[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    """What several rows are made of, by the name that they agree on."""
    _seen: dict[tuple[object, ...], Measured | BenchError] = field(default_factory=dict)
    _counted: dict[Path, int] = field(default_factory=dict)

    def count(self, file: Path) -> int:
        """Count a file's rows, once."""
        if file not in self._counted:
            self._counted[file] = count_rows(file)
        return self._counted[file]

    def penstock(  # noqa: PLR0913 -- what differs between runs, each by its name
        self,
        file: Path,
        contract: Path = contracts.LINEITEM,
        *,
        command: str = "run",
        items: int | None = -1,
        rows: int | None = None,
        options: Sequence[str] = (),
        cpus: Sequence[int] = (),
        accept: Sequence[int] = (0,),
        label: str = "penstock",
    ) -> Run:
        """Measure ``penstock run`` into the sink, or ``penstock check``, over a file.

        ``rows`` are the records it must say it has read, every row of the file unless said; ``items`` are those that
        must arrive: as many as rows unless said, None if that can't be known.
        """
        loads = command == "run"
        there = [*options, "--endpoint-url", self.sink.url] if loads else list(options)
        due = self.count(file) if rows is None else rows
        arriving = (due if items == -1 else items) if loads else 0
        find_counts = _find_loaded if loads else _find_checked

        def job(path: Path, due: int, items: int | None) -> Job:
            arguments = python("-m", "penstock", command, str(contract), str(path), "--json", *there)
            return Job(label, tuple(arguments), due, items, find_counts, tuple(cpus), tuple(accept))

        def start() -> float:
            return self._measure(job(self.data.head(file, 1), 1, None)).cpu

        return Run(self._measure(job(file, due, arriving)), due, start)

    def spread(
        self, file: Path, contract: Path, arguments: Sequence[str], *, items: int | None, label: str
    ) -> Run:
        """Measure a program that loads a file into the sink with processes that may outlive it.

        ``arguments`` are Python's, with ``{contract}``, ``{file}`` and ``{sink}`` where those belong; what it prints is what
        ``penstock run --json`` does. ``items`` must arrive, None if their number can't be known.
        """

        def job(path: Path, due: int, items: int | None) -> Job:
            told = {"contract": contract, "file": path, "sink": self.sink.url}
            command = python(*(argument.format(**told) for argument in arguments))
            return Job(label, tuple(command), due, items, _find_loaded, family=True, timeout=3600.0)

        def start() -> float:
            return self._measure(job(self.data.head(file, 1), 1, None)).cpu

        due = self.count(file)
        return Run(self._measure(job(file, due, items)), due, start)

    def contender(self, name: str, file: Path, target: str) -> Run:
        """Measure one of the others over a file: into the table ``target``, or against the contract of that path."""
        loads = name not in {"frictionless", "pandera"}

        def job(path: Path, due: int) -> Job:
            arguments = python("-m", CONTENDERS[name], str(path), target)
            return Job(name, tuple(arguments), due, due if loads else 0, None if loads else _find_printed)

        def start() -> float:
            return self._measure(job(self.data.head(file, 1), 1)).cpu

        due = self.count(file)
        return Run(self._measure(job(file, due)), due, start)

    def _measure(self, job: Job) -> Measured:
        """Measure a job, once. One that is short is done ``tries`` times, and the least CPU time and the highest peak count."""
        key = (job.command, job.cpus)
        if key not in self._seen:
            try:
                self._seen[key] = self._run_best(job)
            except BenchError as error:
                self._seen[key] = error
        found = self._seen[key]
        if isinstance(found, BenchError):
            raise found
        return found

    def _run_best(self, job: Job) -> Measured:
        self.say(f"  {job.label}: {job.rows:,} rows")
        tries = [self._run(job)]
        while len(tries) < self.tries and tries[0].cpu < SHORT_SECONDS:
            tries.append(self._run(job))
        best = min(tries, key=lambda measured: measured.cpu)
        best = replace(best, peak=max(measured.peak for measured in tries))
        self.say(
            f"  {job.label}: {best.cpu:.1f} CPU-s, {best.wall:.1f} s, {best.peak:.0f} MB, "
            f"{job.rows / best.cpu:,.0f} rows per CPU-second"
        )
        return best

    def _run(self, job: Job) -> Measured:
        before = self.sink.counts()
        environment = self.sink.environment()
        if job.family:
            environment["SPARK_CONF_DIR"] = str(Path(__file__).with_name("spark"))
        measured = measure(
            job.command,
            environment=environment,
            label=job.label,
            say=self.say,
            cpus=job.cpus,
            accept=job.accept,
            timeout=job.timeout,
            family=job.family,
        )
        after = self.sink.counts()
        arrived = after.writes - before.writes
        if job.items is not None and arrived != job.items:
            raise BenchError(f"{job.label} sent {arrived:,} items to the sink, and {job.items:,} were due")
        if job.find_counts is not None:
            read, written = job.find_counts(measured.output)
            if (read, written) != (job.rows, arrived):
                raise BenchError(
                    f"{job.label} says that it read {read:,} rows of {job.rows:,} and wrote {written:,} items, of which "
                    f"{arrived:,} arrived"
                )
        return measured


def _find_loaded(output: str) -> tuple[int, int]:
    """Find the records read and the items written in what ``penstock run --json`` prints."""
    [report] = json.loads(output)
    return report["counts"]["read"], report["items"]["put"] + report["items"]["deleted"]


def _find_checked(output: str) -> tuple[int, int]:
    """Find the records read in what ``penstock check --json`` prints."""
    return json.loads(output)["files"][0]["counts"]["read"], 0


def _find_printed(output: str) -> tuple[int, int]:
    return int(output.split(maxsplit=1)[0]), 0


def two_cpus() -> tuple[list[int], list[int]]:
    """Give one processor and two, of those that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchError("this needs two processors")
    return allowed[:1], allowed[:2]
