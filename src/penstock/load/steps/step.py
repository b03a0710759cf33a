"""One step of a run, by its name: what it is called with by whoever drives the run, and what it leaves where it fails."""

from __future__ import annotations

from typing import Literal

from penstock.errors import PenstockError, ServiceError
from penstock.load.report import failure_code
from penstock.load.steps.decide import decide_all, decide_keys
from penstock.load.steps.members import cut_member, take_cuts
from penstock.load.steps.passes import Answer, cut, load, survey
from penstock.load.steps.query import cut_rows, judge_object, read_chunk, take_reference
from penstock.load.steps.states import Problem, problem_name
from penstock.load.steps.workplace import Workplace

StepName = Literal["cut", "member", "members", "rows", "judge", "reference", "survey", "decide", "load"]


def do_step(place: Workplace, name: StepName, number: int | None = None) -> Answer:
    """Do a step: cut, survey a chunk, decide a partition's keys or, without a number, the whole object, load a chunk.

    Of a plan with a query: cut, read the rows of a chunk, judge the object by its records, read a reference. Where that is over many
    objects, each is a member that is cut by itself, and all members' cuts are taken together. Once the query's
    result is there, that is loaded by a plan of its own.

    Its answer says whether it is ``finished``; where it is not, it is to be called again. Raises what the step does, after
    noting it in the run's folder.
    """
    try:
        try:
            return _do(place, name, number)
        except OSError as error:
            raise place.explain(error) from error
    except PenstockError as error:
        about = f" of chunk {number}" if name in {"rows", "survey", "load"} else ""
        chunk = number if name == "load" else None
        problem = Problem(f"In the step {name}{about}: {error}", chunk, failure_code(error))
        place.folder.write(problem_name(name, number), problem)
        raise


def _do(place: Workplace, name: StepName, number: int | None) -> Answer:
    if place.plan.query is not None:
        return _do_before_query(place, name, number)
    if name == "cut":
        return cut(place)
    if name == "decide":
        return decide_all(place) if number is None else decide_keys(place, number)
    assert number is not None, "an order to survey or to load names its chunk"
    return survey(place, number) if name == "survey" else load(place, number)


def _do_before_query(place: Workplace, name: StepName, number: int | None) -> Answer:
    if name == "cut":
        return cut_rows(place)
    if name == "members":
        return take_cuts(place)
    if name == "judge":
        return judge_object(place)
    if name not in {"member", "rows", "reference"}:
        raise ServiceError("The query's result is not there yet. Start the load again.")
    assert number is not None, "an order to read names its object, its chunk, or its reference"
    if name == "member":
        return cut_member(place, number)
    return read_chunk(place, number) if name == "rows" else take_reference(place, number)
