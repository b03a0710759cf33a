"""``python -m bench``: measure, print one table, and write it to docs/benchmarks.md."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import compare, contracts, engines, hostile, layers, page, scaling, starts, writer
from bench.data import Data
from bench.figures import Figure, Row
from bench.lab import QUICK, Lab, Sizes
from bench.measure import ROOT, BenchError
from bench.plot import draw_memory
from bench.sink import start_sink

ROWS = (*compare.ROWS, *scaling.ROWS, *hostile.ROWS, *starts.ROWS, *writer.ROWS, *engines.ROWS)
DETAILS = {
    "compare": compare.detail,
    "profile": layers.detail,
    "writer": writer.detail,
    "engines": engines.detail,
}
"""What explains a part, by the part's name."""
PARTS = tuple(dict.fromkeys([*(row.part for row in ROWS), *DETAILS]))


def main() -> int:
    """Measure what is asked for; give 1 where something could not be measured."""
    options = _read_options()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sizes = QUICK if options.quick else Sizes()
    if options.scale is not None:
        sizes = replace(sizes, scale=options.scale)
    kept = folder / ("quick.json" if options.quick else "results.json")
    wanted = set(options.only.split(",")) if options.only else set(PARTS)
    results = page.read_results(kept) if options.only else {"rows": {}, "details": {}}
    results.update(machine=page.describe_machine(), versions=page.describe_versions())
    with start_sink(contracts.KEYS, folder / "sink") as sink:
        lab = Lab(folder, sizes, sink, _say, Data(folder / "data", _say), tries=options.tries)
        whole = _measure(
            lab, [row for row in ROWS if row.part in wanted or row.name in wanted], results, kept
        )
        _explain(lab, [part for part in DETAILS if part in wanted], results)
    page.keep_results(kept, results)
    print()
    page.print_table(ROWS, results)
    if not options.quick and not options.no_page:
        _draw(lab)
        page.write_page(ROWS, results, "make bench")
    if not options.keep_data:
        for made in ("data", "items"):
            shutil.rmtree(folder / made, ignore_errors=True)
    return 0 if whole else 1


def _measure(lab: Lab, rows: Sequence[Row], results: dict[str, Any], kept: Path) -> bool:
    """Measure row by row, and keep each; what can't be measured says why in its place, and costs no other row."""
    started = time.monotonic()
    moment = page.describe_moment()
    whole = True
    for number, row in enumerate(rows, 1):
        lab.say(f"[{number}/{len(rows)}, {time.monotonic() - started:.0f} s] {row.what}")
        try:
            figure = row.measure(lab)
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with one row, the others are wanted
            kind = "" if isinstance(error, BenchError) else f"{type(error).__name__}: "
            figure = Figure("not measured", False if row.goal else None, f"{kind}{error}")
            whole = False
        results["rows"][row.name] = {**figure.to_dict(), "moment": moment}
        page.keep_results(kept, results)
        lab.say(f"  = {figure.value}  ({figure.note})")
    return whole


def _explain(lab: Lab, parts: Sequence[str], results: dict[str, Any]) -> None:
    """Give the details of some parts, from what was measured; one that can't be given says why."""
    for part in parts:
        try:
            results["details"][part] = DETAILS[part](lab).to_dict()
        except Exception as error:  # noqa: BLE001 -- as above
            lab.say(f"[{part}] no details: {type(error).__name__}: {error}")


def _draw(lab: Lab) -> None:
    if "memory" in lab.pictures:
        title = "Resident memory of one run, as it loads a file"
        page.PICTURE.write_text(draw_memory(lab.pictures["memory"], scaling.MEMORY_LIMIT, title), "utf-8")


def _say(message: str) -> None:
    print(message, flush=True)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure, print one table, and write it to docs/benchmarks.md."
    )
    parser.add_argument(
        "--only", metavar="PARTS", help=f"some parts or rows, with commas: {', '.join(PARTS)}"
    )
    parser.add_argument("--scale", type=float, help="TPC-H's scale factor of the comparisons (0.1)")
    parser.add_argument(
        "--quick", action="store_true", help="small files, a few minutes; the page is left as it is"
    )
    parser.add_argument(
        "--no-page", action="store_true", help="print the table, and leave docs/benchmarks.md as it is"
    )
    parser.add_argument(
        "--keep-data", action="store_true", help="keep the files that were made, for the next time"
    )
    parser.add_argument(
        "--tries",
        type=int,
        default=3,
        help="how often a short run is done, of which the least CPU time counts (3)",
    )
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="where files are kept meanwhile")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
