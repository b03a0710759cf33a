"""The chunked path by itself: the steps that the state machine calls, one after the other in one process, without Spark.

Arguments: CONTRACT FILE ENDPOINT. Prints the report as ``penstock run --json`` does.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from penstock.aws.connect import Connections
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.load.files import FileSource
from penstock.load.steps.add_up import add_up
from penstock.load.steps.local import LocalFolder
from penstock.load.steps.step import StepName
from penstock.spark.desk import DeskRun
from penstock.spark.distribute import until_finished

CHUNK_BYTES: Final = 64 << 20
"""The default of ``large_objects.chunk``."""
_PARTITIONS: Final = 1


def main() -> None:
    """Cut the file, survey and load each of its chunks."""
    contract, file, endpoint = sys.argv[1:]
    plan = compile_contract(read_contract(Path(contract)))
    table = Connections("us-east-1", endpoint)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run = DeskRun(plan, FileSource(Path(file)), folder, CHUNK_BYTES, _PARTITIONS, 1, table)
        until_finished(run, "cut", None)
        for step, count in _passes(len(run.open_place().read_cut().chunks)):
            for number in range(count):
                until_finished(run, step, number)
            if step == "decide":
                until_finished(run, step, None)
        report = add_up(run.kept_plan, run.source.key, LocalFolder(folder)).report
    print(json.dumps([report.to_dict()]))


def _passes(chunks: int) -> list[tuple[StepName, int]]:
    return [("survey", chunks), ("decide", _PARTITIONS), ("load", chunks)]


main()
