"""What an answer to a write says: all is done, some is held back, or an error and of which kind.

The codes are those of "Error handling with DynamoDB" in the developer guide and of the API reference's common errors.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from penstock.aws.table.flights import Answer

INVALID: Final = frozenset({"ValidationException", "SerializationException", "RequestEntityTooLarge"})
"""A request of the batch is at fault, and the others are not."""
THROTTLED: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ThrottlingError",
    }
)
CONDITION_FAILED: Final = "ConditionalCheckFailedException"
"""The condition of a write does not hold, and nothing was written."""
_NO_ANSWER: Final = "no answer"
PASSING: Final = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "ReplicatedWriteConflictException",
        "ServiceUnavailable",
        "TransactionConflictException",
        _NO_ANSWER,
    }
)
"""What passes by itself."""

ALL_DONE: Final = b'"UnprocessedItems":{}'
"""Only in an answer that holds nothing back: within an item, an attribute's value is never empty braces."""
_UNITS: Final = re.compile(rb'"CapacityUnits":\s*([0-9.]+)')


def read_units(body: bytes) -> float:
    """Give the write units that a successful answer says were consumed, those of indexes included."""
    found = _UNITS.search(body)
    return float(found[1]) if found else 0.0


def read_answer(answer: Answer | None) -> tuple[str | None, dict[str, Any]]:
    """Give an answer's error code (of AWS JSON 1.0: what follows ``#`` in ``__type``) and its content.

    The code is None for success; no answer, or one that can't be read, has a code too.
    """
    if answer is None:
        return _NO_ANSWER, {}
    try:
        content = json.loads(answer.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        # Cut on its way, or from something between us and the service: whether it was applied is not known.
        code = "RequestEntityTooLarge" if answer.status == 413 else _NO_ANSWER
        return code, {}
    if answer.status == 200:
        return None, content
    code = str(content.get("__type", "")).rpartition("#")[2]
    if answer.status >= 500 or not code:
        return "InternalServerError", content
    return code, content
