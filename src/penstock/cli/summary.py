"""What became of a file, in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from penstock.cli.output import count, say, size, visible
from penstock.engine.result import Reject
from penstock.load.report import Report

_STYLES = {"done": "green", "rejected": "yellow", "failed": "red"}


def say_report(report: Report) -> None:
    """Print a report: the verdict, why, the counts that are not zero, and the errors."""
    took = f" ({size(report.bytes)} in {report.seconds:.1f} s)" if report.bytes else ""
    say(f"{visible(report.key)}: {report.status}{took}", style=_STYLES[report.status])
    if report.reason:
        say(f"  {report.reason}")
    say(f"  {count(report.counts.read, 'record')} read{_parts(report)}")
    if report.recovered_count:
        say(
            f"  {count(report.recovered_count, 'row')} after a broken quote may be a field's text: "
            f"{_lines(report.recovered, report.recovered_count)}"
        )
    if report.undeclared:
        say(f"  not in the contract: {', '.join(visible(name) for name in report.undeclared)}")


def say_error_counts(errors: Iterable[tuple[str, int]]) -> None:
    """Print how often each code was met, the most frequent first."""
    listed = sorted(errors, key=lambda error: (-error[1], error[0]))
    if listed:
        say("  errors: " + ", ".join(f"{number:,} {code}" for code, number in listed))


def say_rejects(rejects: Sequence[Reject], total: int) -> None:
    """Print the first rejects: where each is, and its reasons; never what it holds."""
    for reject in rejects:
        say_reasons(reject.line, [(reason.code, reason.field, reason.message) for reason in reject.errors])
    if total > len(rejects):
        say(f"  ... and {total - len(rejects):,} more")


def say_reasons(line: int, reasons: Sequence[tuple[str, str | None, str]]) -> None:
    """Print the reasons of one reject, a line each."""
    for code, field, message in reasons:
        where = f"line {line:,}"
        what = f"{code} in {visible(field)}" if field is not None else code
        say(f"  {where}: {what}: {visible(message)}")


def say_item(item: dict[str, Any], indent: int = 4) -> None:
    """Print an item, an attribute a line, as DynamoDB JSON."""
    for name, value in item.items():
        text = json.dumps(value, ensure_ascii=False)
        say(f"{' ' * indent}{visible(name)}: {visible(text if len(text) <= 200 else text[:200] + '...')}")


def _parts(report: Report) -> str:
    counts = report.counts
    parts = [
        f"{number:,} {name}"
        for name, number in (
            ("loaded", counts.loaded),
            ("rejected", counts.rejected),
            ("filtered", counts.filtered),
            ("superseded", counts.superseded),
            ("withheld", counts.withheld),
            ("blank", counts.blank),
        )
        if number or name == "loaded"
    ]
    return f": {', '.join(parts)}" if counts.read else ""


def _lines(lines: Sequence[int], total: int) -> str:
    shown = ", ".join(f"{line:,}" for line in lines[:10])
    return f"lines {shown}{' and more' if total > 10 else ''}"
