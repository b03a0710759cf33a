"""What is shown where there is nothing to show: an error, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.console.frame import Frame, page, trouble
from penstock.console.html import Element, h


def refusal_page(frame: Frame, title: str, problems: Sequence[str]) -> Element:
    """Give the page of what went wrong, a paragraph each."""
    return page(frame, title, h("h1", title), [trouble(problem) for problem in problems])


def stranger_page() -> Element:
    """Give the page for who comes without the token. It says nothing of the project."""
    return h(
        "html",
        h(
            "head",
            h("meta", charset="utf-8"),
            h("title", "Penstock"),
            h("meta", name="viewport", content="width=device-width, initial-scale=1"),
            h("link", rel="icon", href="/console.svg", type="image/svg+xml"),
            h("link", rel="stylesheet", href="/console.css"),
        ),
        h(
            "body",
            h(
                "main",
                h("h1", "This console is for whoever started it"),
                h(
                    "p",
                    "Open the address that ",
                    h("code", "penstock console"),
                    " printed. It holds a word that only you have.",
                ),
                class_="gate",
            ),
        ),
        lang="en",
    )


def entrance_page() -> Element:
    """Give the page on which the token becomes a cookie.

    It leads on by itself rather than by a redirect: a browser that was led here by another site (a terminal in a web page)
    keeps a SameSite=Strict cookie to itself for as long as redirects go on.
    """
    return h(
        "html",
        h(
            "head",
            h("meta", charset="utf-8"),
            h("title", "Penstock"),
            h("meta", http_equiv="refresh", content="0; url=/"),
        ),
        h("body", h("p", h("a", "Open the console", href="/"))),
        lang="en",
    )
