"""What rejects do not tell of a record because it is sensitive, and what such a record says again once it is corrected.

A cell is hidden as it is written, quotes and all, so that what is left is one record of the same width. No digest of a record
is given whose other cells are there to be read: what a card number is, its digest would tell whoever tries them all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

from penstock.engine.bind import Binding
from penstock.engine.grammar import Grammar
from penstock.engine.lines import misread
from penstock.engine.result import Reject
from penstock.engine.scan import Record, take_record
from penstock.plan.model import Dialect, Encoding, Plan

MARK: Final = b"(sensitive)"
"""What stands in the place of what is withheld."""


def withhold_record(reject: Reject) -> Reject:
    """Give a reject that tells nothing of its record but where it is and what is wrong with it."""
    return replace(reject, raw=MARK, sha256=None, withheld="record")


def may_withhold(plan: Plan) -> bool:
    """Tell whether rejects of a feed are to tell less than all."""
    return not plan.keep_sensitive and any(field.sensitive for field in plan.fields)


@dataclass(frozen=True, slots=True)
class Withholding:
    """What the rejects of one file are not to tell: the cells in the places ``hidden`` of records of ``width`` cells.

    Those are of sensitive fields, and of columns that the contract does not know: nobody has said what they hold.
    """

    grammar: Grammar
    encoding: Encoding
    width: int
    hidden: frozenset[int]

    @classmethod
    def of(cls, plan: Plan, binding: Binding) -> Self | None:
        """Give what is to be withheld of a file; None where everything is kept."""
        if not may_withhold(plan):
            return None
        hidden = (
            place
            for place, field in enumerate(binding.columns)
            if field is None or plan.fields[field].sensitive
        )
        return cls(Grammar.of(plan.dialect), plan.dialect.encoding, binding.width, frozenset(hidden))

    def hide(self, reject: Reject, *, certain: bool = True) -> Reject:
        """Give a reject without what is sensitive.

        That is its whole record where its cells can't be told apart for certain: where it breaks the grammar, its encoding or its
        width, where it is not ``certain`` that it is a record of its own, and where only its beginning is here.
        """
        raw = reject.raw
        if not certain or len(raw) != reject.length or misread(raw, self.encoding):
            return withhold_record(reject)
        record = _split(self.grammar, raw)
        if record is None or len(record.cells) != self.width or not _can_stand(self.grammar):
            return withhold_record(reject)
        cells = _written(raw, record)
        shown = (MARK if place in self.hidden else cell for place, cell in enumerate(cells))
        return replace(reject, raw=self.grammar.delimiter.join(shown), sha256=None, withheld="cells")


def fill_marks(dialect: Dialect, content: bytes, record: bytes) -> bytes | None:
    """Give a correction with what its record has in each cell that holds nothing but the mark.

    None where the two do not have the same number of cells, so that nothing tells what is meant.
    """
    grammar = Grammar.of(dialect)
    corrected, old = _split(grammar, content), _split(grammar, record)
    if corrected is None or MARK not in corrected.cells:
        return content
    if old is None or len(old.cells) != len(corrected.cells):
        return None
    pairs = zip(corrected.cells, _written(content, corrected), _written(record, old), strict=True)
    return grammar.delimiter.join(there if cell == MARK else here for cell, here, there in pairs)


def _split(grammar: Grammar, raw: bytes) -> Record | None:
    """Give what is one record, and nothing else, by its cells."""
    found = take_record(grammar, raw, 0, None, at_end=True)
    return found if isinstance(found, Record) and found.next == len(raw) else None


def _written(raw: bytes, record: Record) -> list[bytes]:
    """Give the cells of a record as they are written."""
    starts = [0, *(end + 1 for end in record.ends)]
    return [raw[start:end] for start, end in zip(starts, record.ends, strict=False)]


def _can_stand(grammar: Grammar) -> bool:
    """Tell whether the mark is an ordinary cell."""
    signs = grammar.delimiter + grammar.quote + grammar.escape + grammar.comment
    return not any(sign in MARK for sign in signs)
