"""The results: kept as JSON, printed as a table, and written into docs/benchmarks.md between its markers."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from bench.figures import Row
from bench.measure import ROOT

PAGE: Final = ROOT / "docs/benchmarks.md"
PICTURE: Final = ROOT / "docs/benchmarks-memory.svg"
_BEGIN: Final = "<!-- measured: begin -->"
_END: Final = "<!-- measured: end -->"
_LIBRARIES: Final = (
    *("penstock", "duckdb", "botocore", "boto3", "pandas", "numpy", "awswrangler", "frictionless", "pandera"),
    *("pyarrow", "pyspark", "tpchgen-cli"),
)
_VERDICTS: Final = {True: "yes", False: "**no**", None: ""}


def describe_machine() -> str:
    """Give the processor, how many of its cores this may use, and the memory; no names."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip()
            for line in info.read_text("utf-8").splitlines()
            if "model name" in line
        ]
        model = models[0] if models else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, {memory:.0f} GB of memory, {platform.system()} on {platform.machine()}"


def describe_versions() -> str:
    """Give Python and the libraries with their versions."""
    found = [f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} (not installed)")
    return ", ".join(found)


def describe_moment() -> str:
    """Give the day, in UTC, and the commit that is checked out."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stdout.strip()
    return f"{datetime.now(UTC):%Y-%m-%d}" + (f" at commit {commit}" if commit else "")


def read_results(path: Path) -> dict[str, Any]:
    """Give what earlier calls kept; nothing where there is nothing."""
    if not path.exists():
        return {"rows": {}, "details": {}}
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def keep_results(path: Path, results: Mapping[str, Any]) -> None:
    """Keep the results for later calls."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


def lay_out(rows: Sequence[Row], results: Mapping[str, Any]) -> list[list[str]]:
    """Give the table's cells: figure, to reach, measured, reached, and the note."""
    cells = []
    for row in rows:
        found = results["rows"].get(row.name)
        if found is None:
            cells.append([row.what, row.goal, "not measured", "", ""])
        else:
            cells.append([row.what, row.goal, found["value"], _VERDICTS[found["reached"]], found["note"]])
    return cells


HEAD: Final = ("figure", "to reach", "measured", "reached", "how far")


def print_table(rows: Sequence[Row], results: Mapping[str, Any]) -> None:
    """Print the table, each figure with its note below it."""
    for what, goal, value, reached, note in lay_out(rows, results):
        verdict = reached.replace("*", "") or "-"
        print(f"{verdict:>4}  {value:<24} {what}" + (f" ({goal})" if goal else ""))
        if note:
            print(f"{'':>32}{note}")


def write_page(rows: Sequence[Row], results: Mapping[str, Any], command: str) -> None:
    """Write the measured part of the page anew, and leave its prose as it is."""
    lines = [
        f"Measured on {_moments(results)} with `{command}`, on: {results['machine']}. {results['versions']}.",
        "",
        *_table(HEAD, lay_out(rows, results)),
    ]
    for detail in results["details"].values():
        lines += ["", f"### {detail['title']}", ""]
        if detail["prose"]:
            lines += [detail["prose"], ""]
        lines += _table(detail["head"], detail["rows"])
    if PICTURE.exists():
        lines += ["", "### Memory of the soak", "", f"![Resident memory over time]({PICTURE.name})"]
    before, _, rest = PAGE.read_text("utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    PAGE.write_text(f"{before}{_BEGIN}\n\n" + "\n".join(lines) + f"\n\n{_END}{after}", "utf-8")


def _moments(results: Mapping[str, Any]) -> str:
    """Give when the rows were measured: at one moment, unless parts of them were measured anew."""
    moments = dict.fromkeys(row["moment"] for row in results["rows"].values())
    return ", some of it on ".join(moments)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
