"""What a run left undone: its rejects, and what of them is left when some were loaded again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from penstock.engine.result import Reason, Reject
from penstock.engine.withhold import withhold_record
from penstock.load.correct import Correction
from penstock.load.protocols import RejectWriter

Changes = Mapping[int, bytes | None]
"""What to load again, by the offsets of its rejects: other bytes, or None for those that lie there."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """What a run left undone. ``read`` gives its rejects in file order, each time that it is called.

    ``records`` is how many records the run read, and ``rejected`` how many of them are rejects now. ``corrections`` stand in
    the place of records that were rejected once and are not any more.
    """

    read: Callable[[], Iterator[Reject]]
    records: int
    rejected: int
    corrections: tuple[Correction, ...] = ()


class Left:
    """Gives what is still rejected, with what a run had rejected before: a :class:`~penstock.load.protocols.RejectWriter`.

    With ``withholds`` one whose record was kept whole, under an older contract, is kept without it.
    ``again`` counts those that were named and are rejected again, and ``offsets`` tells them; ``number`` and ``errors`` are of all.
    """

    def __init__(
        self,
        old: Iterator[Reject],
        named: Changes | None,
        faults: Mapping[int, Reason],
        rejects: RejectWriter,
        *,
        withholds: bool,
    ) -> None:
        self._withholds = withholds
        self._old = old
        self._named = named
        self._faults = faults
        self._rejects = rejects
        self.number = self.again = 0
        self.offsets: set[int] = set()
        self.errors: Counter[str] = Counter()

    def write(self, rejects: Sequence[Reject]) -> None:
        """Take what is rejected again, in file order; it keeps the bytes that it was rejected with first."""
        for reject in rejects:
            for old in self._old:
                if old.offset == reject.offset:
                    self._keep_again(old, reject.errors)
                    break
                self._pass(old)

    def finish(self) -> None:
        """Give what is left, once everything is taken."""
        for old in self._old:
            self._pass(old)

    def _pass(self, old: Reject) -> None:
        """Give a reject that was not named, or whose correction can't be read; any other is rejected no more."""
        if self._named is not None and old.offset not in self._named:
            self._keep(old)
        elif old.offset in self._faults:
            self._keep_again(old, (self._faults[old.offset],))

    def _keep_again(self, old: Reject, errors: tuple[Reason, ...]) -> None:
        self.again += 1
        if self._named is not None:
            self.offsets.add(old.offset)
        self._keep(replace(old, errors=errors))

    def _keep(self, reject: Reject) -> None:
        self.number += 1
        self.errors.update(reason.code for reason in reject.errors)
        if self._withholds and reject.withheld == "nothing":
            reject = withhold_record(reject)
        self._rejects.write([reject])
