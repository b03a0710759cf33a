"""What a busy service left out is asked for again; the embedded AWS is never busy, so these answers are written here."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.aws.hint import QueuedHints
from penstock.aws.ledger import Ledger
from penstock.aws.object_state import State
from penstock.aws.sweep.look_up import look_up
from penstock.errors import ServiceError


@dataclass
class Queue:
    """A queue that does not take some messages of each request."""

    refused: list[list[int]]
    taken: list[str] = field(default_factory=list)

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
        assert 1 <= len(Entries) <= 10
        refused = {str(place) for place in (self.refused.pop(0) if self.refused else ())}
        self.taken += [entry["MessageBody"] for entry in Entries if entry["Id"] not in refused]
        return {"Failed": [{"Id": place} for place in sorted(refused)]}


@dataclass
class Table:
    """A table that answers only the first keys of each request."""

    answered: list[int]
    asked: list[int] = field(default_factory=list)

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        keys = RequestItems["ledger"]["Keys"]
        self.asked.append(len(keys))
        count = self.answered.pop(0) if self.answered else len(keys)
        items = [{**key, "attempt": {"N": key["pk"]["S"][-1]}} for key in keys[:count]]
        left = {"ledger": {"Keys": keys[count:]}} if keys[count:] else {}
        return {"Responses": {"ledger": items}, "UnprocessedKeys": left}


OBJECTS = [("landing", f"a/{number}") for number in range(1, 10)]


def test_messages_that_the_queue_did_not_take_are_sent_again_and_no_others() -> None:
    queue, waits = Queue([[0, 8], [1], []]), list[float]()
    assert QueuedHints(queue, "orders", waits.append).send(OBJECTS) == 3
    assert len(queue.taken) == len(set(queue.taken)) == 9
    assert waits == [0.0, 0.2, 0.4]


def test_an_event_is_passed_on_as_it_is() -> None:
    queue = Queue([[0], []])
    QueuedHints(queue, "orders", lambda _: None).pass_on('{"any": "event"}')
    assert queue.taken == ['{"any": "event"}']


def test_a_queue_that_takes_nothing_is_an_error_in_the_end() -> None:
    with pytest.raises(ServiceError, match="did not take 1 of"):
        QueuedHints(Queue([[0]] * 5), "orders", lambda _: None).send(OBJECTS[:1])


def test_what_the_ledger_left_out_is_asked_for_again() -> None:
    table = Table([3, 0, 5])
    states = look_up(Ledger(table, "ledger"), OBJECTS, lambda _: None)
    assert [state.attempts for state in states] == list(range(1, 10))
    assert table.asked == [9, 6, 6, 1]


def test_an_object_that_the_ledger_does_not_have_has_no_state() -> None:
    class Empty:
        def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
            return {"Responses": {}}

    assert look_up(Ledger(Empty(), "ledger"), OBJECTS, lambda _: None) == [State()] * 9


def test_a_ledger_that_answers_nothing_is_an_error_in_the_end() -> None:
    with pytest.raises(ServiceError, match="left 9 reads of 9 undone"):
        look_up(Ledger(Table([0] * 8), "ledger"), OBJECTS, lambda _: None)
