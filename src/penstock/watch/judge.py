"""Whether a feed is well: what is wrong with it, or wants a look, each with the command that shows more.

Rejected records within the contract's limit are what the contract allows, and no reason to look. A file that failed or was
refused within the last day, or as the feed's last one, is one as long as no later run of it ended better.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from penstock.aws.runs import Run
from penstock.figures import count
from penstock.verdicts import DELETE_LIMIT
from penstock.watch.alarms import Alarm

Verdict = Literal["well", "look", "wrong"]
VERDICTS: Final[tuple[Verdict, ...]] = ("well", "look", "wrong")
"""From good to bad."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not well: how bad, why, and the command to run next."""

    verdict: Verdict
    why: str
    command: str | None = None


def worst(findings: Iterable[Finding]) -> Verdict:
    """Give the worst verdict of all findings: ``well`` where there are none."""
    return max((finding.verdict for finding in findings), key=VERDICTS.index, default="well")


def judge_feed(
    feed: str,
    runs: Sequence[Run],
    alarms: Iterable[Alarm],
    dead_letters: int | None,
    due: int | None,
    unread: Iterable[str],
) -> tuple[Finding, ...]:
    """Judge a feed by its ``runs`` of the last day, the newest first, and the rest that is known. The worst is named first.

    ``unread`` says what could not be read, and why.
    """
    findings = [*judge_alarms(alarms)]
    if dead_letters:
        why = f"{count(dead_letters, 'dead letter')}: what failed as often as it may"
        findings.append(Finding("wrong", why, f"penstock dlq --feed {feed}"))
    last = newest_by_file(runs)
    findings += _judge_files("wrong", "failed", [run for run in last if run.status == "failed"])
    findings += _judge_files("look", "was refused", [run for run in last if run.status == "rejected"])
    if due:
        lost = "a file has lost its worker" if due == 1 else f"{due:,} files have lost their workers"
        why = f"{lost}; the feed's sweep queues what was lost within five minutes"
        findings.append(Finding("look", why, f"penstock sweep --feed {feed}"))
    findings += [Finding("look", problem) for problem in unread]
    return tuple(sorted(findings, key=lambda finding: -VERDICTS.index(finding.verdict)))


def judge_alarms(alarms: Iterable[Alarm]) -> tuple[Finding, ...]:
    """Give what the alarms say that are on."""
    return tuple(
        Finding("wrong", f"alarm {alarm.name}: {alarm.meaning}", alarm.command)
        for alarm in alarms
        if alarm.state == "ALARM"
    )


def newest_by_file(runs: Sequence[Run]) -> list[Run]:
    """Give of runs, the newest first, the newest of each file. A replay is none: it loads no file."""
    found: dict[tuple[str, str], Run] = {}
    for run in runs:
        if run.replays is None:
            found.setdefault((run.bucket, run.key), run)
    return list(found.values())


def _judge_files(verdict: Verdict, what: str, runs: Sequence[Run]) -> list[Finding]:
    if not runs:
        return []
    newest = runs[0]
    others = f" (and {count(len(runs) - 1, 'more file')})" if len(runs) > 1 else ""
    reason = f": {newest.reason}" if newest.reason else ""
    return [Finding(verdict, f"{newest.key} {what}{reason}{others}", f"penstock {_look_at(newest)}")]


def _look_at(run: Run) -> str:
    """Give the command for a run that did not end well. A file that was refused unread has no rejects to be listed."""
    if run.code == DELETE_LIMIT:
        return f"approve {run.id}"
    listed = run.status == "rejected" and run.all_rejected
    return f"rejects {run.id}" if listed else f"runs {run.id}"
