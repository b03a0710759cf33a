"""Dead letters of a feed: what failed as often as it may, with what is known of the reason; looked at, and sent back.

Two kinds come together in one queue: messages of the feed's own queue, as they were; and the records that Lambda keeps of
calls that failed (Lambda guide, "Capturing records of Lambda asynchronous invocations"), which hold the event and the
error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from penstock.aws.connect import Client
from penstock.aws.events import ObjectHint, ReplayOrder, Unreadable, decode_event
from penstock.aws.explain import AwsError, NotDeployedError, error_code, explain_error
from penstock.aws.function_errors import NotLoadedError, explain_function_error
from penstock.aws.hint import Hints

_HELD_SECONDS: Final = 120
"""How long a letter that was received is hidden from others. It is let go of sooner, unless the process dies."""
_WAIT_SECONDS: Final = 1
"""Above zero SQS asks all of its servers; at zero some, and may answer that there is nothing (SQS guide, "Long polling")."""
_MOST_AT_ONCE: Final = 10
_NO_QUEUE: Final = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of a feed's dead-letter queue.

    ``event`` is what the feed was told and could not do, ``objects`` the bucket and key of each object that it names,
    ``replays`` the run that it orders to replay.
    ``reason`` is what the letter itself says, if it does: of an event that can't be read, or of a call that failed.
    ``receives`` counts every time that somebody received it, a look included; ``sent_at`` is when it was first sent.
    """

    id: str
    receipt: str
    event: str
    objects: tuple[tuple[str, str], ...]
    replays: str | None
    reason: str | None
    receives: int
    sent_at: str


@contextmanager
def hold_letters(sqs: Client, queue: str) -> Iterator[Iterator[DeadLetter]]:
    """Give a queue's dead letters, each once, hidden from others as long as the context is open.

    Those that are still there at its end can be received again at once. Needs sqs:ReceiveMessage and
    sqs:ChangeMessageVisibility. Raises :class:`~penstock.errors.ServiceError`.
    """
    url = find_queue(sqs, queue)
    held: dict[str, str] = {}
    try:
        yield _receive(sqs, url, queue, held)
    finally:
        _let_go(sqs, url, queue, held)


def list_letters(sqs: Client, queue: str, limit: int) -> tuple[DeadLetter, ...]:
    """Give up to ``limit`` of a queue's dead letters, the oldest first, and leave all of them where they are."""
    with hold_letters(sqs, queue) as letters:
        return tuple(sorted(islice(letters, limit), key=lambda letter: (letter.sent_at, letter.id)))


def send_back(sqs: Client, queue: str, letter: DeadLetter, hints: Hints) -> None:
    """Send a letter's event to its feed again, and then delete the letter.

    Whoever dies between the two leaves both, and the event comes twice: events are hints, and a second one does nothing.
    Needs sqs:DeleteMessage, and what the hints need. Raises :class:`~penstock.errors.ServiceError`.
    """
    hints.pass_on(letter.event)
    try:
        sqs.delete_message(QueueUrl=find_queue(sqs, queue), ReceiptHandle=letter.receipt)
    except AwsError as error:
        raise explain_error(error, f"delete a dead letter of {queue}", "sqs:DeleteMessage") from error


def find_queue(sqs: Client, name: str) -> str:
    """Give a queue's URL. Needs sqs:GetQueueUrl. Raises :class:`~penstock.errors.ServiceError`."""
    try:
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except AwsError as error:
        if error_code(error) in _NO_QUEUE:
            raise NotDeployedError(f"There is no queue {name} here") from error
        raise explain_error(error, f"find the queue {name}", "sqs:GetQueueUrl") from error


def _receive(sqs: Client, url: str, queue: str, held: dict[str, str]) -> Iterator[DeadLetter]:
    while True:
        try:
            answer = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=_MOST_AT_ONCE,
                VisibilityTimeout=_HELD_SECONDS,
                WaitTimeSeconds=_WAIT_SECONDS,
                AttributeNames=["All"],
            )
        except AwsError as error:
            raise explain_error(error, f"read the dead letters in {queue}", "sqs:ReceiveMessage") from error
        messages = answer.get("Messages", ())
        fresh = [message for message in messages if message["MessageId"] not in held]
        held.update((message["MessageId"], message["ReceiptHandle"]) for message in messages)
        yield from map(read_letter, fresh)
        if not fresh:  # none is left, or it took so long that the first ones can be seen again
            return


def _let_go(sqs: Client, url: str, queue: str, held: Mapping[str, str]) -> None:
    """Make letters visible again. Of those that are deleted by now SQS says so in its answer, which is nobody's concern."""
    receipts = iter(held.values())
    while some := list(islice(receipts, _MOST_AT_ONCE)):
        entries = [
            {"Id": str(n), "ReceiptHandle": receipt, "VisibilityTimeout": 0} for n, receipt in enumerate(some)
        ]
        try:
            sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
        except AwsError as error:
            raise explain_error(
                error, f"let go of the dead letters in {queue}", "sqs:ChangeMessageVisibility"
            ) from error


def read_letter(message: Mapping[str, Any]) -> DeadLetter:
    """Read a message as SQS gives it, with its attributes."""
    body, attributes = str(message["Body"]), message.get("Attributes", {})
    event, reason = _open_record(body)
    hints = decode_event(
        {"Records": [{"eventSource": "aws:sqs", "messageId": message["MessageId"], "body": event}]}
    ).hints
    unreadable = [str(hint.error) for hint in hints if isinstance(hint, Unreadable)]
    if unreadable:
        reason = unreadable[0]
    return DeadLetter(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        event=event,
        replays=next((hint.run for hint in hints if isinstance(hint, ReplayOrder)), None),
        objects=tuple((hint.bucket, hint.key) for hint in hints if isinstance(hint, ObjectHint)),
        reason=reason,
        receives=int(attributes.get("ApproximateReceiveCount", 0)),
        sent_at=_format_sent(attributes),
    )


def _open_record(body: str) -> tuple[str, str | None]:
    """Give the event of a letter, and the reason that a record of Lambda's gives for its failure."""
    record = _parse(body)
    if not isinstance(record, Mapping) or "requestPayload" not in record:
        return body, None
    event = json.dumps(record["requestPayload"], ensure_ascii=False)
    response = record.get("responsePayload")
    if not isinstance(response, Mapping) or "errorType" not in response:
        condition = record.get("requestContext", {}).get("condition", "it did not say why")
        return event, f"Lambda gave up on it ({condition})"
    kind = str(response["errorType"])
    if kind == NotLoadedError.__name__:  # the run says more
        return event, None
    return event, explain_function_error(kind, str(response.get("errorMessage")))


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _format_sent(attributes: Mapping[str, str]) -> str:
    sent = datetime.fromtimestamp(int(attributes.get("SentTimestamp", 0)) / 1000, UTC)
    return f"{sent:%Y-%m-%dT%H:%M:%SZ}"
