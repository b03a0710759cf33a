"""The command to run next, whole, so that it can be copied as it stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from penstock.aws.runs import Run
from penstock.verdicts import DELETE_LIMIT


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands about the project that the console shows. ``options`` are those which lead to it, such as ``--aws``."""

    options: tuple[str, ...] = ()

    def line(self, *words: str) -> str:
        """Give ``penstock`` with these words as a line for a shell."""
        return shlex.join(("penstock", *words, *self.options))

    def complete(self, written: str) -> list[str]:
        """Give what is written out already, one command or some with ``, then`` between, with the options to this project.

        One with a RUN to be filled in is left out: it can't be copied as it stands.
        """
        whole = [one for one in written.split(", then ") if "RUN" not in one.split()]
        return [f"{one} {shlex.join(self.options)}".rstrip() for one in whole]

    def after(self, run: Run) -> Iterator[tuple[str, str]]:
        """Give what can be done about a run: why, and the command. Nothing where nothing wants doing.

        As docs/operating.md says under "When something happens".
        """
        if run.replays is not None:
            if run.status == "failed":
                why = "It changed no count. Order it again once the cause is mended:"
                yield why, self.line("replay", run.replays)
        elif run.code == DELETE_LIMIT:
            why = "The file lacks more items than `load.max_deletes` allows, and nothing was changed. If it is right, let it delete them:"
            yield why, self.line("approve", run.id)
        elif run.status == "rejected":
            why = "Mend the file and send it again. Or mend the contract, deploy it, and have the file judged anew:"
            yield why, self.line("sweep", "--feed", run.feed)
        elif run.status == "failed":
            yield "What the workers said of it:", self.line("logs", "--run", run.id)
            why = "The queue brings the file again, up to its limit. When the cause is mended, find what is still due:"
            yield why, self.line("sweep", "--feed", run.feed)
        elif run.result is not None:
            yield from self._load_whole(run)
        elif run.status == "done" and run.counts.get("rejected"):
            yield from self._mend(run)

    def _load_whole(self, run: Run) -> Iterator[tuple[str, str]]:
        if run.all_rejected:
            why = "A query reads the whole file, so rejects are not loaded by themselves. Mend the file and send it again; or mend the contract, deploy it, and load the file once more:"
            yield why, self.line("backfill", run.key, "--again")

    def _mend(self, run: Run) -> Iterator[tuple[str, str]]:
        why = "Where the contract was wrong: mend it, deploy it, and load the rejects again:"
        yield why, self.line("replay", run.id)
        why = "Where the records were wrong: correct what stands in the column `raw`,"
        yield why, self.line("rejects", run.id, "--csv", "rejects.csv")
        yield "and put them back:", self.line("replay", "--from", "rejects.csv")
