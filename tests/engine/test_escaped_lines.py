"""Lines that go on behind escaped newlines are judged as the careful scan judges them, and not looked through for each anew."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_records_properties import cut, expected, read

from penstock.engine.records import RecordReader
from penstock.plan.model import Dialect

DIALECTS = st.builds(
    Dialect,
    quote_char=st.none(),
    escape_char=st.just("\\"),
    skip_initial_space=st.booleans(),
    header=st.just(False),
    comment_char=st.sampled_from([None, "#"]),
    line_terminator=st.sampled_from(["auto", "lf", "cr"]),
    max_record_bytes=st.sampled_from([3, 5, 8, 13, 21, 1_000_000]),
)
PIECES = [
    b"\\\n",
    b"\\\n",
    b"\\\r",
    b"\\\r\n",
    b"\n",
    b"\r",
    b"\r\r\n",
    b",",
    b"a",
    b"\\\\",
    b"\\,",
    b" ",
    b"#",
    b"\\",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)


@settings(max_examples=500)
@given(
    data=TEXTS, dialect=DIALECTS, width=st.integers(1, 3), places=st.lists(st.integers(0, 200), max_size=4)
)
def test_they_are_those_of_the_reference_however_the_file_is_cut(
    data: bytes, dialect: Dialect, width: int, places: list[int]
) -> None:
    wanted = expected(data, dialect, width)
    assert read([data], dialect, width) == wanted
    assert read(cut(data, places), dialect, width) == wanted


def reasons(data: bytes, dialect: Dialect, block: int) -> list[tuple[int, str, str]]:
    reader = RecordReader((data[at : at + block] for at in range(0, len(data), block)), dialect)
    errors = [error for batch in reader.batches(2) for error in batch.errors]
    return [(error.location.offset, error.code, error.message) for error in errors]


@settings(max_examples=200)
@given(data=TEXTS, dialect=DIALECTS, start=st.integers(0, 3))
def test_their_reasons_do_not_depend_on_where_reading_began(
    data: bytes, dialect: Dialect, start: int
) -> None:
    reader = RecordReader([data], dialect)
    ends = [batch.end for batch in reader.batches(2)]
    assert reasons(data, dialect, 1) == reasons(data, dialect, 1_000)
    if start < len(ends):
        rest = RecordReader([data[ends[start].offset :]], dialect, start=ends[start])
        late = [e.message for batch in rest.batches(2) for e in batch.errors]
        assert late == [
            message for at, _, message in reasons(data, dialect, 1_000) if at >= ends[start].offset
        ]


@pytest.mark.parametrize("end", [b"", b"x\ry\n"])
def test_a_file_of_them_is_read_in_a_time_that_follows_its_size(end: bytes) -> None:
    data = b"a,b\n" + b",\\\n" * 50_000 + end
    dialect = Dialect(header=False, quote_char=None, escape_char="\\", max_record_bytes=140_000)
    began = time.process_time()
    assert len(reasons(data, dialect, 2**18)) > 1_000
    assert time.process_time() - began < 20
