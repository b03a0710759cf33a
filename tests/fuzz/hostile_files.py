"""Files that pile up a little many times over: whatever it is, they are read at a pace that is bounded from below."""

from __future__ import annotations

import time

from hypothesis import strategies as st

from penstock.engine.records import RecordReader
from penstock.plan.model import Dialect

FILE_BYTES = 30_000
"""Enough that what is looked through again and again takes its time."""
MOST_SECONDS = 8.0
"""For one file; the slowest that was found took 0.3 seconds."""

_SIGNS = [
    b",",
    b'"',
    b'""',
    b"\n",
    b"\r",
    b"\r\n",
    b"\r\r\n",
    b"a",
    b" ",
    b"\\",
    b"#",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b'",',
    b',"',
    b'"\n',
    b"a,b\n",
]
_DIALECTS = st.builds(
    Dialect,
    quote_char=st.sampled_from(['"', '"', None]),
    escape_char=st.sampled_from([None, "\\"]),
    skip_initial_space=st.booleans(),
    header=st.just(False),
    comment_char=st.sampled_from([None, "#"]),
    line_terminator=st.sampled_from(["auto", "lf", "cr"]),
    max_record_bytes=st.sampled_from([10, 1_000, 100_000, 1_000_000]),
)  # fmt: skip


@st.composite
def piled_files(draw: st.DrawFn) -> tuple[bytes, Dialect, int]:
    """Some signs, each part of them as often as fits, one part after another."""
    parts = draw(
        st.lists(
            st.lists(st.sampled_from(_SIGNS), min_size=1, max_size=6).map(b"".join), min_size=1, max_size=3
        )
    )
    size = FILE_BYTES // len(parts)
    return b"".join(part * (size // len(part)) for part in parts), draw(_DIALECTS), draw(st.integers(1, 3))  # fmt: skip


def check_pace(file: tuple[bytes, Dialect, int]) -> None:
    """Read a file in small blocks, and hold its pace and what it gives to what is due."""
    data, dialect, width = file
    began = time.process_time()
    reader = RecordReader((data[at : at + 50_000] for at in range(0, len(data), 50_000)), dialect)
    for batch in reader.batches(width):
        batch.locate(list(range(batch.rows)))
    tally = reader.tally
    assert tally.bom + tally.header + tally.comments + tally.records == len(data)
    assert time.process_time() - began < MOST_SECONDS, (data[:40], dialect, width)
