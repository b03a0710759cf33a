"""``penstock demo``: see all of it at work."""

from __future__ import annotations

from penstock.cli.exits import exit_code
from penstock.cli.output import console

EXAMPLE = "penstock demo"


def command() -> int:
    """See it at work on real files, on this computer.

    They go through S3, SQS, Lambda and DynamoDB of an embedded AWS, which is started for it and gone afterwards; nothing is left behind.
    """
    from penstock.local.demo import run_demo  # noqa: PLC0415 -- `--help` does not need it
    from penstock.local.narrate import Narrator  # noqa: PLC0415 -- as above

    with Narrator(console()) as narrator:
        runs = run_demo(narrator.tell)
    return exit_code(run.status for run in runs)
