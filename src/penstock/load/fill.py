"""Corrections in which cells were left as they were withheld: while they are replayed, what lies in the object stands there.

The corrections themselves are kept as they were sent, so that what is sensitive does not come to lie beside the rejects.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, cast

from penstock import verdicts
from penstock.engine.batch import RAW_LIMIT
from penstock.engine.result import Reason
from penstock.engine.withhold import MARK, fill_marks
from penstock.errors import UsageError
from penstock.load.chunk import Seen
from penstock.load.correct import MOST_BYTES, Correction
from penstock.load.protocols import ObjectSource
from penstock.load.remainder import Changes, Remainder
from penstock.plan.model import Dialect

_READ_BYTES: Final = 1 << 20
_UNCLEAR: Final = Reason(
    verdicts.MISSING_CELL,
    None,
    "its correction leaves cells withheld, and nothing tells which of the record's they are: write the record whole",
)


@dataclass(frozen=True, slots=True)
class Filled:
    """Corrections with nothing withheld in them.

    ``contents`` has by their offsets those that are sent now and had something withheld, ``corrections`` all that held before.
    ``faults`` are of those sent now of which nothing tells what is meant.
    """

    contents: Mapping[int, bytes]
    corrections: Sequence[Correction]
    faults: Mapping[int, Reason]


def fill_corrections(
    dialect: Dialect,
    source: ObjectSource,
    remainder: Remainder,
    changes: Changes | None,
    seen: Seen | None = None,
) -> Filled:
    """Fill what is withheld in corrections from the object. If there is nothing it is not read, else as far as the last.

    ``seen`` may end the reading: it can take long.
    Raises :class:`~penstock.errors.UsageError` where they are too much for the memory or old ones fit no more, and
    :class:`~penstock.errors.ServiceError` where the object can't be read.
    """
    sent = {offset: content for offset, content in (changes or {}).items() if content and MARK in content}
    marked = [found for found in remainder.corrections if MARK in found.content]
    if sent:
        rejects = remainder.read()
        marked += (Correction(r.offset, r.length, sent[r.offset]) for r in rejects if r.offset in sent)
    contents: dict[int, bytes] = {}
    size = 0
    for found, record in _read_records(source, sorted(marked), seen):
        content = fill_marks(dialect, found.content, record)
        if content is not None:
            contents[found.offset] = content
            size += len(content)
        if size > MOST_BYTES:
            raise UsageError(
                f"The corrections of the run come to more than {MOST_BYTES:,} bytes with what they leave withheld. Put the "
                "mended rows into a new file."
            )
    if any(MARK in found.content and found.offset not in contents for found in remainder.corrections):
        raise UsageError(
            "An earlier correction left cells withheld, and its record has other cells as the contract reads the file now: its "
            "dialect was changed since. Put the file again, so that it is loaded whole."
        )
    held = [
        found._replace(content=contents.get(found.offset, found.content)) for found in remainder.corrections
    ]
    return Filled(
        {offset: contents[offset] for offset in sent if offset in contents},
        held,
        {offset: _UNCLEAR for offset in sent if offset not in contents},
    )


def _read_records(
    source: ObjectSource, places: Sequence[Correction], seen: Seen | None
) -> Iterator[tuple[Correction, bytes]]:
    """Give the bytes that lie in each place of an object, in one reading; none of a record that is longer than rejects keep."""
    waiting = [place for place in reversed(places) if place.length <= RAW_LIMIT]
    if not waiting:
        return
    base, record = waiting[-1].offset, bytearray()
    # Closing it ends the reading, which may be ahead.
    blocks = cast("Generator[bytes, None, None]", source.blocks(_READ_BYTES, base))
    with closing(blocks):
        for block in blocks:
            end = base + len(block)
            if seen is not None:
                seen(end)
            while waiting and waiting[-1].offset < end:
                place = waiting[-1]
                stop = place.offset + place.length
                record += block[max(0, place.offset - base) : stop - base]
                if stop > end:
                    break
                yield waiting.pop(), bytes(record)
                record.clear()
            if not waiting:
                return
            base = end
