"""Steps of a run on Spark's executors.

Spark carries numbers of chunks and of partitions, and nothing else. What a step finds and leaves is in the run's folder; so a task may be
repeated, be it at once, and one whose executor died goes on where the saved state says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from penstock.engine.database import find_ending
from penstock.errors import DataError, PenstockError, ServiceError
from penstock.load.steps.passes import Answer
from penstock.load.steps.step import StepName

if TYPE_CHECKING:
    from pyspark import SparkContext

Call = Callable[[StepName, int | None], Answer]
"""Does a step, by its name and the number of its chunk or partition, and answers as :func:`~penstock.load.steps.step.do_step`."""


class TaskError(ServiceError):
    """A task failed as often as it may."""


@contextmanager
def spark_explained(
    where: str = "", find_fault: Callable[[Exception], DataError | None] = lambda _: None
) -> Iterator[None]:
    """Raise what Spark fails at ``where`` as :class:`TaskError`; its own words can quote a cell.

    ``find_fault`` may find that it is the data's, and what is to be said of that.
    """
    from py4j.protocol import Py4JError  # noqa: PLC0415 -- it is an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        yield
    except (Py4JError, PySparkException) as error:
        ending = find_ending(error)
        if ending is not None:
            raise ending from None
        fault = find_fault(error)
        if fault is not None:
            raise fault from error
        raise TaskError(
            f"Spark gave up{where} ({type(error).__name__}): a task failed as often as it may, or a process was ended. Give it more "
            "memory, or fewer cores at once, and run again."
        ) from error


@contextmanager
def told_alone() -> Iterator[None]:
    """Raise what Penstock explains without what caused it: Spark and Glue log all of a traceback, and a cause can quote a cell."""
    try:
        yield
    except PenstockError as error:
        raise error from None


def spread(context: SparkContext, call: Call, step: StepName, numbers: int | Sequence[int]) -> None:
    """Have a step done for each number, or for each below a count, a task each. Nothing comes back to who asks."""
    wanted = range(numbers) if isinstance(numbers, int) else numbers
    with spark_explained():
        context.parallelize(wanted, max(1, len(wanted))).foreach(_Task(call, step))


def until_finished(call: Call, step: StepName, number: int | None) -> Answer:
    """Do a step, as often as it takes."""
    while not (answer := call(step, number))["finished"]:
        pass
    return answer


class _Task:
    """What an executor does with a number."""

    def __init__(self, call: Call, step: StepName) -> None:
        self._call = call
        self._step = step

    def __call__(self, number: int) -> None:
        with told_alone():
            until_finished(self._call, self._step, number)
