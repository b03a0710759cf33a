"""DynamoDB's reasons for refusing an item, told without the item's values.

Some of its messages quote what they refuse, so only those known to be free of values pass, in words of our own. The
messages are those of the service in 2026; a message that is not known is told as just that.
"""

from __future__ import annotations

import re
from typing import Final

_REASONS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (
            r"Type mismatch for key (.{1,255}?) expected: (\w+),? actual: (\w+)",
            r"the key attribute \1 has the type \3, and the table's has \2",
        ),
        (
            r"Type mismatch for Index Key (.{1,255}?) Expected: (\w+),? Actual: (\w+)",
            r"the index key attribute \1 has the type \3, and the index's has \2",
        ),
        (
            r"empty (?:string|binary) value\. IndexName: (.{1,255}?), IndexKey: (.{1,255})",
            r"the key attribute \2 of the index \1 is empty",
        ),
        (r"empty (?:string|binary) value\. Key: (.{1,255})", r"the key attribute \1 is empty"),
        (r"Missing the key (.{1,255}) in the item", r"the key attribute \1 is missing"),
        (r"key element does not match the schema", "its key is not of the table's schema"),
        (r"Item size has exceeded", "the item is larger than 400 KB"),
        (r"Size of hashkey has exceeded", "its partition key is larger than 2048 bytes"),
        (r"size of all range keys has exceeded", "its sort key is larger than 1024 bytes"),
        (r"more than 38 significant digits", "a number has more than 38 digits"),
        (r"Number (?:over|under)flow", "a number is outside the range that DynamoDB holds"),
        (r"cannot be converted to a numeric value", "an attribute of type N is not a number"),
        (r"contains duplicates", "a set holds a value twice"),
        (r"set\s+may not be empty", "a set is empty"),
        (r"Nesting Levels have exceeded", "it is nested deeper than 32 levels"),
        (r"exactly one of the supported datatypes", "an attribute has no type"),
    )
)

UNKNOWN = "the service finds it invalid, for a reason that can't be shown without its values"


def describe_refusal(message: str) -> str:
    """Give DynamoDB's reason in a sentence that holds names, types and limits but no value."""
    for pattern, reason in _REASONS:
        if found := pattern.search(message):
            return f"DynamoDB refused the item: {found.expand(reason)}."
    return f"DynamoDB refused the item: {UNKNOWN}."
