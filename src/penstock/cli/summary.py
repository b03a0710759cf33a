"""What became of a file, in words."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final

from penstock.cli.output import say, visible
from penstock.engine.result import Reject
from penstock.figures import count, size
from penstock.load.report import Counts, Report

if TYPE_CHECKING:
    from penstock.aws.runs import Run

_COUNTS: Final = tuple(field.name for field in fields(Counts))
_STYLES: Final = {"done": "green", "rejected": "yellow", "failed": "red"}


def say_report(report: Report) -> None:
    """Print a report: the verdict, why, the counts that are not zero, and the errors."""
    took = f" ({size(report.bytes)} in {report.seconds:.1f} s)" if report.bytes else ""
    say(f"{visible(report.key)}: {report.status}{took}", style=_STYLES[report.status])
    if report.reason:
        say(f"  {report.reason}")
    _say_counts(asdict(report.counts))
    if report.result is not None:
        _say_counts(asdict(report.result), "row", "of the query's result")
    if report.recovered_count:
        say(
            f"  {count(report.recovered_count, 'row')} after a broken quote may be a field's text: "
            f"{_lines(report.recovered, report.recovered_count)}"
        )
    if report.undeclared:
        say(f"  not in the contract: {', '.join(visible(name) for name in report.undeclared)}")


def say_run(run: Run) -> None:
    """Print a run of the ledger."""
    took = f" ({size(run.bytes)} in {run.seconds:.1f} s)" if run.bytes else ""
    say(f"{visible(run.key)}: {run.status}{took}", style=_STYLES.get(run.status))
    if run.reason:
        say(f"  {run.reason}")
    if run.ended:
        _say_counts({name: run.counts.get(name, 0) for name in _COUNTS})
        if run.result is not None:
            _say_counts({name: run.result.get(name, 0) for name in _COUNTS}, "row", "of the result")
        say_error_counts(run.errors.items())
        say_writes(run)
    say(f"  run {run.id} of feed {run.feed}, attempt {run.attempt}, began {run.started_at}")
    lines = {
        "replay of": run.replays,
        "engine": run.told_engine,
        **{
            f"reference {name}": f"{of['key']}, version {of['version']}"
            for name, of in run.references.items()
        },
        "version": run.version,
        "rejects": run.rejects,
        "report": run.report,
    }
    for label, value in lines.items():
        if value:
            say(f"  {label}: {visible(value)}")
    if run.rejects and not run.replays:
        say(f"  what was rejected, and why: penstock rejects {run.id}")


def say_writes(run: Run | Report) -> None:
    """Print what the writes took, where any went to a table, and what needed none."""
    items = run.items if isinstance(run.items, Mapping) else asdict(run.items)
    if items.get("kept"):
        say(
            f"  {count(items['kept'], 'item')} that vanished kept: of some rejected records the keys can't be told, and they may "
            "be of these"
        )
    if run.write_units or items.get("unchanged"):
        resent = f", {run.resent:,} sent again" if run.resent else ""
        resent += f", throttled {count(run.throttled, 'time')}" if run.throttled else ""
        spared = "".join(f", {items[name]:,} {name}" for name in ("unchanged", "outdated") if items.get(name))
        say(
            f"  {items['put']:,} put, {items['deleted']:,} deleted{spared}; {count(run.write_units, 'write unit')}{resent}"
        )


def say_error_counts(errors: Iterable[tuple[str, int]]) -> None:
    """Print how often each code was met, the most frequent first."""
    listed = sorted(errors, key=lambda error: (-error[1], error[0]))
    if listed:
        say("  errors: " + ", ".join(f"{number:,} {code}" for code, number in listed))


def say_rejects(rejects: Sequence[Reject], total: int) -> None:
    """Print the first rejects: where each is, and its reasons; never what it holds."""
    for reject in rejects:
        reasons = [(reason.code, reason.field, reason.message) for reason in reject.errors]
        say_reasons(reject.line, reasons, reject.key or reject.of)
    if total > len(rejects):
        say(f"  ... and {total - len(rejects):,} more")


def say_reasons(line: int, reasons: Sequence[tuple[str, str | None, str]], of: str = "object") -> None:
    """Print the reasons of one reject, a line each. It may be ``of`` a query's ``result``, or of a file of many that are loaded as one."""
    for code, field, message in reasons:
        where = f"line {line:,}" if of == "object" else f"{visible(of)}, line {line:,}"
        what = f"{code} in {visible(field)}" if field is not None else code
        say(f"  {where}: {what}: {visible(message)}")


def hide(item: Mapping[str, Any], sensitive: Container[str]) -> dict[str, Any]:
    """Give an item without the values of sensitive attributes."""
    return {name: "(sensitive)" if name in sensitive else value for name, value in item.items()}


def say_item(item: Mapping[str, Any], indent: int = 4) -> None:
    """Print an item, an attribute a line, as DynamoDB JSON."""
    for name, value in item.items():
        text = json.dumps(value, ensure_ascii=False)
        say(f"{' ' * indent}{visible(name)}: {visible(text if len(text) <= 200 else text[:200] + '...')}")


def _say_counts(counts: Mapping[str, int], what: str = "record", done: str = "read") -> None:
    read = counts.get("read", 0)
    parts = [
        f"{number:,} {name}"
        for name, number in counts.items()
        if name != "read" and (number or name == "loaded")
    ]
    say(f"  {count(read, what)} {done}" + (f": {', '.join(parts)}" if read else ""))


def _lines(lines: Sequence[int], total: int) -> str:
    shown = ", ".join(f"{line:,}" for line in lines[:10])
    return f"lines {shown}{' and more' if total > 10 else ''}"
