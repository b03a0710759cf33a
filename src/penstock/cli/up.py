"""``penstock up``: start the embedded AWS and deploy the project there."""

from __future__ import annotations

from pathlib import Path

from penstock.cli.deployment import show_event
from penstock.cli.options import Json, ProjectFolder
from penstock.cli.output import give_json, say, tell
from penstock.cli.signals import if_ended
from penstock.figures import count

EXAMPLE = "penstock up"


def command(project: ProjectFolder = None, json: Json = False) -> int:
    """Start the embedded AWS here, and deploy the project to it.

    What it holds is kept in .penstock/ of the project. It can't reach a real
    account: it listens on loopback, with keys that are nobody's.
    """
    from penstock.cli.place import project_folder  # noqa: PLC0415 -- `--help` does not need it
    from penstock.local.project import up  # noqa: PLC0415 -- as above

    folder = project_folder(project)
    with if_ended(lambda: _say_running(folder)):
        running = up(folder, tell, show_event)
    if json:
        give_json(
            {
                "endpoint": running.server.endpoint,
                "region": running.names.region,
                "account": running.names.account,
                "landing_bucket": running.names.landing_bucket,
                "artifacts_bucket": running.names.artifacts_bucket,
                "ledger": running.names.ledger,
                "changes": len(running.changes),
                "feeds": [
                    {"name": feed.name, "prefix": feed.prefix, "suffix": feed.suffix, "table": feed.table}
                    for feed in running.feeds
                ],
            }
        )
        return 0
    changes = count(len(running.changes), "change") if running.changes else "nothing changed"
    say(f"{running.project} is up at {running.server.endpoint} ({changes}).")
    say(f"  landing bucket: {running.names.landing_bucket}")
    say(f"  artifacts bucket: {running.names.artifacts_bucket}")
    for feed in running.feeds:
        say(f"  {feed.name}: {feed.prefix}*{feed.suffix} into the table {feed.table}")
    say("Drop a file in:")
    say("  penstock put FILE")
    for feed in running.feeds[:1]:
        say(f"  {running.copy_line(feed)}")
    return 0


def _say_running(folder: Path) -> str:
    from penstock.local.record import noted_server  # noqa: PLC0415 -- as above
    from penstock.local.server import is_alive  # noqa: PLC0415 -- as above

    server = noted_server(folder)
    if server is None or not is_alive(server):
        return ""
    return "The embedded AWS runs, and the project may not be whole there: `penstock up` goes on, `penstock down` stops it."
