"""What a run in one process is given and leaves: how far it is, for whoever goes on; and a manifest, where one is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from penstock.engine.batch import Position
from penstock.engine.bind import Binding
from penstock.engine.decide import Decision
from penstock.engine.manifest import Base
from penstock.load.load import Loaded, Named
from penstock.load.survey import Surveyed

KEEP_SECONDS: Final = 5.0
"""How often a run is kept: often enough to lose little, seldom enough to cost nothing."""

_NOTHING_NAMED: Final = Named()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run is: all that another process needs to go on, besides the object, the plan and the files it names.

    ``surveyed`` is where the first pass is. ``decision`` is None until that is done, and ``named`` are then the files of
    what it comes to. ``loaded`` is where the second pass is. ``seconds`` is
    how long the run was at work, and ``workers`` how many have been at it.
    """

    binding: Binding
    start: Position
    surveyed: Surveyed
    loaded: Loaded
    decision: Decision | None = None
    named: Named = _NOTHING_NAMED
    seconds: float = 0.0
    workers: int = 1

    @property
    def phase(self) -> Literal["survey", "load"]:
        """The pass that it is in."""
        return "survey" if self.decision is None else "load"

    @property
    def files(self) -> tuple[str, ...]:
        """The files that whoever goes on needs, by their names in the scratch folder. A file never changes."""
        if self.decision is None:
            return self.surveyed.keys
        return (*self.named.losers, *self.named.unchanged, *self.named.vanished)


Publish = Callable[[str], None]
"""Called before anything is written with the file of the manifest, by its name in the scratch folder."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a run takes that keeps a manifest: the one it begins with, whose files are in the scratch folder, and who takes
    its own. ``complete`` is called once all is written, with the rows of which that is not certain, or None where these are
    too many. ``limited`` says that the limit of deletes holds: nobody has approved them.
    """

    base: Base
    publish: Publish
    complete: Callable[[tuple[int, ...] | None], None]
    limited: bool = True


Keep = Callable[[Checkpoint], None]
"""Called now and then while nothing is in flight: items, rejects and the checkpoint's files are then to be made durable."""
