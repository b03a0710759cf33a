"""A run's rejects page by page: each is read from where the last one ended, and not from the start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from penstock.aws.artifacts import find_parts
from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, explain_error
from penstock.engine.result import Reject
from penstock.errors import UsageError
from penstock.load.rejects import reject_from_json

PAGE_BYTES: Final = 8 << 20
"""How much is read for one page at most, where rejects of one code are looked for among others."""
_READ_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place between two rejects: the index of a part, an offset in it, and how many rejects lie before."""

    part: int = 0
    offset: int = 0
    before: int = 0

    def __str__(self) -> str:
        return f"{self.part}-{self.offset}-{self.before}"


START: Final = Cursor()


def read_cursor(text: str) -> Cursor:
    """Read what ``str`` of a cursor gave. Raises :class:`~penstock.errors.UsageError` for anything else."""
    numbers = text.split("-")
    if len(numbers) != 3 or not all(n.isascii() and n.isdigit() and len(n) < 16 for n in numbers):
        raise UsageError("That is no place among a run's rejects. Begin at the first page.")
    return Cursor(*map(int, numbers))


@dataclass(frozen=True, slots=True)
class RejectPage:
    """Some rejects in file order, each with its number among the run's, and where to go on; None at the end."""

    rejects: tuple[tuple[int, Reject], ...]
    following: Cursor | None


@dataclass(frozen=True, slots=True)
class RejectSource:
    """Where a run's rejects lie. ``parts`` is the key of the list of parts that the run's item names, if it names one."""

    s3: Client
    bucket: str
    feed: str
    run: str
    parts: str | None = None

    def read(self, at: Cursor, limit: int, code: str | None = None) -> RejectPage:
        """Give up to ``limit`` rejects from ``at`` on: all, or those that have an error of this ``code``.

        With a code a page can be short, or empty, and not be the last. Needs s3:ListBucket and s3:GetObject. Raises
        :class:`~penstock.errors.ServiceError`.
        """
        found: list[tuple[int, Reject]] = []
        looked_at = 0
        try:
            parts = list(find_parts(self.s3, self.bucket, self.feed, self.run, self.parts))
            for line, after in self._lines(parts, at):
                looked_at += len(line)
                if code is None or code.encode() in line:
                    reject = reject_from_json(line)
                    if code is None or any(reason.code == code for reason in reject.errors):
                        found.append((after.before, reject))
                if len(found) == limit or looked_at >= PAGE_BYTES:
                    return RejectPage(tuple(found), after if after.part < len(parts) else None)
        except AwsError as error:
            raise explain_error(
                error, f"read the rejects in s3://{self.bucket}", "s3:ListBucket and s3:GetObject"
            ) from error
        return RejectPage(tuple(found), None)

    def _lines(self, parts: Sequence[str], at: Cursor) -> Iterator[tuple[bytes, Cursor]]:
        """Give the lines from ``at`` on, each with the place after it, which is at the next part's start if it was a part's last."""
        offset, number = at.offset, at.before
        for index in range(at.part, len(parts)):
            rest = {"Range": f"bytes={offset}-"} if offset else {}
            answer = self.s3.get_object(Bucket=self.bucket, Key=parts[index], **rest)
            end = offset + answer["ContentLength"]
            with closing(answer["Body"]) as body:
                for line in body.iter_lines(chunk_size=_READ_BYTES):
                    offset += len(line) + 1
                    number += 1
                    yield (
                        line,
                        Cursor(index, offset, number) if offset < end else Cursor(index + 1, 0, number),
                    )
            offset = 0
