"""What versions of one file write, whole and as a mirror, in items and in dollars: ``python -m bench.daily FILE...``.

The files are loaded one after the other as versions of one object, by the runways' contract unless ``--contract`` names
another. A write unit is 1 KB of an item or a part of it; what an index takes comes to it, where the write changes what the
index holds, and is the same either way. Nothing is sent: the writes are counted.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bench import contracts
from bench.contracts import RUNWAYS_CONTRACT
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.engine.manifest import Base
from penstock.engine.result import PUT, SEPARATOR, Reject, WriteBatch
from penstock.engine.size import item_size
from penstock.load.files import FileSource
from penstock.load.protocols import Written, all_written
from penstock.load.report import Report
from penstock.load.run import Upkeep, run_object
from penstock.plan.model import Plan

DOLLARS_A_UNIT: Final = 0.625 / 1_000_000
"""On demand, in us-east-1 (https://aws.amazon.com/dynamodb/pricing/on-demand/)."""


@dataclass
class Counter:
    """An item writer that counts, and a reject writer that drops. A delete takes a unit for each KB of what it deletes; it
    is taken for one.
    """

    units: int = 0

    def write(self, batches: Sequence[WriteBatch]) -> Written:
        for batch in batches:
            for request in batch.requests.split(SEPARATOR):
                size = item_size(request[len(PUT) : -2]) if request.startswith(PUT) else 1
                self.units += -(-size // 1024)
        return all_written(batches)


class _NoRejects:
    def write(self, rejects: Sequence[Reject]) -> None:
        del rejects


@dataclass
class Shelf:
    """Where the manifest of the version before lies, in a folder."""

    folder: Path
    base: Base = field(default_factory=Base)

    def upkeep(self, scratch: Path) -> Upkeep:
        """Give what a run takes, with the files of the manifest in its folder."""
        for name in self.base.files:
            shutil.copyfile(self.folder / name, scratch / name)

        def publish(name: str) -> None:
            shutil.copyfile(scratch / name, self.folder / "base.parquet")
            self.base = Base(("base.parquet",), whole=False)

        def complete(doubtful: tuple[int, ...] | None) -> None:
            self.base = replace(self.base, whole=doubtful is not None, doubtful=doubtful or ())

        return Upkeep(replace(self.base), publish, complete)


@dataclass(frozen=True, slots=True)
class Version:
    """What a version wrote, and the seconds of the processor that it took."""

    name: str
    report: Report
    units: int
    seconds: float


def load_versions(plan: Plan, files: Sequence[Path]) -> list[Version]:
    """Load files as versions of one object, and give what each wrote."""
    found = []
    with tempfile.TemporaryDirectory() as kept:
        shelf = Shelf(Path(kept))
        for file in files:
            with tempfile.TemporaryDirectory() as scratch:
                counter, began = Counter(), time.process_time()
                upkeep = shelf.upkeep(Path(scratch)) if plan.manifest is not None else None
                report = run_object(
                    plan, FileSource(file), counter, _NoRejects(), Path(scratch), upkeep=upkeep
                )
            assert isinstance(report, Report)
            assert report.status == "done", report.reason
            found.append(Version(file.name, report, counter.units, time.process_time() - began))
    return found


def main() -> None:
    """Print a line for each file, and the sum of those after the first."""
    options = argparse.ArgumentParser(
        description="Count what versions of one file write, whole and as a mirror."
    )
    options.add_argument("--contract", type=Path, default=RUNWAYS_CONTRACT)
    options.add_argument("files", type=Path, nargs="+")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mirrored = contracts.mirrored(Path(folder), asked.contract)
        plans = [compile_contract(read_contract(contract)) for contract in (asked.contract, mirrored)]
    _print(*(load_versions(plan, asked.files) for plan in plans))


def _print(whole: list[Version], mirrored: list[Version]) -> None:
    print(
        f"{'version':28} {'whole':>8} {'$':>10} {'cpu s':>6}   {'put':>7} {'deleted':>7} {'unchanged':>9} {'$':>10} {'cpu s':>6}"
    )
    for one, other in zip(whole, mirrored, strict=True):
        items = other.report.items
        print(
            f"{one.name:28} {one.report.items.put:8,} {one.units * DOLLARS_A_UNIT:10.6f} {one.seconds:6.1f}   "
            f"{items.put:7,} {items.deleted:7,} {items.unchanged:9,} {other.units * DOLLARS_A_UNIT:10.6f} {other.seconds:6.1f}"
        )
    later = [sum(v.units for v in way[1:]) for way in (whole, mirrored)]
    print(
        f"after the first: {later[0]:,} write units and ${later[0] * DOLLARS_A_UNIT:.6f}, "
        f"against {later[1]:,} and ${later[1] * DOLLARS_A_UNIT:.6f}"
    )
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB of memory")


if __name__ == "__main__":
    main()
