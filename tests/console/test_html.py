"""Nothing gets into a page unescaped, and no link leads away."""

import pytest
from console_samples import HOSTILE, Seen
from hypothesis import given
from hypothesis import strategies as st

from penstock.console.html import h, marked, render, visible


@given(st.text())
def test_any_text_is_text_to_a_browser(text: str) -> None:
    seen = Seen(render(h("p", text, h("b", "x"), title=text)))
    assert seen.elements == [("p", {"title": visible(text)}), ("b", {})]
    assert seen.text == visible(text) + "x"


@given(st.text())
def test_any_text_with_its_escapes_set_off_reads_the_same(text: str) -> None:
    seen = Seen(render(marked(text)))
    assert seen.text == visible(text)
    assert {name for name, _ in seen.elements} <= {"span"}


def test_markup_in_a_drawing_is_text() -> None:
    seen = Seen(render(h("svg", h("title", HOSTILE), h("text", HOSTILE, x=1), aria_label=HOSTILE)))
    assert [name for name, _ in seen.elements] == ["svg", "title", "text"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\r\n", "a\\tb\\r\\n"),
        ("\x1b[2J\0\x7f", "\\x1b[2J\\x00\\x7f"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u200b\u00a0", "\\u200b\\xa0"),
        ("\udce7", "\\xe7"),
        ("ünï 日本", "ünï 日本"),
    ],
)
def test_what_can_not_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_an_escape_can_be_told_from_a_text_that_looks_like_one() -> None:
    assert Seen(render(marked("\\x00"))).elements == []
    assert Seen(render(marked("\0"))).elements == [("span", {"class": "unseen"})]


@pytest.mark.parametrize(
    "link",
    ["https://example.com/", "javascript:alert(1)", "//example.com", "/\\example.com", "data:,x", "runs", ""],
)
def test_a_link_that_leads_away_is_refused(link: str) -> None:
    for name in ("href", "src", "action"):
        with pytest.raises(ValueError, match="leads away"):
            h("a", **{name: link})


def test_what_is_no_name_is_refused() -> None:
    for tag, attributes in (("p onclick=x", {}), ("p", {"a b": 1}), ("p", {'"': 1})):
        with pytest.raises(ValueError, match="no name"):
            h(tag, **attributes)


def test_attributes_can_be_left_out_and_have_no_value() -> None:
    assert render(h("option", selected=True, disabled=False, title=None)) == '<option selected=""></option>'
