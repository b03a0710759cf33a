"""A map worker: cut a file into chunks, and load one of them, as the state machine's workers do.

Arguments: FILE ENDPOINT INDEX MEGABYTES. Prints the rows that it loaded and the seconds that the loading took.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.contracts import LINEITEM
from penstock.aws.connect import Connections
from penstock.aws.table.send import Sender
from penstock.aws.table.write import LANES, TableWriter
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.engine.decide import Decision
from penstock.engine.result import Reject
from penstock.load.cut import cut_object
from penstock.load.files import FileSource
from penstock.load.load import Named, load_chunk


class _NoRejects:
    """The file has none, so none need be kept."""

    def write(self, rejects: Sequence[Reject]) -> None:
        if rejects:
            raise SystemExit("a good row was rejected")


def main() -> None:
    """Load the chunk; nothing was decided against any of its rows."""
    file, endpoint, index, megabytes = sys.argv[1:]
    plan = compile_contract(read_contract(LINEITEM))
    source = FileSource(Path(file))
    cut = cut_object(plan, source, chunk_bytes=int(megabytes) * 1_000_000)
    sender = Sender(Connections("us-east-1", endpoint), LANES)
    decision = Decision(losers=False, repeated=False, refused=None)
    with tempfile.TemporaryDirectory() as scratch, TableWriter(sender, plan.table) as items:
        started = time.monotonic()
        loaded = load_chunk(
            plan,
            source,
            cut.binding,
            cut.chunks[int(index)],
            decision,
            Named(),
            items,
            _NoRejects(),
            Path(scratch),
        )
        print(loaded.outcome.loaded, time.monotonic() - started)
    sender.close()


main()
