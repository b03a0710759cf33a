"""How fresh the data is, how much came, and how fast it was loaded, feed by feed, as the runs in the ledger tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.aws.runs import Run
from penstock.console.frame import Frame, address, page
from penstock.console.html import Element, Node, h, marked
from penstock.console.plots import age_plot, freshness_plot, records_plot, speed_plot
from penstock.figures import count


def trends_page(frame: Frame, runs: Mapping[str, Sequence[Run]], asked: int, most: int) -> Element:
    """Give the page of the latest runs of each feed: so many of each were ``asked`` for; of one alone it can be ``most``."""
    return page(
        frame,
        "Trends",
        h("h1", "Trends"),
        [_feed(frame, feed, found, asked, most) for feed, found in sorted(runs.items())],
        section="/trends",
    )


def _feed(frame: Frame, feed: str, runs: Sequence[Run], asked: int, most: int) -> Element:
    told = f"the latest: {count(len(runs), 'run')}" if runs else "no runs yet"
    return h(
        "section",
        h("h2", h("a", marked(feed), href=address("runs", feed=feed)), " ", h("small", told)),
        h(
            "div",
            _plot("Age of the newest data", age_plot(runs, frame.now)),
            _plot("From a file's arrival to its last row", freshness_plot(runs, frame.now)),
            _plot("Records of each run", records_plot(runs, frame.now)),
            _plot("Records a second", speed_plot(runs, frame.now)),
            class_="plots",
        )
        if runs
        else None,
        h("p", h("a", "Look further back", href=address("trends", feed=feed)), class_="pages")
        if len(runs) == asked < most
        else None,
    )


def _plot(title: str, drawn: Node) -> Element:
    return h(
        "div", h("h3", title), drawn if drawn is not None else h("p", "Nothing to show yet.", class_="soft")
    )
