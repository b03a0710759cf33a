"""A query's result as an object: how it is loaded by the plan that it is of, and how both are counted.

It is the same whoever ran the query: in one process (:mod:`penstock.load.query`), or by many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from penstock import verdicts
from penstock.engine.decide import Tally, refuse
from penstock.engine.result import Reject
from penstock.load.checkpoint import Checkpoint
from penstock.load.conclude import judge_counts
from penstock.load.protocols import ObjectSource, RejectWriter
from penstock.load.report import Counts, Report
from penstock.plan.model import Plan, Query
from penstock.plan.table import Quality

RESULT: Final = "result.csv"
"""The file of the result, below the scratch folder."""

_UNLIMITED: Final = Quality()


@dataclass(frozen=True, slots=True)
class Queried:
    """What a query has come to: the object's own counts, and the file of its result, below the scratch folder.

    ``rows`` is how many rows the result has. ``checkpoint`` is how far they are loaded; ``seconds`` is how long it took to get
    here, loading aside.
    """

    tally: Tally
    bytes: int
    undeclared: tuple[str, ...]
    rows: int
    seconds: float
    checkpoint: Checkpoint | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The files that whoever goes on needs, by their names in the scratch folder. A file never changes."""
        return (RESULT, *(() if self.checkpoint is None else self.checkpoint.files))


@dataclass(frozen=True, slots=True)
class ResultSource:
    """A query's result as an object: its bytes are the result's, its name and time those of the object that it is of."""

    file: ObjectSource
    key: str
    last_modified: str

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        """Give the result's bytes; see :class:`~penstock.load.protocols.ObjectSource`."""
        return self.file.blocks(size, start)


@dataclass(frozen=True, slots=True)
class ResultRejects:
    """Marks rejects as those of a query's result on their way to where rejects go."""

    rejects: RejectWriter

    def write(self, rejects: Sequence[Reject]) -> None:
        """Write rejects; see :class:`~penstock.load.protocols.RejectWriter`."""
        self.rejects.write([replace(reject, of="result") for reject in rejects])


def result_plan(plan: Plan) -> Plan:
    """Give the plan by which a query's result is loaded as an object. The contract's limit of rejects is that of its records."""
    return replace(plan, query=None, quality=_UNLIMITED)


def judge_rows(query: Query, tally: Tally) -> tuple[str, str] | None:
    """Tell whether an object is refused once all its rows are read, and why: the code and a sentence."""
    refused = refuse(query.rows.quality, tally, 0)
    if refused is not None:
        return refused
    _, code, reason = judge_counts(count_object(tally, withheld=False))
    return None if code is None or reason is None else (code, reason)


def count_object(tally: Tally, *, withheld: bool) -> Counts:
    """Give the counts of an object's records: good rows are given to the query, or withheld."""
    return Counts(
        read=tally.read,
        loaded=0 if withheld else tally.good,
        rejected=tally.rejected,
        filtered=tally.filtered,
        withheld=tally.good if withheld else 0,
        blank=tally.blank,
    )


def conclude_query(queried: Queried, result: Report) -> Report:
    """Bring the report of a result's load and the counts of the object that it is of together.

    Where the result is refused nothing of the object is loaded. A result of which not every row is accounted for fails the run.
    """
    tally = queried.tally
    counts = count_object(tally, withheld=result.status == "rejected")
    found = replace(
        result,
        counts=counts,
        result=result.counts,
        errors=dict(sorted((Counter(tally.errors) + Counter(result.errors)).items())),
        recovered=tuple(tally.recovered),
        recovered_count=tally.recovered_count,
        undeclared=queried.undeclared,
        bytes=queried.bytes,
        seconds=round(queried.seconds + result.seconds, 3),
    )
    if result.status != "failed" and not (counts.conserved and result.counts.read == queried.rows):
        reason = f"the query gave {queried.rows} rows, and {result.counts.read} were read back: this is a defect, please report it"
        return replace(found, status="failed", code=verdicts.NOT_CONSERVED, reason=reason)
    return found
