"""What holds data is not replaced unless somebody asks for just that, by its name.

A queue holds hints, and the sweep finds again what they were about; a log group is kept under its name, which no project
changes. So this is about tables and buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from penstock.errors import UsageError
from penstock.stack.changes import ChangeLine

MayReplace = Callable[[str], bool]
"""Tells of the name of a table or a bucket whether somebody asked for it to be replaced."""

_WORDS: Final = {"AWS::DynamoDB::Table": "table", "AWS::S3::Bucket": "bucket"}
_GIVES_UP: Final = {"yes": "would replace", "perhaps": "may replace"}


def require_asked(lines: Iterable[ChangeLine], may_replace: MayReplace) -> None:
    """Raise :class:`UsageError` where a change would give up a table or bucket that nobody named."""
    refused = [
        line
        for line in lines
        if line.kind in _WORDS and line.replacement != "no" and not may_replace(_old_name(line))
    ]
    if refused:
        raise UsageError("\n".join(_refuse(line) for line in refused))


def _old_name(line: ChangeLine) -> str:
    return line.replaces or line.name


def _refuse(line: ChangeLine) -> str:
    old, word = _old_name(line), _WORDS[line.kind]
    by = f" by {line.name}" if line.name != old else ""
    return (
        f"This {_GIVES_UP[line.replacement]} the {word} {old}{by} ({line.why}), so that nothing was changed. The new {word} would be "
        f"empty, and {old} be kept as it is, outside the stack, with nothing that loads it any more. If that is not meant, "
        f"put the old name back{' into `load.table`' if word == 'table' else ''}. If it is: penstock deploy --replace {old}; "
        "then `penstock backfill PREFIX --again` fills the new one from the files of the feeds."
    )
