"""Drive a run on Spark: what the state machine does in AWS, in the same order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from penstock.errors import DataError, PenstockError
from penstock.load.steps.passes import Answer
from penstock.load.steps.query import is_refused, number_chunks, query_of, refuse_object
from penstock.load.steps.states import Problem, problem_name
from penstock.load.steps.step import StepName
from penstock.load.steps.workplace import Workplace
from penstock.spark.distribute import spread, until_finished
from penstock.spark.query import run_query

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Run(Protocol):
    """A run as it is sent to those who work on it: here (:mod:`penstock.spark.desk`), or in AWS (:mod:`penstock.spark.glue`)."""

    def __call__(self, step: StepName, number: int | None) -> Answer:
        """Do a step of it, in whichever process."""
        ...

    def open_place(self) -> Workplace:
        """Give what its steps have to do with, as it is now."""
        ...


def drive_run(session: SparkSession, run: Run, reason: str | None = None) -> None:
    """Do what is left of a run up to its end, or to where its folder says that the object is refused.

    ``reason`` says why Spark runs its query. Raises :class:`~penstock.errors.PenstockError`; the run's folder says more, and keeps
    what is done.
    """
    if until_finished(run, "cut", None)["conclude"]:
        return
    place = run.open_place()
    if place.plan.query is not None and not _query(session, run, place, reason):
        return
    loading = run.open_place()
    load_chunks(session, run, len(loading.read_cut().chunks), loading.partitions)


def load_chunks(session: SparkSession, run: Run, chunks: int, partitions: int) -> None:
    """Survey, decide and load an object that is cut into so many chunks."""
    spread(session.sparkContext, run, "survey", chunks)
    spread(session.sparkContext, run, "decide", partitions)
    until_finished(run, "decide", None)
    spread(session.sparkContext, run, "load", chunks)


def _query(session: SparkSession, run: Run, place: Workplace, reason: str | None) -> bool:
    """Read the rows and run the query; tell whether there is a result, for the object may be refused instead."""
    began = place.clock()
    if place.members is not None:
        spread(session.sparkContext, run, "member", place.members.count)
        if until_finished(run, "members", None)["conclude"]:
            return False
    spread(session.sparkContext, run, "rows", number_chunks(place))
    if until_finished(run, "judge", None)["conclude"]:
        return False
    spread(session.sparkContext, run, "reference", len(query_of(place).references))
    if is_refused(place):
        return False
    try:
        run_query(session, run.open_place, began, reason)
    except DataError as error:
        refuse_object(place, error.code, str(error))
        return False
    except PenstockError as error:
        place.folder.write(problem_name("query", None), Problem(f"In the query: {error}"))
        raise
    return True
