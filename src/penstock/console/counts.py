"""What became of a run's records, as a bar that adds up, and its reject codes as bars to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from penstock.aws.runs import Run
from penstock.console.figures import share
from penstock.console.frame import address
from penstock.console.html import Element, Node, h, marked
from penstock.figures import count
from penstock.load.report import Counts
from penstock.verdicts import MEANINGS

ENDS: Final = tuple(field.name for field in fields(Counts) if field.name != "read")
"""The counts in which a record can end."""
_WHOLE: Final = 1000.0
_LEAST: Final = 4.0
"""Units of the bar's thousand that a count takes at least, so that one reject of a million can be seen."""


def counts_bar(counts: Mapping[str, int], what: str = "record") -> Node:
    """Give the bar, and the sum in words and numbers: ``read = loaded + rejected + ...``. ``what`` is counted."""
    read = counts.get("read", 0)
    parts = {name: counts[name] for name in ENDS if counts.get(name)}
    terms = [_term(name, number) for name, number in parts.items()] or [_term("loaded", 0)]
    total = sum(parts.values())
    holds = (
        h("span", "✓ adds up", class_="holds")
        if total == read
        else h("strong", f"✗ does not add up: {total:,} accounted for", class_="broken")
    )
    between: list[Node] = [terms[0]]
    for term in terms[1:]:
        between += [" + ", term]
    return [
        _bar(parts, read, what),
        h("p", h("strong", f"{read:,}"), " read = ", between, " ", holds, class_="sum"),
    ]


def _term(name: str, number: int) -> Element:
    return h("span", h("i", class_=f"swatch c-{name}"), f"{number:,} {name}", class_="term")


def widths(parts: Mapping[str, int], whole: float = _WHOLE, least: float = _LEAST) -> dict[str, float]:
    """Share a width out by counts, none of them under ``least``: what small ones get more, the larger ones give."""
    total = sum(parts.values())
    small = {name for name, number in parts.items() if number * whole < least * total}
    rest = whole - least * len(small)
    large = sum(number for name, number in parts.items() if name not in small)
    return {name: least if name in small else rest * number / large for name, number in parts.items()}


def _bar(parts: Mapping[str, int], read: int, what: str) -> Element:
    drawn: list[Element] = []
    left = 0.0
    for name, width in widths(parts).items():
        drawn.append(
            h(
                "rect",
                h("title", f"{count(parts[name], what)} {name}, {share(parts[name], read)}"),
                x=round(left, 2),
                y=0,
                width=round(max(width - 1.5, 1), 2),
                height=28,
                class_=f"c-{name}",
            )
        )
        left += width
    told = ", ".join(f"{number:,} {name}" for name, number in parts.items()) or f"no {what}"
    return h(
        "svg",
        drawn or h("rect", x=0, y=0, width=_WHOLE, height=28, class_="c-none"),
        class_="counts",
        viewBox="0 0 1000 28",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"Of {count(read, what)} read: {told}",
    )


def codes_chart(run: Run) -> Node:
    """Give the run's most frequent codes as bars, each with what it means and the way to its rejects, if it has any."""
    most = max(run.errors.values(), default=0)
    return h(
        "ul",
        [
            _code(run, code, number, most)
            for code, number in sorted(run.errors.items(), key=lambda e: (-e[1], e[0]))
        ],
        class_="codes",
    )


def _code(run: Run, code: str, number: int, most: int) -> Element:
    width = round(max(_WHOLE * number / most, _LEAST), 1)
    return h(
        "li",
        h("a", marked(code), href=address("runs", run.id, "rejects", code=code))
        if run.all_rejected and run.replays is None
        else h("span", marked(code)),
        h("b", f"{number:,}"),
        h(
            "svg",
            h("rect", x=0, y=0, width=width, height=10, class_="c-rejected"),
            viewBox="0 0 1000 10",
            preserveAspectRatio="none",
            aria_hidden="true",
        ),
        h("span", MEANINGS.get(code), class_="soft"),
    )
