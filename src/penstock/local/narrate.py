"""Show the demo: colours and a spinner on a terminal, plain lines in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.console import Console
from rich.status import Status
from rich.text import Text

from penstock.aws.runs import Run
from penstock.engine.result import Reject
from penstock.local.demo import (
    DemoEvent,
    Dropped,
    Ended,
    Finished,
    ItemRead,
    Key,
    Rejected,
    Scene,
    Working,
)
from penstock.local.demo_alarm import AlarmHeard
from penstock.watch.alarms import Alarm

_ENDS: Final = ("loaded", "rejected", "filtered", "superseded", "withheld", "blank")
_ATTRIBUTES: Final = 12
_STYLES: Final = {"done": "bold green", "rejected": "bold red", "failed": "bold red"}


class Narrator:
    """Shows the demo's events on a console; use it as a context, so that the spinner ends with it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner: Status | None = console.status("") if console.is_terminal else None

    def __enter__(self) -> Narrator:
        if self._spinner is not None:
            self._spinner.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._spinner is not None:
            self._spinner.stop()

    def tell(self, event: DemoEvent) -> None:
        """Show one event."""
        if self._spinner is not None:
            self._spinner.update(_doing(event))
        match event:
            case Working(text) if self._spinner is None:
                self._line(f"  {text}")
            case Scene(title, text):
                self._line("")
                self._line(title, "bold cyan")
                self._line(text)
            case Dropped():
                self._show_dropped(event)
            case Ended(run, seconds):
                self._show_run(run, seconds)
            case Rejected(rejects, total):
                self._show_rejects(rejects, total)
            case ItemRead():
                self._show_item(event)
            case AlarmHeard(alarm):
                self._show_alarm(alarm)
            case Finished(read, seconds):
                self._line("")
                self._line(
                    f"{read:,} records in {seconds:.0f} seconds, and every one accounted for.", "bold green"
                )

    def _show_dropped(self, event: Dropped) -> None:
        landed = event.landed
        for note in event.notes:
            self._line(f"  - {note}")
        self._line(f"  {_size(landed.bytes)} to s3://{landed.bucket}/{landed.key}", "dim")

    def _show_alarm(self, alarm: Alarm) -> None:
        self._line(f"  {alarm.name}", "bold red")
        self._line(f"    {alarm.meaning} {alarm.reason}")
        self._line(f"    Next: {alarm.command}")
        self._line("  Told to the topic, and heard by a queue that is subscribed to it", "dim")

    def _show_run(self, run: Run, seconds: float) -> None:
        counts = run.counts
        sums = " + ".join(f"{counts[end]:,} {end}" for end in _ENDS if counts.get(end))
        line = Text("  ")
        line.append(run.status, _STYLES.get(run.status, ""))
        line.append(f" in {seconds:.1f} s: ")
        line.append(f"{counts.get('read', 0):,} read = {sums or '0'}", "bold")
        self._print(line)
        if run.reason is not None:
            self._line(f"  {run.reason}", "red")

    def _show_rejects(self, rejects: Iterable[Reject], total: int) -> None:
        shown = 0
        for reject in rejects:
            shown += 1
            for i, reason in enumerate(reject.errors):
                place = f"line {reject.line}" if i == 0 else ""
                line = Text(f"    {place:<12}")
                line.append(f"{reason.code:<17}", "yellow")
                line.append(f"{reason.field or '':<26} {reason.message}")
                self._print(line)
            raw = reject.raw.decode("utf-8", errors="backslashreplace")
            self._line(f"{'':16}{_cut(raw, 100)}", "dim")
        if total > shown:
            self._line(
                f"    and {total - shown:,} more, each with its line, its bytes and its reasons", "dim"
            )

    def _show_item(self, event: ItemRead) -> None:
        self._line(f"  {event.note}", "bold")
        self._line(f"    {event.table} {_key_text(event.key)}", "dim")
        if event.item is None:
            self._line("    there is none", "red")
            return
        before = event.before
        changed = {
            name: value for name, value in event.item.items() if before is None or value != before.get(name)
        }
        shown = [name for name in changed if name not in event.key]
        for name in shown[:_ATTRIBUTES]:
            line = Text(f"    {name:<26}")
            if before is not None:
                line.append(f"{_plain(before.get(name))} → ", "dim")
            line.append(_plain(changed[name]), "green")
            self._print(line)
        if len(shown) > _ATTRIBUTES:
            self._line(f"    and {len(shown) - _ATTRIBUTES} more attributes", "dim")

    def _line(self, text: str, style: str = "") -> None:
        self._print(Text(text, style))

    def _print(self, text: Text) -> None:
        # Highlighting and wrapping are for people at a terminal; a line in a pipe stays a line.
        self._console.print(text, highlight=False, soft_wrap=not self._console.is_terminal)


def _doing(event: DemoEvent) -> str:
    match event:
        case Working(text):
            return text
        case Dropped(landed, _):
            return f"S3 → SQS → Lambda → DynamoDB: {landed.feed.name}"
        case _:
            return ""


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _key_text(key: Key) -> str:
    return ", ".join(f"{name} = {_plain(value)}" for name, value in key.items())


def _plain(typed: Mapping[str, Any] | None) -> str:
    """Give a value of DynamoDB JSON as a person would write it."""
    if typed is None:
        return "(none)"
    ((kind, value),) = typed.items()
    return f'"{value}"' if kind == "S" else str(value).lower() if kind == "BOOL" else str(value)
