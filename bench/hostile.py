"""Memory where files are at their worst: each of them under 300 MB."""

from __future__ import annotations

import shutil
from typing import Final

from bench import contracts
from bench.figures import Figure, Row
from bench.lab import Lab, Run
from bench.measure import BenchError
from bench.scaling import MEMORY_LIMIT


def _figure(run: Run, note: str) -> Figure:
    peak = run.measured.peak
    return Figure(f"{peak:.0f} MB", peak < MEMORY_LIMIT, f"{note}, in {run.measured.wall:.0f} s")


def _rejected(lab: Lab) -> Figure:
    file = lab.data.beginning(lab.sizes.hostile, max(*lab.sizes.linear, *lab.sizes.memory))
    kept = lab.folder / "rejects"
    try:
        run = lab.penstock(
            file,
            contracts.rejecting(lab.folder / "contracts"),
            items=0,
            options=("--rejects", str(kept)),
            accept=(0, 1),
            label="penstock run, every row rejected",
        )
        size = (kept / file.name / "rejects.jsonl").stat().st_size
        if size < file.stat().st_size:
            raise BenchError(f"the rejects have {size:,} bytes, which can't be all")
    finally:
        shutil.rmtree(kept, ignore_errors=True)
    return _figure(run, f"{run.rows:,} rejects kept, of {lab.sizes.hostile:,} MB")


def _long_line(lab: Lab) -> Figure:
    file = lab.data.long_line(lab.sizes.long_line, lab.data.lineitem(lab.sizes.scale))
    try:
        run = lab.penstock(file, rows=21, items=20, label="penstock run, one long line")
    finally:
        lab.data.remove(file)
    return _figure(run, f"the line is rejected, the {run.rows - 1} rows around it loaded")


def _columns(lab: Lab) -> Figure:
    columns, rows = lab.sizes.columns, lab.sizes.wide_rows
    file = lab.data.wide(columns, rows)
    contract = contracts.wide(lab.folder / "contracts", columns)
    run = lab.penstock(file, contract, label=f"penstock run, {columns:,} columns")
    return _figure(run, f"{rows:,} rows of {columns:,} columns, {file.stat().st_size / 1e6:.0f} MB")


def _repeated(lab: Lab) -> Figure:
    half = lab.data.beginning(lab.sizes.hostile // 2, max(*lab.sizes.linear, *lab.sizes.memory))
    file = lab.data.repeated(half, 1.0)
    try:
        run = lab.penstock(file, items=lab.count(half), label="penstock run, every key repeated")
    finally:
        lab.data.remove(file)
    return _figure(run, f"{run.rows:,} rows of {lab.count(half):,} keys")


_GOAL: Final = "under 300 MB"

ROWS: Final = (
    Row("rejected", "hostile", "peak memory with every row rejected", _GOAL, _rejected),
    Row("long-line", "hostile", "peak memory with a single line of 1 GB", _GOAL, _long_line),
    Row("columns", "hostile", "peak memory with 5,000 columns", _GOAL, _columns),
    Row("repeated", "hostile", "peak memory with every key repeated", _GOAL, _repeated),
)
