"""Step Functions in memory: executions of the real definition (Amazon States Language, with JSONPath).

What a definition of Penstock's uses is there; anything else is an error of the test.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from virtual_lambda import Result, VirtualFunction
from virtual_s3 import Store
from virtual_time import Actor
from virtual_wire import Wire, client_error

State = Mapping[str, Any]


class StateError(Exception):
    """A state failed with an error's name and its cause."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(name)
        self.name = name
        self.cause = cause


@dataclass(eq=False)
class Execution:
    """An execution, and how it ended: with SUCCEEDED, or FAILED and an error."""

    name: str
    input: str
    status: str = "RUNNING"
    error: str | None = None


@dataclass
class _Map:
    """A map at work: what is left to begin, and who is at it."""

    at_once: float
    most_failed: float
    left: list[tuple[int, Any]]
    children: dict[Actor, None] = field(default_factory=dict)
    failed: int = 0

    @property
    def over(self) -> bool:
        return self.failed > self.most_failed or not (self.left or self.children)


@dataclass
class VirtualStates:
    """State machines by their ARNs. As a client it starts executions. A service that runs them does not fail."""

    wire: Wire
    function: VirtualFunction
    store: Store
    definitions: dict[str, State] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)

    def start_execution(self, *, stateMachineArn: str, name: str, **given: str) -> dict[str, Any]:
        data = given.pop("input")  # botocore's name, which Python has taken

        def effect() -> dict[str, Any]:
            if stateMachineArn not in self.definitions:
                raise client_error("StateMachineDoesNotExist", "StartExecution")
            known = self.executions.get(name)
            if known is None:
                self.executions[name] = execution = Execution(name, data)
                self._start(f"execution {name[-10:]}", lambda: self._run(stateMachineArn, execution))
            elif known.status != "RUNNING" or known.input != data:
                raise client_error("ExecutionAlreadyExists", "StartExecution")
            return {"executionArn": f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"}

        return self.wire.call("stepfunctions", "StartExecution", {}, effect, name[-10:])

    def _start(self, name: str, work: Callable[[], None]) -> Actor:
        actor = Actor(name)
        self.wire.schedule.start(actor, work)
        return actor

    def _run(self, machine: str, execution: Execution) -> None:
        try:
            self._states(self.definitions[machine], json.loads(execution.input), {})
            execution.status = "SUCCEEDED"
        except StateError as error:
            execution.status, execution.error = "FAILED", error.name
        self.wire.schedule.note(
            f"execution {execution.name[-10:]}", f"{execution.status} {execution.error or ''}"
        )

    def _states(self, machine: State, data: Any, context: Mapping[str, Any]) -> Any:
        """Go from state to state; give what the last one does."""
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            data, following = self._state(name, state, data, context)
            if following is None:
                return data
            name = following

    def _state(
        self, name: str, state: State, data: Any, context: Mapping[str, Any]
    ) -> tuple[Any, str | None]:
        match state["Type"]:
            case "Succeed":
                return data, None
            case "Fail":
                raise StateError(
                    str(_find(state["ErrorPath"], data, context)),
                    str(_find(state["CausePath"], data, context)),
                )
            case "Choice":
                chosen = (choice["Next"] for choice in state["Choices"] if _holds(choice, data))
                return data, next(chosen, state["Default"])
            case "Pass":
                return _place(state, data, state["Result"]), state.get("Next")
            case "Task" | "Map":
                return self._work(name, state, data, context)
        raise AssertionError(f"states of the type {state['Type']} are not known here")

    def _work(self, name: str, state: State, data: Any, context: Mapping[str, Any]) -> tuple[Any, str | None]:
        """Do a task or a map, again where it is to be tried again, and go on where its error is caught."""
        tries: dict[int, int] = {}
        while True:
            try:
                do = self._task if state["Type"] == "Task" else self._map
                return _place(state, data, do(name, state, data, context)), state.get("Next")
            except StateError as error:
                again = _find_retry(state.get("Retry", ()), error, tries)
                if again is not None:
                    self.wire.schedule.pause(self.wire.schedule.dice.uniform(0.0, again))
                    continue
                caught = next((c for c in state.get("Catch", ()) if _matches(c["ErrorEquals"], error)), None)
                if caught is None:
                    raise
                return _place(caught, data, {"Error": error.name, "Cause": error.cause}), caught["Next"]

    def _task(self, name: str, state: State, data: Any, context: Mapping[str, Any]) -> Any:
        assert state["Resource"].endswith(":states:::lambda:invoke"), state["Resource"]
        payload = _fill(state["Parameters"]["Payload"], data, context)
        result = self._invoke(name, payload, state["TimeoutSeconds"])
        if result.kind is not None:
            raise StateError(
                result.kind, result.message if result.kind.startswith("States.") else result.cause
            )
        return _fill(state["ResultSelector"], {"Payload": result.answer, "StatusCode": 200}, context)

    def _invoke(self, name: str, payload: Any, seconds: float) -> Result:
        """Call the function and wait for its answer, which can get lost; the call can also be made twice."""
        schedule, wire = self.wire.schedule, self.wire
        actor, box = schedule.current, list[Result]()

        def done(result: Result) -> None:
            box.append(
                Result(kind="Lambda.SdkClientException", message="lost")
                if wire.happens(wire.faults.lost)
                else result
            )
            schedule.wake(actor)

        if wire.happens(wire.faults.throttled):
            schedule.pause(wire.latency())
            return Result(kind="Lambda.TooManyRequestsException", message="Rate Exceeded.")
        if wire.happens(wire.faults.doubled):
            self.function.invoke(payload, lambda _result: None, f"{name}-twin")
        if wire.happens(wire.faults.failed):  # the call is at work, and Step Functions does not know it
            self.function.invoke(payload, lambda _result: None, f"{name}-unseen")
            schedule.pause(wire.latency())
            return Result(kind="Lambda.ServiceException", message="the service failed")
        self.function.invoke(payload, done, name)
        assert self.function.seconds < seconds, "a function ends before its state does"
        while not box:
            schedule.park()
        return box[0]

    def _map(self, _name: str, state: State, data: Any, context: Mapping[str, Any]) -> Any:
        """Run a distributed map: an execution of its own for each entry of a list that lies in S3."""
        reader = _fill(state["ItemReader"]["Parameters"], data, context)
        version = self.store.bucket(reader["Bucket"], "GetObject").current(reader["Key"])
        if version is None or version.body is None:
            raise StateError("States.ItemReaderFailed", f"there is no {reader['Key']}")
        entries = json.loads(version.body)
        mother = _Map(
            state["MaxConcurrency"] or math.inf, _tolerated(state, len(entries)), [*enumerate(entries)]
        )
        self._begin(state, data, context, mother)
        while not mother.over:
            self.wire.schedule.park()
        failed = mother.failed
        self._write_results(state, data, context, len(entries), failed)
        if failed > mother.most_failed:
            self.wire.schedule.at(self.wire.latency(), lambda: self._abort(mother))
            raise StateError(
                "States.ExceedToleratedFailureThreshold", "more of the map failed than is tolerated"
            )

    def _begin(self, state: State, data: Any, context: Mapping[str, Any], mother: _Map) -> None:
        """Start as many children as there may be."""
        waiting = self.wire.schedule.current

        def child(given: Any) -> None:
            try:
                self._states(state["ItemProcessor"], given, {})
            except StateError:
                mother.failed += 1
            del mother.children[self.wire.schedule.current]
            begin()
            if mother.over:
                self.wire.schedule.wake(waiting)

        def begin() -> None:
            while mother.left and not mother.over and len(mother.children) < mother.at_once:
                index, entry = mother.left.pop(0)
                about = {**context, "Map": {"Item": {"Index": index, "Value": entry}}}
                given = _fill(state["ItemSelector"], data, about)
                name = f"{waiting.name} {state['Label']} {index}"
                mother.children[self._start(name, lambda given=given: child(given))] = None  # type: ignore[misc]  # bound now

        begin()

    def _abort(self, mother: _Map) -> None:
        """Stop the children of a map that failed. What they called goes on."""
        for actor in mother.children:
            self.wire.schedule.kill(actor, "its map failed")

    def _write_results(
        self, state: State, data: Any, context: Mapping[str, Any], count: int, failed: int
    ) -> None:
        place = _fill(state["ResultWriter"]["Parameters"], data, context)
        manifest = json.dumps({"done": count - failed, "failed": failed}).encode()
        self.store.put(place["Bucket"], f"{place['Prefix']}/{state['Label']}/manifest.json", manifest)


def _find(path: str, data: Any, context: Mapping[str, Any]) -> Any:
    """Follow a path of names."""
    found = context if path.startswith("$$") else data
    for name in path.lstrip("$").split("."):
        if name:
            if not isinstance(found, Mapping) or name not in found:
                raise StateError("States.Runtime", f"there is nothing at {path}")
            found = found[name]
    return found


def _fill(template: Any, data: Any, context: Mapping[str, Any]) -> Any:
    """Give a template with what its paths lead to."""
    if not isinstance(template, Mapping):
        return template
    filled: dict[str, Any] = {}
    for name, value in template.items():
        if not name.endswith(".$"):
            filled[name] = _fill(value, data, context)
        elif value.startswith("States.Format("):
            text, path = value.removeprefix("States.Format(").removesuffix(")").split(", ")
            filled[name[:-2]] = text.strip("'").replace("{}", str(_find(path, data, context)))
        else:
            filled[name[:-2]] = _find(value, data, context)
    return filled


def _place(state: State, data: Any, result: Any) -> Any:
    """Put a state's result where it is to be."""
    path = state.get("ResultPath", "$")
    if path is None:
        return data
    if path == "$":
        return result
    (name,) = path.removeprefix("$.").split(".")
    return {**data, name: result}


def _holds(choice: State, data: Any) -> bool:
    if "And" in choice:
        return all(_holds(part, data) for part in choice["And"])
    try:
        found = _find(choice["Variable"], data, {})
    except StateError:
        if "IsPresent" in choice:
            return not choice["IsPresent"]
        raise
    if "IsPresent" in choice:
        return bool(choice["IsPresent"])
    return bool(found is choice["BooleanEquals"])


def _matches(names: Iterable[str], error: StateError) -> bool:
    return any(
        name == error.name
        or name == "States.ALL"
        or (name == "States.TaskFailed" and error.name != "States.Timeout")
        for name in names
    )


def _find_retry(retries: Iterable[State], error: StateError, tries: dict[int, int]) -> float | None:
    """Give the most seconds to wait before the state is tried again, None where it is not."""
    for place, retry in enumerate(retries):
        if _matches(retry["ErrorEquals"], error):
            done = tries.get(place, 0)
            if done >= retry["MaxAttempts"]:
                return None
            tries[place] = done + 1
            seconds = retry["IntervalSeconds"] * retry["BackoffRate"] ** done
            return float(min(seconds, retry["MaxDelaySeconds"]))
    return None


def _tolerated(state: State, count: int) -> float:
    if "ToleratedFailureCount" in state:
        return float(state["ToleratedFailureCount"])
    return math.floor(count * float(state["ToleratedFailurePercentage"]) / 100)
