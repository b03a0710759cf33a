"""Somebody who deploys a project to the embedded AWS and looks at what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack_samples import write_project

from penstock.aws.ledger import Ledger
from penstock.local.install import cache_folder
from penstock.stack.changes import ChangeLine
from penstock.stack.connect import Connection
from penstock.stack.deploy import Deployed, deploy
from penstock.stack.destroy import PreparedDestroy, destroy
from penstock.stack.follow import StackEvent
from penstock.stack.names import Names
from penstock.stack.state import find_stacks
from penstock.stack.target import emulated_target


@dataclass
class Desk:
    """Somebody with a project's folder and an account of their own, who notes what they are shown."""

    folder: Path
    connection: Connection
    shown: list[ChangeLine] = field(default_factory=list)
    events: list[StackEvent] = field(default_factory=list)

    @property
    def names(self) -> Names:
        return Names("shop", str(self.connection.access_key), self.connection.region)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.connection.client("dynamodb"), self.names.ledger)

    def deploy(
        self, *feeds: dict[str, Any], agree: bool = True, replace: str = "", **project: Any
    ) -> Deployed | None:
        write_project(self.folder, feeds, **project)
        self.shown.clear()

        def confirm(lines: tuple[ChangeLine, ...]) -> bool:
            self.shown.extend(lines)
            return agree

        return deploy(
            self.folder,
            self.connection,
            emulated_target(),
            confirm=confirm,
            may_replace=replace.split().__contains__,
            cache=cache_folder() / "package",
            on_event=self.events.append,
        )

    def destroy(self, *, data: bool = False, agree: bool = True) -> PreparedDestroy | None:
        return destroy(self.folder, self.connection, emulated_target(), data=data, confirm=lambda _: agree)

    def actions(self, kind: str) -> set[tuple[str, str]]:
        return {(line.action, line.name) for line in self.shown if line.kind == kind}

    def stacks(self) -> dict[str, str]:
        return {name: state.status for name, state in find_stacks(self.connection, "shop").items()}

    def table(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.connection.client("dynamodb").describe_table(TableName=name)["Table"]
        return found

    def notified(self) -> set[str]:
        found = self.connection.client("s3").get_bucket_notification_configuration(
            Bucket=self.names.landing_bucket
        )
        return {entry["QueueArn"].rpartition(":")[2] for entry in found.get("QueueConfigurations", [])}
