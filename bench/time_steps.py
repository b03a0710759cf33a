"""Time the steps of a load, each by itself over the same batches, on one thread. Arguments: FILE ENDPOINT.

Prints the CPU seconds of each step. A statement that does a step also does those before it, since the database reads,
checks and encodes in one go: so each step is timed with those before it, and they are taken off.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.contracts import LINEITEM
from penstock.aws.connect import Connections
from penstock.aws.table.batches import Frame
from penstock.aws.table.send import Sender
from penstock.aws.table.sign import Endpoint, Keys, Signer
from penstock.aws.table.write import LANES, TableWriter
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.engine import statements
from penstock.engine.assemble import RecordBatch
from penstock.engine.decide import Decision
from penstock.engine.judge import Judge
from penstock.engine.result import WriteBatch
from penstock.engine.ways import Ways
from penstock.load.chunk import ChunkReader, begin_object, never
from penstock.load.files import FileSource
from penstock.load.judges import MEMORY_MB, open_judges
from penstock.plan.model import Plan


def time_steps(file: Path, endpoint: str) -> dict[str, float]:
    """Give the CPU seconds of each step over a file of lineitem."""
    plan = compile_contract(read_contract(LINEITEM))
    source = FileSource(file)
    begun = begin_object(plan, source)
    sender = Sender(Connections("us-east-1", endpoint), LANES)
    clock = Clock()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_judges(plan, source, begun.binding, Path(folder), MEMORY_MB) as judges,
        TableWriter(sender, plan.table) as writer,
    ):
        place = Path(folder) / "layers"
        place.mkdir()
        ways = Ways(judges.database.cursor(), plan, begun.binding, place / "batch.csv")
        batches = ChunkReader(plan, source, begun.binding, begun.whole).leg(never)
        while (batch := clock.time("records", next, batches, None)) is not None:
            _time_batch(clock, plan, batch, ways, judges.judges[0], writer)
    sender.close()
    return _part(clock.seconds)


def _time_batch(
    clock: Clock, plan: Plan, batch: RecordBatch, ways: Ways, judge: Judge, writer: TableWriter
) -> None:
    clock.time("read", ways.read, batch)
    for step, sql in (("parse", _parse), ("check", _check), ("encode", _encode)):
        clock.time(step, lambda statement: ways.execute(statement).fetchall(), sql)
    resolved = clock.time("pack", judge.resolve, batch, Decision(losers=False, repeated=False, refused=None))
    clock.time("sign", _sign, plan, resolved.batches)
    clock.time("send", writer.write, resolved.batches)


def _sign(plan: Plan, batches: Sequence[WriteBatch]) -> None:
    frame = Frame(plan.table.name)
    signer = Signer(Endpoint("127.0.0.1", "us-east-1"), "BatchWriteItem", lambda: Keys("0", "local", None))
    for batch in batches:
        signer.head(frame.body(batch))


def _part(took: dict[str, float]) -> dict[str, float]:
    """Take from each step what it did of those before it."""
    return {
        "records": took["records"],
        "parse": took["read"] + took["parse"],
        "check": took["check"] - took["parse"],
        "encode": took["encode"] - took["check"],
        "pack": took["pack"] - took["encode"] - took["read"],
        "sign": took["sign"],
        "send": took["send"] - took["sign"],
    }


class Clock:
    """Adds up the CPU seconds of this process by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, step: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do some work, and count its time as that of the step."""
        started = time.process_time()
        try:
            return work(*arguments)
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.process_time() - started


def _parse(plan: Plan) -> str:
    """Have every cell read, and little done with it."""
    longest = ", ".join(f"max(strlen(f{i}))" for i in range(len(plan.fields)))
    return f"SELECT count(*) FILTER (blank), {longest} FROM records"


def _check(plan: Plan) -> str:
    """Have every row judged; no request is made of it, since none is asked for."""
    return f"SELECT count(filtered) FROM ({statements.short_requests(plan)}) AS made(filtered, request)"


def _encode(plan: Plan) -> str:
    """Have every request made, and measured, since otherwise it would not be."""
    return f"SELECT count(filtered), sum(octet_length(request)) FROM ({statements.short_requests(plan)}) AS made(filtered, request)"


if __name__ == "__main__":
    print(json.dumps(time_steps(Path(sys.argv[1]), sys.argv[2])))
