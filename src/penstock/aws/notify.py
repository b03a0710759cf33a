"""Tell people of a file that was refused, could not be loaded, or did not come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, error_code
from penstock.aws.log import Log
from penstock.aws.runs import Run

_SUBJECT_LIMIT = 99  # SNS takes fewer than 100 characters, ASCII, on one line
_MOST_SHOWN: Final = 50
_MOST_REASON: Final = 2_000
"""A message may have 256 KB, and a key 1 KB: one that is larger would not be sent, and nobody told."""


def notify_people(sns: Client, topic: str, run: Run, log: Log) -> None:
    """Publish what became of a run, its reason, and the command to run next. Needs sns:Publish on the topic.

    A topic that can't be reached is logged and no more: the run is what it is.
    """
    what = "refused" if run.status == "rejected" else "could not load"
    subject = f"Penstock: {run.feed} {what} {run.key.rpartition('/')[2]}"
    _publish(sns, topic, subject, _message(run), log)


def notify_missing(sns: Client, topic: str, feed: str, uris: Sequence[str], log: Log) -> bool:
    """Publish that files did not come, and tell whether that went out. Needs sns:Publish on the topic."""
    what = uris[0].rpartition("/")[2] if len(uris) == 1 else f"{len(uris)} files"
    lines = [
        f"The feed {feed} expected {'a file that is' if len(uris) == 1 else 'files that are'} not there:",
        "",
        *map(_show, uris[:_MOST_SHOWN]),
        *([f"and {len(uris) - _MOST_SHOWN:,} more"] if len(uris) > _MOST_SHOWN else []),
        "",
        "Each is told once. When it comes it is loaded by itself; nothing needs to be done here.",
    ]
    return _publish(sns, topic, f"Penstock: {feed} did not get {what}", "\n".join(lines) + "\n", log)


def _publish(sns: Client, topic: str, subject: str, message: str, log: Log) -> bool:
    plain = "".join(char if " " <= char <= "~" else "?" for char in subject)
    fitting = plain if len(plain) <= _SUBJECT_LIMIT else plain[: _SUBJECT_LIMIT - 3] + "..."
    try:
        sns.publish(TopicArn=topic, Subject=fitting, Message=message)
    except AwsError as error:
        log.failure("notice not sent", outcome="failed", code=error_code(error))
        return False
    return True


def _advise(run: Run) -> str:
    if run.status == "rejected":
        return "It was refused whole, and nothing of it is tried again. Mend the file and send it again, or change the contract."
    if run.saved:
        return (
            "What was done of it is kept. The feed's schedule or `penstock sweep` begins it again, or start its execution in Step Functions anew; "
            "either does only what is left."
        )
    return "It is tried again by itself a few times; after the last, its event is with the dead letters."


def _message(run: Run) -> str:
    refused = run.status == "rejected"
    counts, result = _list(run.counts), _list(run.result or {})
    lines = [
        f"The feed {run.feed} {'refused' if refused else 'could not load'} s3://{run.bucket}/{_show(run.key)}",
        "",
        f"Reason:   {_show((run.reason or 'none was given')[:_MOST_REASON])}",
        f"Records:  {counts or 'none was read'}",
        *([f"Result:   {result}"] if result else []),
        f"Version:  {run.version}",
        f"Run:      {run.id} (attempt {run.attempt})",
        "",
        _advise(run),
        "",
        f"See the run:           penstock runs {run.id}",
    ]
    if run.rejects:
        lines.append(f"See what was rejected: penstock rejects {run.id}")
    return "\n".join(lines) + "\n"


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def _show(text: str) -> str:
    """Give a text that others wrote on one line: a key may hold newlines, and say on the next what nobody here says."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
