"""The rejected records of a run, each beside the line of the contract that refused it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.aws.reject_pages import RejectPage
from penstock.aws.runs import Run
from penstock.console.clause import Clause, Contract, find_clause
from penstock.console.frame import Frame, address, command, page
from penstock.console.html import Element, Node, h, marked
from penstock.engine.result import Reason, Reject
from penstock.figures import count

_SHOWN_CHARACTERS: Final = 2_000
"""How much of a record is shown. Records of an error in the quotes can be as long as a file."""


@dataclass(frozen=True, slots=True)
class Rejects:
    """Some of a run's rejects, those of a code or any. ``contract`` is None where the project has no such feed any more."""

    run: Run
    code: str | None
    found: RejectPage
    first: bool
    contract: Contract | None
    sensitive: bool

    def hides(self, reject: Reject) -> bool:
        """Tell whether a record is not shown: it is of a feed with sensitive fields, and was kept whole."""
        return self.sensitive and reject.withheld == "nothing"


def rejects_page(frame: Frame, rejects: Rejects, csv_command: str) -> Element:
    """Give the page."""
    run = rejects.run
    name = run.key.rpartition("/")[2] or run.key
    return page(
        frame,
        f"Rejects of {name}",
        h(
            "div",
            h(
                "p",
                h("a", "Runs", href="/runs"),
                " / ",
                h("a", marked(name), href=address("runs", run.id)),
                class_="trail",
            ),
            h("h1", "Rejected records"),
            h(
                "p",
                "Each beside the line that refused it, in the contract as it stands in the project's folder now.",
                class_="soft",
            ),
            class_="title",
        ),
        _which(rejects),
        _hidden(csv_command) if any(rejects.hides(reject) for _, reject in rejects.found.rejects) else None,
        [_reject(rejects, number, reject) for number, reject in rejects.found.rejects],
        None if rejects.found.rejects else h("p", _nothing(rejects), class_="empty"),
        _pages(rejects),
        section="/runs",
    )


def _which(rejects: Rejects) -> Element:
    run, total = rejects.run, rejects.run.all_rejected
    links = [
        h(
            "li",
            h(
                "a",
                text,
                href=address("runs", run.id, "rejects", code=code),
                aria_current="true" if code == rejects.code else None,
            ),
        )
        for code, text in [
            (None, f"all {total:,}"),
            *((code, f"{code} {number:,}") for code, number in run.errors.items()),
        ]
    ]
    return h("nav", h("ul", links), class_="codes-nav", aria_label="Errors by code")


def _hidden(csv_command: str) -> Element:
    return h(
        "section",
        h("h2", "What the records hold is not shown"),
        command(csv_command, "The feed has sensitive fields. This writes them whole to a file:"),
        class_="todo",
    )


def _nothing(rejects: Rejects) -> str:
    if rejects.found.following is not None:
        return "None among those that were looked at. There are more."
    return "There are none." if rejects.first else "There are no more."


def _reject(rejects: Rejects, number: int, reject: Reject) -> Element:
    total = max(rejects.run.all_rejected, number)
    of: Node = " of the result" if reject.of == "result" else ""
    if reject.key is not None:  # one of many files that were loaded as one
        of = [" of ", marked(reject.key)]
    return h(
        "article",
        h(
            "div",
            h(
                "h2",
                f"line {reject.line:,}",
                of,
                h("small", f"byte {reject.offset:,} · {number:,} of {total:,}"),
            ),
            h("ul", [_reason(reason) for reason in reject.errors], class_="reasons"),
            None if rejects.hides(reject) else _raw(reject),
        ),
        h("div", _clauses(rejects.contract, reject.errors), class_="clauses"),
        class_="reject",
    )


def _reason(reason: Reason) -> Element:
    field: Node = [" in ", h("b", marked(reason.field))] if reason.field is not None else None
    return h("li", h("code", marked(reason.code), class_="verdict"), field, ": ", marked(reason.message))


def _raw(reject: Reject) -> Node:
    text = reject.raw.decode("utf-8", "surrogateescape")
    cut = len(text) > _SHOWN_CHARACTERS or reject.sha256 is not None
    return [
        h(
            "pre",
            marked(text[:_SHOWN_CHARACTERS]),
            h("span", " …", class_="soft") if cut else None,
            tabindex="0",
            aria_label="the record",
        ),
        h(
            "p",
            f"The record has {count(reject.length, 'byte')}; penstock rejects --csv has more of it.",
            class_="soft",
        )
        if cut
        else None,
    ]


def _clauses(contract: Contract | None, reasons: tuple[Reason, ...]) -> Node:
    if contract is None:
        return h("p", "The project has no contract of this feed any more.", class_="soft")
    found = [find_clause(contract.root, reason) for reason in reasons]
    shown = list(dict.fromkeys(clause for clause in found if clause is not None))
    if not shown:
        return h("p", "No line of the contract is about this: the record itself is broken.", class_="soft")
    return [_excerpt(contract, clause) for clause in shown]


def _excerpt(contract: Contract, clause: Clause) -> Element:
    file = Path(clause.place.file)
    return h(
        "figure",
        h("figcaption", marked(f"{file.parent.name}/{file.name}"), f", line {clause.place.line}"),
        h(
            "ol",
            [_line(clause, number, text) for number, text in contract.excerpt(clause.place)],
            class_="code",
        ),
    )


def _line(clause: Clause, number: int, text: str) -> Element:
    if number != clause.place.line:
        return h("li", h("code", marked(text)), value=number)
    before, word, after = clause.split(text)
    shown = h("code", marked(before), h("mark", marked(word)) if word else None, marked(after))
    return h("li", shown, value=number, class_="refused", aria_current="true")


def _pages(rejects: Rejects) -> Node:
    run, following = rejects.run, rejects.found.following
    first = (
        None
        if rejects.first
        else h("a", "← First page", href=address("runs", run.id, "rejects", code=rejects.code))
    )
    more = None
    if following is not None:
        link = address(
            "runs", run.id, "rejects", code=rejects.code, at=str(following), revision=str(run.revision)
        )
        more = h("a", "Next page →", href=link, rel="next")
    return h("p", first, " ", more, class_="pages") if first or more else None
