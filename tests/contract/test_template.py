"""Templates, from text to parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.contract.template import Literal, Part, Placeholder, parse_template


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("CUSTOMER#{customer_id}", (Literal("CUSTOMER#"), Placeholder("customer_id"))),
        ("{a}#{b}", (Placeholder("a"), Literal("#"), Placeholder("b"))),
        ("{n:010d}", (Placeholder("n", 10),)),
        ("{{{n}}}", (Literal("{"), Placeholder("n"), Literal("}"))),
        ("{order date}", (Placeholder("order date"),)),
    ],
)
def test_a_template_is_text_and_placeholders(text: str, parts: tuple[Part, ...]) -> None:
    assert parse_template(text) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ORDER", "at least one"),
        ("{{a}}", "at least one"),
        ("{a", '"{" stands alone'),
        ("a}", '"}" stands alone'),
        ("{}", "holds no name"),
        ("{ a }", "spaces around"),
        ("{a:>10}", "only 0<width>d"),
        ("{a:00d}", "only 0<width>d"),
        ("{a:039d}", "up to 38 digits"),
        ("{a!r}{b", '"{" stands alone'),
    ],
)
def test_what_is_no_template_is_explained(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_template(text)


PARTS = st.lists(
    st.one_of(
        st.builds(Literal, st.text(min_size=1)),
        st.builds(Placeholder, st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.none() | st.integers(1, 38)),
    ),
    min_size=1,
)


@given(PARTS)
def test_parts_written_as_a_template_are_read_back(parts: list[Part]) -> None:
    whole = [Placeholder("first"), *parts]
    joined: list[Part] = []
    for part in whole:
        if isinstance(part, Literal) and joined and isinstance(joined[-1], Literal):
            joined[-1] = Literal(joined[-1].text + part.text)
        else:
            joined.append(part)
    assert parse_template("".join(map(_write, whole))) == tuple(joined)


def _write(part: Part) -> str:
    if isinstance(part, Literal):
        return part.text.replace("{", "{{").replace("}", "}}")
    return f"{{{part.name}:0{part.width}d}}" if part.width else f"{{{part.name}}}"
