"""How a state is shown: by a shape and a word, and only then by a colour."""

from __future__ import annotations

from typing import Final

from penstock.aws.runs import RunStatus
from penstock.console.html import Element, Node, h

_SHAPES: Final[dict[str, tuple[Element, ...]]] = {
    "done": (h("circle", cx=6, cy=6, r=4.5, class_="solid"),),
    "rejected": (h("path", d="M6 1 11.2 10.5H.8Z", class_="solid"),),
    "failed": (h("path", d="M2 2 10 10M10 2 2 10", class_="stroke"),),
    "running": (h("circle", cx=6, cy=6, r=4, class_="ring"),),
    "handed over": (h("path", d="M6 1 11 6 6 11 1 6Z", class_="ring"),),
}
STATUSES: Final[tuple[RunStatus, ...]] = ("done", "rejected", "failed", "running", "handed over")


def status_class(status: str) -> str:
    """Give the class of the style sheet for a status."""
    return f"is-{status.replace(' ', '-')}" if status in _SHAPES else "is-unknown"


def shape(status: str, x: float = 0, y: float = 0) -> Element:
    """Draw a status' shape of 12 by 12 into a drawing."""
    return h(
        "g", *_SHAPES.get(status, ()), class_=f"mark {status_class(status)}", transform=f"translate({x} {y})"
    )


def mark(status: str) -> Element:
    """Give a status' shape to stand in a text; a word beside it says the same."""
    return h(
        "svg", shape(status), class_="glyph", viewBox="0 0 12 12", width=12, height=12, aria_hidden="true"
    )


def pill(status: str, text: str | None = None) -> Element:
    """Give a status as shape and word."""
    return h("span", mark(status), " ", text or status, class_=f"pill {status_class(status)}")


def legend() -> Node:
    """Say what the shapes mean."""
    return h("p", [h("span", mark(status), " ", status) for status in STATUSES], class_="legend")
