"""How a deploy and a destroy look: changes to be agreed to, and events as they come."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.cli.output import tell
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.stack.changes import ChangeLine
    from penstock.stack.follow import StackEvent

_SIGNS = {"add": "+", "change": "~", "remove": "-", "adopt": "="}
_ANEW = {"no": "", "perhaps": " (perhaps made anew)", "yes": " (made anew)"}
_STYLES = {"add": "green", "change": "yellow", "remove": "red", "adopt": "cyan"}


def require_somebody(yes: bool) -> None:
    """Raise UsageError where a question would be asked and nobody is there to answer it."""
    if not yes and not sys.stdin.isatty():
        raise UsageError("This asks before it changes anything, and nobody is at a terminal: say --yes.")


def show_changes(changes: Sequence[ChangeLine]) -> None:
    """Print what would change, stack by stack, and the sum."""
    stack = ""
    for change in changes:
        if change.stack != stack:
            stack = change.stack
            tell(stack, "bold")
        anew = _ANEW[change.replacement]
        why = f": {change.why}" if change.why else ""
        kind = change.kind.removeprefix("AWS::").replace("::", " ")
        tell(f"  {_SIGNS[change.action]} {kind} {change.name}{anew}{why}", _STYLES[change.action])
        for line in change.detail.splitlines():
            tell(f"      {line}")
    sums = Counter(change.action for change in changes)
    tell(", ".join(f"{number} to {action}" for action, number in sums.items()))


def ask(question: str) -> str:
    """Ask on standard error, which leaves standard output to the result, and give the answer."""
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def agree(question: str, yes: bool) -> bool:
    """Ask, unless it was said in the call."""
    return yes or ask(f"{question} [y/N]").lower() in {"y", "yes"}


def show_event(event: StackEvent) -> None:
    """Print an event where something came to its end."""
    if event.status.endswith(("_COMPLETE", "_FAILED")):
        kind = event.kind.removeprefix("AWS::").replace("::", " ")
        reason = f": {event.reason}" if event.failed and event.reason else ""
        word = event.status.replace("_", " ").lower()
        tell(f"  {event.stack}: {kind} {event.name} {word}{reason}", "red" if event.failed else "dim")
