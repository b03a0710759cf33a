"""The runs: over time, and as a list; of one feed, of one status, or all."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.aws.runs import Run, read_time
from penstock.console.figures import span
from penstock.console.frame import Frame, address, page, when
from penstock.console.html import Element, Node, h, marked
from penstock.console.marks import STATUSES, legend, pill
from penstock.console.run_pages import Mark, RunPage
from penstock.console.timeline import ended_at, timeline
from penstock.figures import count


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs somebody wants to see: of a feed or all, of a status or all, the latest or those before a mark."""

    feed: str | None = None
    status: str | None = None
    before: Mark | None = None


def runs_page(frame: Frame, feeds: tuple[str, ...], wanted: Wanted, found: RunPage) -> Element:
    """Give the page of the runs that were found."""
    return page(
        frame,
        "Runs",
        h("h1", "Runs"),
        _filters(feeds, wanted),
        _content(frame, wanted, found),
        section="/runs",
    )


def _filters(feeds: tuple[str, ...], wanted: Wanted) -> Element:
    return h(
        "form",
        _choice("feed", "Feed", feeds, wanted.feed),
        _choice("status", "Status", STATUSES, wanted.status),
        h("button", "Show", type="submit"),
        action="/runs",
        method="get",
        class_="filters",
    )


def _choice(name: str, label: str, values: tuple[str, ...], chosen: str | None) -> Element:
    options = [h("option", value, value=value, selected=value == chosen) for value in values]
    return h("label", label, " ", h("select", h("option", "all", value=""), options, name=name))


def _content(frame: Frame, wanted: Wanted, found: RunPage) -> Node:
    older = None
    if found.older is not None:
        link = address("runs", feed=wanted.feed, status=wanted.status, before=str(found.older))
        older = h("p", h("a", "Older runs →", href=link, rel="next"), class_="pages")
    if not found.runs:
        return [h("p", _nothing(wanted), class_="empty"), older]
    return [
        h("section", h("h2", "Over time ", h("small", "UTC")), timeline(found.runs, frame.now), legend()),
        h("section", h("h2", count(len(found.runs), "run")), _table(frame, found.runs), older),
    ]


def _nothing(wanted: Wanted) -> Node:
    if wanted.status or wanted.before:
        return "None of the runs that were looked at is such a one."
    return ["There are no runs yet. ", h("code", "penstock put FILE"), " makes one."]


def _table(frame: Frame, runs: tuple[Run, ...]) -> Element:
    heads = ("file", "feed", "status", "began", "took", "loaded", "rejected")
    return h(
        "table",
        h(
            "thead",
            h(
                "tr",
                [
                    h(
                        "th",
                        head,
                        scope="col",
                        class_="number" if head in {"took", "loaded", "rejected"} else None,
                    )
                    for head in heads
                ],
            ),
        ),
        h("tbody", [_row(frame, run) for run in runs]),
        class_="runs",
    )


def _row(frame: Frame, run: Run) -> Element:
    rejected = run.counts.get("rejected", 0)
    links: Node = f"{rejected:,}"
    if rejected and run.replays is None:
        links = h("a", f"{rejected:,}", href=address("runs", run.id, "rejects"))
    name = run.key.rpartition("/")[2] or run.key
    return h(
        "tr",
        h("th", h("a", marked(name), href=address("runs", run.id), title=run.key), scope="row"),
        h("td", marked(run.feed), data_label="feed"),
        h("td", pill(run.status, f"{run.status} (replay)" if run.replays else None), data_label="status"),
        h("td", when(run.started_at, frame.now), data_label="began"),
        h(
            "td",
            span(ended_at(run, frame.now) - read_time(run.started_at)),
            data_label="took",
            class_="number",
        ),
        h("td", f"{run.counts.get('loaded', 0):,}", data_label="loaded", class_="number"),
        h("td", links, data_label="rejected", class_="number"),
    )
