"""HTML and SVG as a tree, written out with everything escaped.

Keys of objects, cells and reasons are other people's text. A page is built of elements and never of strings of markup, so
there is no place where such a text could be forgotten to be escaped: what is not an element is text. What a reader could
not see or a browser would obey (control characters, changes of direction, newlines) is written as its escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Final, TypeAlias

_VOID: Final = frozenset(("br", "col", "hr", "img", "input", "link", "meta"))
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9:-]*")
_LINKS: Final = frozenset(("href", "src", "action"))


@dataclass(frozen=True, slots=True)
class Element:
    """An element with its attributes and what is in it. Made by :func:`h`."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Node, ...]


Node: TypeAlias = "Element | str | int | float | Iterable[Node] | None"
"""What can stand in an element: others, text, numbers, nothing, or several of these."""


def h(tag: str, *children: Node, **attributes: object) -> Element:
    """Make an element. A name's underscores become hyphens, one at its end is dropped (``class_``).

    An attribute that is None or False is left out, one that is True has no value. Links lead to this console alone:
    raises ValueError for any that begins with something else than ``/`` or ``#``, or with ``//``.
    """
    kept: list[tuple[str, str]] = []
    for written, value in attributes.items():
        name = written.removesuffix("_").replace("_", "-")
        if value is None or value is False:
            continue
        text = "" if value is True else str(value)
        if name in _LINKS and (not text.startswith(("/", "#")) or text.startswith(("//", "/\\"))):
            raise ValueError(f"the {name} {text!r} leads away from the console")
        kept.append((name, text))
    if not all(map(_NAME.fullmatch, (tag, *(name for name, _ in kept)))):
        raise ValueError(f"{tag} or one of its attributes is no name")
    return Element(tag, tuple(kept), children)


def render(node: Node) -> str:
    """Write a tree out, escaped."""
    return "".join(_parts(node))


def document(node: Node) -> bytes:
    """Write a whole page out as UTF-8."""
    return ("<!DOCTYPE html>\n" + render(node) + "\n").encode()


def visible(text: str) -> str:
    """Give text with what can't be seen written as escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    """A byte that was no text and came through ``surrogateescape`` is written as that byte."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def marked(text: str) -> Node:
    """Give other people's text with its escapes set off, so that none can be taken for what the text itself says."""
    parts = re.split(r"([^ -~]+)", text)
    return [_mark(part) if index % 2 else part for index, part in enumerate(parts) if part]


def _mark(part: str) -> Node:
    return [c if c.isprintable() else h("span", _escape(c), class_="unseen") for c in part]


def _parts(node: Node) -> Iterator[str]:
    if node is None:
        return
    if isinstance(node, Element):
        attributes = "".join(f' {name}="{escape(visible(value))}"' for name, value in node.attributes)
        yield f"<{node.tag}{attributes}>"
        if node.tag not in _VOID:
            yield from _parts(node.children)
            yield f"</{node.tag}>"
    elif isinstance(node, str | int | float):
        yield escape(visible(str(node)))
    else:
        for child in node:
            yield from _parts(child)
