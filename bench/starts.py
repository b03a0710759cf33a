"""The function's start: what importing its handler takes, and how large its package is."""

from __future__ import annotations

from typing import Final

from bench.figures import Figure, Row
from bench.lab import Lab
from bench.measure import measure, python

_TIMED: Final = "import time; started = time.perf_counter(); import {}; print(time.perf_counter() - started)"


def _cold_start(lab: Lab) -> Figure:
    """Import in fresh interpreters, in turn; the least time of each counts, and the first ones fill the caches."""
    handler, others = "penstock.aws.handler", "boto3, duckdb"
    least = {
        names: min(times)
        for names, times in zip(
            (handler, others), zip(*_turns(lab, handler, others), strict=True), strict=True
        )
    }
    ratio = least[handler] / least[others]
    note = (
        f"{least[handler] * 1000:.0f} ms against {least[others] * 1000:.0f} ms, least of {lab.sizes.starts}"
    )
    return Figure(f"{ratio:.2f} ×", ratio <= 1.3, note)


def _turns(lab: Lab, *modules: str) -> list[list[float]]:
    lab.say(f"  {lab.sizes.starts} starts of each")
    return [[_import(lab, names) for names in modules] for _ in range(lab.sizes.starts)]


def _import(lab: Lab, modules: str) -> float:
    command = python("-c", _TIMED.format(modules))
    environment = lab.sink.environment()
    return float(measure(command, environment=environment, label=f"import {modules}", say=lab.say).output)


def _package(lab: Lab) -> Figure:
    command = python("-m", "bench.package", str(lab.folder / "package"))
    built = measure(command, environment={}, label="building the package", say=lab.say)
    zipped, unzipped, version, processor = built.output.split()
    megabytes = int(zipped) / 1e6, int(unzipped) / 1e6
    return Figure(
        f"{megabytes[0]:.1f} MB and {megabytes[1]:.1f} MB",
        megabytes[0] <= 40 and megabytes[1] <= 130,
        f"Python {version}, {processor}; MB are 10⁶ bytes",
    )


ROWS: Final = (
    Row(
        "cold-start",
        "cold",
        "cold start: importing the handler, against importing boto3 and duckdb",
        "at most 1.3 ×",
        _cold_start,
    ),
    Row(
        "package",
        "package",
        "the function's package, zipped and unzipped",
        "at most 40 MB and 130 MB",
        _package,
    ),
)
