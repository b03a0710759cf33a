"""What is on every page: its head, the way to the other pages, and where the data is from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from penstock.aws.runs import read_time
from penstock.console.figures import ago, clock
from penstock.console.html import Element, Node, h, marked

_SECTIONS: Final = (("/", "Feeds"), ("/runs", "Runs"), ("/trends", "Trends"), ("/alarms", "Alarms"))
_CODE: Final = re.compile(r"`([^`]+)`|(\b[a-z][a-z0-9-]*:[A-Z][A-Za-z]+\b)")
"""What Penstock's own texts set in code: commands and keys in backticks, and the names of permissions."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What all pages share: the project's name, where it is deployed, and the moment at which the page is made."""

    project: str
    place: str
    now: float


def page(frame: Frame, title: str, *content: Node, section: str | None = None) -> Element:
    """Give a whole page."""
    return h(
        "html",
        h(
            "head",
            h("meta", charset="utf-8"),
            h("title", f"{title} · {frame.project} · Penstock"),
            h("meta", name="viewport", content="width=device-width, initial-scale=1"),
            h("meta", name="color-scheme", content="light dark"),
            h("link", rel="icon", href="/console.svg", type="image/svg+xml"),
            h("link", rel="stylesheet", href="/console.css"),
            h("script", src="/console.js", defer=True),
        ),
        h("body", _header(frame, section), h("main", *content, id="content", tabindex="-1"), _footer(frame)),
        lang="en",
    )


def _header(frame: Frame, section: str | None) -> Node:
    here = {path: "page" for path, _ in _SECTIONS if path == section}
    links = [h("li", h("a", name, href=path, aria_current=here.get(path))) for path, name in _SECTIONS]
    return [
        h("a", "Skip to the content", href="#content", class_="skip"),
        h(
            "header",
            h("a", _logo(), h("span", marked(frame.project)), href="/", class_="brand"),
            h("nav", h("ul", links), aria_label="Pages"),
            class_="top",
        ),
    ]


def _logo() -> Element:
    return h(
        "svg",
        h("path", d="M2 3h7l7 11", class_="pipe"),
        h("circle", cx=18, cy=18, r=4, class_="pipe"),
        h("path", d="M18 16v2l1.6 1.2", class_="pipe thin"),
        class_="logo",
        viewBox="0 0 24 24",
        width=24,
        height=24,
        aria_hidden="true",
    )


def _footer(frame: Frame) -> Element:
    return h(
        "footer",
        h("p", marked(frame.place), " · as of ", h("time", clock(frame.now)), " UTC"),
        h("p", "It only looks. Nothing here changes anything: the commands are for you to copy."),
    )


def address(*steps: str, **query: str | None) -> str:
    """Give the address of a page: its steps, and what is asked of it."""
    asked = urlencode({name: value for name, value in query.items() if value})
    path = "/" + "/".join(quote(step, safe="") for step in steps)
    return f"{path}?{asked}" if asked else path


def when(time: str | None, now: float) -> Node:
    """Give a time of the ledger: how long ago, and exactly."""
    if time is None:
        return None
    then = read_time(time)
    return h("time", ago(then, now), datetime=time, title=f"{clock(then)} UTC")


def command(line: str, why: Node = None) -> Element:
    """Give a command to copy, and what it is good for."""
    return h(
        "div", None if why is None else h("p", why), h("code", marked(line), tabindex="0"), class_="command"
    )


def prose(text: str) -> Node:
    """Give a text of Penstock's, with the commands and permissions that it names set off."""
    parts = _CODE.split(text)  # text, in backticks, permission, text, ...
    return [
        h("code", marked(part)) if index % 3 else marked(part)
        for index, part in enumerate(parts)
        if part is not None
    ]


def trouble(message: str) -> Element:
    """Give what could not be done, or is not well."""
    return h("div", h("p", prose(message)), class_="trouble", role="alert")


def facts(*pairs: tuple[str, Node]) -> Element:
    """Give names and values; what has none is left out."""
    return h(
        "dl",
        [h("div", h("dt", name), h("dd", value)) for name, value in pairs if value is not None],
        class_="facts",
    )
