"""An answer is read the same however it comes in, and a damaged one is never taken for an answer."""

import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.aws.table.flights import Answer
from penstock.aws.table.response import AnswerReader, BrokenAnswerError


def by_length(body: bytes, *more: bytes) -> bytes:
    head = [
        b"HTTP/1.1 200 OK",
        b"Content-Length: %d" % len(body),
        b"x-amz-crc32: %d" % zlib.crc32(body),
        *more,
    ]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def in_chunks(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts)
    return (
        b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: Chunked\r\n\r\n"
        + chunks
        + b"0\r\nTrailer: a\r\n\r\n"
    )


ANSWERS = st.one_of(
    st.builds(
        by_length, st.binary(max_size=300), st.sampled_from([b"Server: Server", b"connection:keep-alive"])
    ),
    st.builds(in_chunks, st.binary(max_size=300), st.integers(1, 100)),
    st.binary(max_size=99).map(lambda body: b"HTTP/1.1 100 Continue\r\n\r\n" + by_length(body)),
)


def read(reader: AnswerReader, parts: list[bytes]) -> Answer | None:
    for part in parts[:-1]:
        assert reader.feed(part) is None
    return reader.feed(parts[-1])


@given(ANSWERS, st.lists(st.integers(1, 400), unique=True), ANSWERS)
def test_where_it_is_cut_makes_no_difference(raw: bytes, cuts: list[int], following: bytes) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    parts = [raw[a:b] for a, b in itertools.pairwise(edges)]
    reader = AnswerReader()
    answer = read(reader, parts)
    assert answer == AnswerReader().feed(raw)
    assert answer is not None
    assert answer.status in {200, 400}
    assert reader.keeps
    assert reader.feed(following) == AnswerReader().feed(following)


@given(ANSWERS, st.integers(0, 400))
def test_an_answer_that_ends_early_is_broken(raw: bytes, end: int) -> None:
    reader = AnswerReader()
    if (part := raw[: min(end, len(raw) - 1)]) and reader.feed(part) is not None:
        raise AssertionError("an answer without its end")
    with pytest.raises(BrokenAnswerError):
        reader.feed(b"")


def test_a_body_up_to_the_connection_s_end_is_whole_at_that_end() -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nab") is None
    assert reader.feed(b"c") is None
    assert reader.feed(b"") == Answer(200, b"abc")
    assert not reader.keeps


@pytest.mark.parametrize(
    "more", [b"Connection: close", b"connection: CLOSE", b"Connection: keep-alive, close"]
)
def test_a_connection_that_is_to_be_closed_is_not_kept(more: bytes) -> None:
    reader = AnswerReader()
    assert reader.feed(by_length(b"{}", more)) == Answer(200, b"{}")
    assert not reader.keeps


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-amz-crc32: 1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_answer_or_a_damaged_one_is_broken(raw: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        AnswerReader().feed(raw)
