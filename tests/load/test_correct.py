"""An object with corrections reads as if they had always been there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_memory import Memory

from penstock.engine.bind import Binding
from penstock.load.correct import CorrectedSource, Correction, find_fault
from penstock.plan.model import Dialect

BINDING = Binding((0, 1))


@given(
    parts=st.lists(st.tuples(st.binary(max_size=9), st.none() | st.binary(max_size=9)), max_size=8),
    ends=st.booleans(),
    size=st.integers(1, 20),
    start=st.integers(0, 90),
)
def test_any_part_of_it_is_that_part_of_the_corrected_bytes(
    parts: list[tuple[bytes, bytes | None]], ends: bool, size: int, start: int
) -> None:
    data, corrected = b"", b""
    corrections: list[Correction] = []
    begins: list[tuple[int, int]] = []
    for content, other in parts:
        begins.append((len(data), len(corrected)))
        if other is not None and content:
            corrections.append(Correction(len(data), len(content), other))
        data += content + b"\n"
        corrected += (content if other is None or not content else other) + b"\n"
    if not ends and parts:
        data = data.removesuffix(b"\n")
        content, other = parts[-1]
        if not content or other != b"":  # else the newline that is not there is what is left
            corrected = corrected.removesuffix(b"\n")
    source = CorrectedSource(Memory(data), corrections)
    blocks = list(source.blocks(size, start))
    assert b"".join(blocks) == corrected[start:]
    assert all(len(block) == size for block in blocks[:-1])
    assert all(source.shift(there) == here for there, here in begins)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a,1", None),
        (b'"a\nb",1', None),
        (b"", None),
        (b"a", None),
        (b"a\xff,1", None),
        (b"a,1\nb,2", "holds 2 records"),
        (b"#a,1", "holds 0 records"),
        (b'a,"1', "never closed"),
        (b'a,1"', "quote"),
    ],
    ids=[
        "a row",
        "of two lines",
        "blank",
        "too short",
        "undecodable",
        "two",
        "a comment",
        "open",
        "bare quote",
    ],
)
def test_a_correction_is_one_record_by_itself_whatever_is_wrong_with_that(
    content: bytes, fault: str | None
) -> None:
    found = find_fault(Dialect(comment_char="#"), BINDING, "lf", content)
    assert (found is None) == (fault is None)
    assert found is None or (found.code == "quote-error" and str(fault) in found.message)
