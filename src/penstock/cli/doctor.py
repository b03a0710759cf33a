"""``penstock doctor``: is all well with what is deployed, and if not, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from penstock.cli.exits import CONTRACT_BROKEN, DONE
from penstock.cli.options import Json, Local, Profile, ProjectFolder, Region
from penstock.cli.output import give_json, say, visible
from penstock.figures import count

if TYPE_CHECKING:
    from penstock.stack.doctor.finding import Finding

EXAMPLE = "penstock doctor --profile production"

_STYLES: Final = {"ok": "green", "warning": "yellow", "problem": "red"}


def command(
    local: Local = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Check whether the project is deployed as it should be, and may work.

    Credentials, permissions, quotas; the stacks against the project; of each feed
    its table, the way of its events from the bucket to the function, its functions,
    the schedules of its sweep, and what its query refers to. Nothing is changed. Ends with 1 where there is a
    problem; a warning is none.
    """
    from penstock.cli.place import find_place  # noqa: PLC0415 -- `--help` does not need it
    from penstock.stack.doctor.examine import examine  # noqa: PLC0415 -- as above
    from penstock.stack.target import aws_target, emulated_target  # noqa: PLC0415 -- as above

    place = find_place(project, local, region, profile)
    target = aws_target(place.project.architecture) if place.running is None else emulated_target()
    findings = examine(place.project, place.names, place.connection, target)
    if json:
        give_json([asdict(finding) for finding in findings])
    else:
        _say(findings)
    return CONTRACT_BROKEN if any(finding.verdict == "problem" for finding in findings) else DONE


def _say(findings: Sequence[Finding]) -> None:
    of: str | None = None
    for finding in findings:
        if finding.feed != of and finding.feed is not None:
            say(finding.feed, "bold")
        of = finding.feed
        indent = "" if finding.feed is None else "  "
        say(f"{indent}{finding.verdict:<8}{finding.check}: {visible(finding.text)}", _STYLES[finding.verdict])
        if finding.do:
            say(f"{indent}        {visible(finding.do)}")
    sums = Counter(finding.verdict for finding in findings)
    say(f"{count(sums['problem'], 'problem')}, {count(sums['warning'], 'warning')}, {sums['ok']:,} ok")
