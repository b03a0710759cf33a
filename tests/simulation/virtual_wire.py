"""The wire between an actor and a service: how long a request takes, and what becomes of it.

A request has its effect some time after it was sent, and is answered some time after that: at most
:data:`~penstock.aws.connect.READ_SECONDS` later, for then the caller gives up. It has its effect whether or not its
sender still lives by then. So what a dead worker sent last is still to come, as it is in a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Literal, TypeVar

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from virtual_time import Actor, Killed, Schedule

from penstock.aws.connect import CONNECT_SECONDS, READ_SECONDS

T = TypeVar("T")

Fault = Literal["kill before", "kill after", "throttled", "failed", "unreached", "lost"]
"""What befalls a request. ``kill before`` and ``kill after``: its sender dies before it is sent, or as soon as it is.
``throttled`` and ``failed``: the service answers so and does nothing. ``unreached``: it never gets there. ``lost``: it has its
effect, and the answer never comes."""

_ATTEMPTS: Final = 5
"""As in :mod:`penstock.aws.connect`: how often a client sends a request."""
_LEAST: Final = 0.0001


class Answered(Generic[T]):
    """What a service answered: something, or an error of its own."""

    def __init__(self) -> None:
        self._given: T | None = None
        self._error: ClientError | None = None
        self._come = False

    def take(self, effect: Callable[[], T]) -> None:
        """Let the service do what it does."""
        self._come = True
        try:
            self._given = effect()
        except ClientError as error:
            self._error = error

    def give(self) -> T:
        """Give what it answered, or raise it."""
        assert self._come, "an answer was looked at before it came"
        if self._error is not None:
            raise self._error
        return self._given  # type: ignore[return-value]  # None only where the effect gives None


_THROTTLED: Final = {"s3": "SlowDown", "dynamodb": "ProvisionedThroughputExceededException"}
_FAILED: Final = {"s3": "InternalError", "dynamodb": "InternalServerError"}


def client_error(
    code: str, operation: str, status: int = 400, message: str = "as the service says"
) -> ClientError:
    """Make an error as botocore raises it for a service's answer."""
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},
        operation,
    )


def silence(kind: Any, service: str) -> Exception:
    """Make an error as botocore raises it where no answer came."""
    error: Exception = kind(endpoint_url=service)
    return error


def _refusal(service: str, operation: str, *, throttled: bool) -> Exception:
    code, status = (_FAILED.get(service, "InternalFailure"), 500)
    if throttled:
        code, status = _THROTTLED.get(service, "ThrottlingException"), 503 if service == "s3" else 400
    error: Exception = client_error(code, operation, status)
    return error


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong, as a share of the requests, or of the looks at the clock for ``stall``.

    ``latency`` is how long one way of a request takes at most, ``slow`` is for requests that take seconds. ``give_up`` is the share of failed attempts after which no other one helps.
    ``partial`` and the others that are no faults of requests are explained where they are used.
    """

    kill: float = 0.0
    throttled: float = 0.0
    failed: float = 0.0
    unreached: float = 0.0
    lost: float = 0.0
    slow: float = 0.0
    stall: float = 0.0
    give_up: float = 0.3
    latency: float = 0.03
    broken_body: float = 0.0
    partial: float = 0.0
    full_disk: float = 0.0
    denied_rejects: float = 0.0
    doubled: float = 0.0
    dropped: float = 0.0

    @property
    def faithful(self) -> bool:
        """Whether every event comes and every request is answered in time: what is done then needs no sweep."""
        return replace(self, doubled=0.0) == Faults(give_up=self.give_up, latency=self.latency)

    @property
    def none(self) -> Faults:
        """The same world in which nothing goes wrong any more."""
        return Faults()


@dataclass(frozen=True)
class Strike:
    """One fault, of one request of an actor: the ``call``-th, counted from 1."""

    actor: str
    call: int
    fault: Fault | Literal["deadline"]


@dataclass
class Wire:
    """Carries requests. ``strikes`` are faults that are certain, beside those of chance."""

    schedule: Schedule
    faults: Faults = field(default_factory=Faults)
    strikes: tuple[Strike, ...] = ()
    denied: Callable[[str, Mapping[str, Any]], bool] = lambda _operation, _request: False
    spare: Callable[[Actor], bool] = lambda _actor: False
    """Whether an actor is of a service, which does not fail."""
    unsure: list[str] = field(default_factory=list)
    """What requests were about that were done, and whose sender was told that they failed."""

    def calm(self) -> None:
        """End all faults."""
        self.faults = self.faults.none
        self.strikes = ()
        self.denied = lambda _operation, _request: False

    def stall(self) -> None:
        """Let the running actor look at its clock; at times it had been busy for seconds."""
        if self.happens(self.faults.stall):
            self.schedule.pause(self.schedule.dice.uniform(0.1, 20.0))
        else:
            self.schedule.check()

    def happens(self, share: float) -> bool:
        """Throw the dice."""
        return share > 0 and self.schedule.dice.random() < share

    def latency(self) -> float:
        """Give how long one way of a request takes."""
        if self.happens(self.faults.slow):
            return self.schedule.dice.uniform(0.2, READ_SECONDS / 2 - 0.1)
        return self.schedule.dice.uniform(_LEAST, self.faults.latency)

    def draw(self, operation: str, about: str) -> Fault | None:
        """Begin a request of the running actor: decide what befalls it."""
        actor = self.schedule.check()
        actor.calls += 1
        fault = None if self.spare(actor) else self._strike(actor) or self._chance()
        self.schedule.note(actor.name, f"{actor.calls} {operation} {about}{' -- ' + fault if fault else ''}")
        if fault == "kill before":
            self.schedule.kill(actor, "before a request")
            raise Killed
        return fault

    def _strike(self, actor: Actor) -> Fault | None:
        for strike in self.strikes:
            if (actor.name, actor.calls) == (strike.actor, strike.call):
                self.strikes = tuple(other for other in self.strikes if other is not strike)
                if strike.fault == "deadline":
                    actor.end = self.schedule.now
                    self.schedule.check()
                    return None
                return strike.fault
        return None

    def _chance(self) -> Fault | None:
        faults = self.faults
        point = self.schedule.dice.random()
        chances: list[tuple[Fault, float]] = [
            ("kill before", faults.kill / 2),
            ("kill after", faults.kill / 2),
            ("throttled", faults.throttled),
            ("failed", faults.failed),
            ("unreached", faults.unreached),
            ("lost", faults.lost),
        ]
        for fault, share in chances:
            if point < share:
                return fault
            point -= share
        return None

    def call(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        effect: Callable[[], T],
        about: str = "",
    ) -> T:
        """Send a request as a client of botocore does, and give its answer. ``effect`` is what the service does."""
        if self.denied(operation, request):
            self.draw(operation, f"{about} (denied)")
            self.schedule.pause(self.latency())
            raise client_error("AccessDenied", operation, 403)
        unsure = False
        for attempt in range(1, _ATTEMPTS + 1):
            fault = self.draw(operation, about)
            unsure = unsure or fault == "lost"
            error = self._attempt(service, operation, effect, fault)
            if isinstance(error, Answered):
                return error.give()
            if attempt == _ATTEMPTS or self.happens(self.faults.give_up):
                if unsure:
                    self.unsure.append(about)
                raise error
            self.schedule.pause(self.schedule.dice.uniform(0.0, 2.0 ** (attempt - 1)))
        raise AssertionError("the last attempt returns or raises")

    def _attempt(
        self, service: str, operation: str, effect: Callable[[], T], fault: Fault | None
    ) -> Answered[T] | Exception:
        schedule = self.schedule
        box: Answered[T] = Answered()
        there, back = self.latency(), self.latency()
        if fault == "kill after":
            schedule.at(there, lambda: box.take(effect))
            schedule.kill(schedule.current, "with a request under way")
            raise Killed
        if fault == "lost":
            schedule.at(schedule.dice.uniform(_LEAST, READ_SECONDS), lambda: box.take(effect))
            schedule.pause(READ_SECONDS + _LEAST)
            return silence(ReadTimeoutError, service)
        if fault == "unreached":
            schedule.pause(schedule.dice.uniform(_LEAST, CONNECT_SECONDS))
            return silence(EndpointConnectionError, service)
        if fault is not None:
            schedule.pause(there + back)
            return _refusal(service, operation, throttled=fault == "throttled")
        schedule.at(there, lambda: box.take(effect))
        schedule.pause(there + back)
        return box
