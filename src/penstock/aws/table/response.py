"""The answers of an HTTP/1.1 server, read as their bytes come in.

Just what a client of one JSON service needs of RFC 9112: a body by length, in chunks, or up to the connection's end.
"""

from __future__ import annotations

import zlib
from typing import Final

from penstock.aws.table.flights import Answer

_MOST_HEAD: Final = 64 * 1024


class BrokenAnswerError(Exception):
    """What came is no answer, or one that was damaged on its way: what became of the request is not known."""


class AnswerReader:
    """Reads one answer after another from one connection.

    ``keeps`` tells after an answer whether the connection can take another request.
    """

    __slots__ = ("_body", "_data", "_head", "_status", "keeps")

    def __init__(self) -> None:
        self.keeps = True
        self._data = b""
        self._status = 0
        self._head = b""  # in lower case
        self._body = 0  # where the body begins; 0 while the head is not whole

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes as they came, none for the connection's end; give the answer when it is whole.

        Raises :class:`BrokenAnswerError` where it can't become whole.
        """
        self._data = self._data + data if self._data else data
        if not self._body and not self._read_head():
            if not data:
                raise BrokenAnswerError("the connection ended within the head")
            return None
        body = self._read_body(ended=not data)
        if body is None:
            return None
        checksum = self._header(b"\r\nx-amz-crc32:")
        # TLS guards the way to the service's edge, and this what lies behind. It costs half a microsecond.
        if checksum is not None and checksum != b"%d" % zlib.crc32(body):
            raise BrokenAnswerError("the body is not the one that its checksum was made of")
        self._data = b""
        self._body = 0
        return Answer(self._status, body)

    def _read_head(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            if len(self._data) > _MOST_HEAD:
                raise BrokenAnswerError("the head has no end")
            return False
        head = self._data[: end + 2].lower()
        if not head.startswith(b"http/1.") or not head[9:12].isdigit():
            raise BrokenAnswerError("it does not begin as an answer of HTTP/1.1 does")
        self._status = int(head[9:12])
        if self._status < 200:
            self._data = self._data[end + 4 :]  # "100 Continue" and its like announce the answer
            return self._read_head()
        self._head = head
        self._body = end + 4
        self.keeps = head.startswith(b"http/1.1") and b"close" not in (
            self._header(b"\r\nconnection:") or b""
        )
        return True

    def _header(self, start: bytes) -> bytes | None:
        """Give a header's value in lower case. To look for the four that matter costs less than to read them all."""
        at = self._head.find(start)
        if at < 0:
            return None
        at += len(start)
        return self._head[at : self._head.index(b"\r", at)].strip()

    def _read_body(self, *, ended: bool) -> bytes | None:
        coding = self._header(b"\r\ntransfer-encoding:")
        if coding is not None:
            return self._read_chunks(coding, ended=ended)
        declared = self._header(b"\r\ncontent-length:")
        if declared is None:
            self.keeps = False
            return self._data[self._body :] if ended else None
        if not declared.isdigit():
            raise BrokenAnswerError("its length is no number")
        end = self._body + int(declared)
        if len(self._data) < end:
            if ended:
                raise BrokenAnswerError("the connection ended within the body")
            return None
        self.keeps = self.keeps and len(self._data) == end
        return self._data[self._body : end]

    def _read_chunks(self, coding: bytes, *, ended: bool) -> bytes | None:
        if coding != b"chunked":
            raise BrokenAnswerError("its transfer encoding is not known")
        found: list[bytes] = []
        at = self._body
        while (line := self._data.find(b"\r\n", at)) >= 0:
            size = _read_size(self._data[at:line])
            at = line + 2 + size + 2
            if size:
                found.append(self._data[line + 2 : line + 2 + size])
                continue
            end = self._data.find(b"\r\n", line + 2)  # an empty line ends the answer, perhaps after trailers
            while end > line + 2:
                line, end = end, self._data.find(b"\r\n", end + 2)
            if end < 0:
                break
            self.keeps = self.keeps and len(self._data) == end + 2
            return b"".join(found)
        if ended:
            raise BrokenAnswerError("the connection ended within the body")
        return None


def _read_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits.isalnum():
        raise BrokenAnswerError("a chunk's size is no number")
    try:
        return int(digits, 16)
    except ValueError:
        raise BrokenAnswerError("a chunk's size is no number") from None
