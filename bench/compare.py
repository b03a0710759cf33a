"""Against what people use today: the same file, the same types, the same sink."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import contracts
from bench.figures import Detail, Figure, Row
from bench.lab import Lab, Run
from bench.measure import BenchError, measure, python

_BATCH: Final = 25


def _file(lab: Lab) -> Path:
    return lab.data.lineitem(lab.sizes.scale)


def _part(lab: Lab) -> Path:
    return lab.data.head(_file(lab), lab.sizes.slow_rows)


def _whole(lab: Lab) -> Run:
    return lab.penstock(_file(lab), label="penstock run, one pass")


def _strict(lab: Lab) -> Run:
    file = _file(lab)
    repeated = lab.data.repeated(file, 0.01)
    return lab.penstock(
        repeated,
        contracts.with_limit(lab.folder / "contracts"),
        items=lab.count(file),
        label="penstock run, reject limit and repeated keys",
    )


def _competing(lab: Lab) -> Run:
    contract = contracts.competing(lab.folder / "contracts")
    return lab.penstock(_file(lab), contract, label="penstock run, newest_by")


def _against_batches(lab: Lab) -> Figure:
    """Compare a conditional put for each row with batches of 25, over the same file."""
    alone, batched = _competing(lab), _whole(lab)
    ratio = batched.net_rate / alone.net_rate
    each = [(run.measured.cpu - run.start) / run.rows * 1e6 for run in (alone, batched)]
    return Figure(
        f"{ratio:.1f} ×", None, f"{each[0]:.0f} against {each[1]:.1f} µs of CPU a row, without the start"
    )


def _checked(lab: Lab) -> Run:
    return lab.penstock(_file(lab), command="check", label="penstock check")


def _loader(lab: Lab, name: str) -> Run:
    return lab.contender(name, _part(lab), "lineitem")


def _validator(lab: Lab, name: str) -> Run:
    file = _part(lab) if name == "frictionless" else _file(lab)
    return lab.contender(name, file, str(contracts.LINEITEM))


def _times(ours: Run, theirs: Run, goal: float) -> Figure:
    """Compare the rates of programs that run; what they take to start is told beside it."""
    ratio = ours.net_rate / theirs.net_rate
    note = (
        f"{ours.net_rate:,.0f} against {theirs.net_rate:,.0f} rows per CPU-second; "
        f"{ours.rate / theirs.rate:.1f} × with the start of both"
    )
    return Figure(f"{ratio:.1f} ×", ratio >= goal, note)


def _against_floor(lab: Lab) -> Figure:
    ours, floor = _whole(lab), _floor(lab)
    ratio = (ours.measured.cpu - ours.start) / floor
    note = (
        f"{ours.measured.cpu - ours.start:.2f} against {floor:.2f} CPU-seconds, both without the start; "
        f"{ours.measured.cpu / floor:.2f} × with it"
    )
    return Figure(f"{ratio:.2f} ×", ratio <= 3.0, note)


def _floor(lab: Lab) -> float:
    """Give the CPU seconds of sending the file's requests, packed before; the least of three."""
    bodies = _pack(lab, _file(lab))
    command = python("-m", "bench.contenders.floor", str(bodies), lab.sink.url)
    seconds = []
    for _ in range(3):
        before = lab.sink.counts().writes
        done = measure(command, environment=lab.sink.environment(), label="floor", say=lab.say)
        arrived = lab.sink.counts().writes - before
        if arrived != lab.count(_file(lab)):
            raise BenchError(f"the floor sent {arrived:,} items, and {lab.count(_file(lab)):,} were due")
        seconds.append(float(done.output))
    lab.say(f"  floor: {min(seconds):.2f} CPU-s")
    return min(seconds)


def _pack(lab: Lab, file: Path) -> Path:
    """Give the bodies of all requests of a file, one a line, from the items that ``penstock run --output`` writes."""
    path = file.with_suffix(".bodies")
    if path.exists():
        return path
    output = lab.folder / "items"
    command = python("-m", "penstock", "run", str(contracts.LINEITEM), str(file), "--output", str(output))
    measure(command, environment=lab.sink.environment(), label="penstock run --output", say=lab.say)
    items = output / file.name / "items.jsonl"
    table = json.dumps("lineitem")
    with items.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as target:
        batch: list[str] = []
        for line in lines:
            batch.append(f'{{"PutRequest":{line.rstrip()}}}')
            if len(batch) == _BATCH:
                target.write(_body(table, batch))
                batch = []
        if batch:
            target.write(_body(table, batch))
    items.unlink()
    return path


def _body(table: str, batch: list[str]) -> str:
    return f'{{"RequestItems":{{{table}:[{",".join(batch)}]}},"ReturnConsumedCapacity":"TOTAL"}}\n'


def _real(lab: Lab) -> Figure:
    """A real file: quotes, gaps, mistakes, patterns, a computed field."""
    once, often = lab.data.runways(1), lab.data.runways(lab.sizes.runways)
    contract = contracts.without_limit(lab.folder / "contracts")
    ours = lab.penstock(often, contract, items=None, label="penstock run, runways")
    theirs = lab.contender("pandas", once, "runways")
    ratio = ours.net_rate / theirs.net_rate
    checked = lab.penstock(often, contract, command="check", label="penstock check, runways")
    frictionless = lab.contender("frictionless", once, str(contract))
    note = (
        f"{ours.net_rate:,.0f} against {theirs.net_rate:,.0f} rows per CPU-second; `check` against frictionless: "
        f"{checked.net_rate / frictionless.net_rate:.1f} ×"
    )
    return Figure(f"{ratio:.1f} ×", None, note)


_RUNS: Final[dict[str, Callable[[Lab], Run]]] = {
    "Penstock, one pass": _whole,
    "Penstock, reject limit and repeated keys": _strict,
    "Penstock, `newest_by`": _competing,
    "pandas + boto3 `batch_writer`": lambda lab: _loader(lab, "pandas"),
    "csv + boto3 `batch_writer`": lambda lab: _loader(lab, "csv"),
    "awswrangler `put_df`": lambda lab: _loader(lab, "awswrangler"),
    "Penstock `check`": _checked,
    "frictionless `validate`": lambda lab: _validator(lab, "frictionless"),
    "pandera `validate`": lambda lab: _validator(lab, "pandera"),
}
_HEAD: Final = (
    "what",
    "rows",
    "CPU s",
    "start",
    "wall s",
    "peak MB",
    "rows per CPU-second",
    "without the start",
)


def detail(lab: Lab) -> Detail:
    """Give everybody's figures, of the runs that were made."""
    rows = []
    for name, get in _RUNS.items():
        try:
            rows.append([name, *_cells(get(lab))])
        except BenchError as error:
            rows.append([name, *["-"] * (len(_HEAD) - 2), str(error)])
    return Detail(
        "Contenders",
        _HEAD,
        rows,
        "The start is the CPU time, in seconds, of the same program over a file of one row. A contender that would take "
        "minutes gets the first rows of the same file. Short runs are done three times, and the least CPU time counts.",
    )


def _cells(run: Run) -> list[str]:
    took = run.measured
    times = [f"{took.cpu:.1f}", f"{run.start:.1f}", f"{took.wall:.1f}"]
    return [f"{run.rows:,}", *times, f"{took.peak:.0f}", f"{run.rate:,.0f}", f"{run.net_rate:,.0f}"]


ROWS: Final = (
    Row(
        "pandas",
        "compare",
        "rows per CPU-second, whole way, against pandas + boto3",
        "at least 50 ×",
        lambda lab: _times(_whole(lab), _loader(lab, "pandas"), 50),
    ),
    Row(
        "strict",
        "compare",
        "the same, with a reject limit and repeated keys",
        "at least 40 ×",
        lambda lab: _times(_strict(lab), _loader(lab, "pandas"), 40),
    ),
    Row(
        "awswrangler",
        "compare",
        "against awswrangler",
        "at least 40 ×",
        lambda lab: _times(_whole(lab), _loader(lab, "awswrangler"), 40),
    ),
    Row(
        "newest",
        "compare",
        "CPU of `newest_by`, a conditional put a row, against batches",
        "",
        _against_batches,
    ),
    Row("floor", "compare", "CPU of the whole way against the floor", "at most 3 ×", _against_floor),
    Row(
        "frictionless",
        "compare",
        "`check` (no writing) against frictionless",
        "at least 20 ×",
        lambda lab: _times(_checked(lab), _validator(lab, "frictionless"), 20),
    ),
    Row("runways", "compare", "a real file (the world's runways), against pandas + boto3", "", _real),
)
