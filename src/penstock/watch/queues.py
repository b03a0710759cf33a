"""How much waits in a feed's queues."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.aws.connect import Client
from penstock.aws.dead_letters import find_queue
from penstock.aws.explain import AwsError, explain_error

_WAITING = "ApproximateNumberOfMessages"
_DELAYED = "ApproximateNumberOfMessagesDelayed"
_IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages of a queue, about as many as SQS says: those that wait, and those that a worker has."""

    waiting: int
    in_flight: int

    @property
    def total(self) -> int:
        """All that are there."""
        return self.waiting + self.in_flight


def read_depth(sqs: Client, queue: str) -> Depth:
    """Tell how many messages a queue holds. Needs sqs:GetQueueUrl and sqs:GetQueueAttributes.

    Raises :class:`~penstock.errors.ServiceError`.
    """
    url = find_queue(sqs, queue)
    try:
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[_WAITING, _DELAYED, _IN_FLIGHT])
    except AwsError as error:
        raise explain_error(error, f"look at the queue {queue}", "sqs:GetQueueAttributes") from error
    numbers = {name: int(value) for name, value in answer["Attributes"].items()}
    return Depth(numbers[_WAITING] + numbers.get(_DELAYED, 0), numbers[_IN_FLIGHT])
