"""One run: what became of its file's records, why, and what to do next."""

from __future__ import annotations

from penstock.aws.runs import Run, read_time
from penstock.console.commands import Commands
from penstock.console.counts import codes_chart, counts_bar
from penstock.console.figures import clock, span
from penstock.console.frame import Frame, address, command, facts, page, prose, when
from penstock.console.html import Element, Node, h, marked
from penstock.console.marks import pill
from penstock.console.timeline import ended_at
from penstock.figures import count, size
from penstock.watch.feeds import measure_freshness


def run_page(frame: Frame, run: Run, commands: Commands) -> Element:
    """Give the page of a run."""
    name = run.key.rpartition("/")[2] or run.key
    return page(
        frame,
        f"Run of {name}",
        h(
            "div",
            h(
                "p",
                h("a", "Runs", href="/runs"),
                " / ",
                h("a", marked(run.feed), href=address("runs", feed=run.feed)),
                class_="trail",
            ),
            h("h1", marked(name), " ", pill(run.status)),
            h("p", marked(f"s3://{run.bucket}/{run.key}"), class_="key"),
            class_="title",
        ),
        None
        if run.reason is None
        else h("p", prose(run.reason), class_=f"reason is-{run.status.replace(' ', '-')}"),
        _records(run),
        _result(run),
        _next(run, commands),
        _codes(run),
        _facts(frame, run),
        section="/runs",
    )


def _next(run: Run, commands: Commands) -> Node:
    found = list(commands.after(run))
    if not found:
        return None
    return h(
        "section", h("h2", "What to do"), [command(line, prose(why)) for why, line in found], class_="todo"
    )


def _records(run: Run) -> Node:
    if not run.ended:
        return h("section", h("h2", "Records"), h("p", "They are counted when the run ends.", class_="soft"))
    if run.status == "rejected" and not run.counts.get("read"):
        return h(
            "section",
            h("h2", "Records"),
            h("p", "The file was refused before any of its records was read.", class_="soft"),
        )
    told = "the rejects that it loaded again" if run.replays else "every record ends in exactly one count"
    return h("section", h("h2", "Records ", h("small", told)), counts_bar(run.counts))


def _result(run: Run) -> Node:
    """Show the second sum of a run with a query: of the rows that it gave."""
    if run.result is None or not run.ended:
        return None
    told = h("small", "rows that the query gave; every one ends in exactly one count")
    return h("section", h("h2", "Result ", told), counts_bar(run.result, "row"))


def _codes(run: Run) -> Node:
    if not run.errors:
        return None
    if not run.all_rejected and run.replays is None:
        return h("section", h("h2", "Why the file was refused"), codes_chart(run))
    whole = h(
        "a",
        f"Show {count(run.all_rejected, 'rejected record')}",
        href=address("runs", run.id, "rejects"),
    )
    if run.replays is not None:
        link = h("a", "among the rejects of its run", href=address("runs", run.replays, "rejects"))
        return h(
            "section",
            h("h2", "Why records were rejected"),
            codes_chart(run),
            h("p", "What it left rejected is ", link, "."),
        )
    told = h("small", "errors by code; a record can have several")
    return h("section", h("h2", "Why records were rejected ", told), codes_chart(run), h("p", whole))


def _facts(frame: Frame, run: Run) -> Element:
    took = ended_at(run, frame.now) - read_time(run.started_at)
    read, fresh = run.counts.get("read", 0), measure_freshness(run) if run.arrived_at else None
    items = ", ".join(f"{number:,} {name}" for name, number in run.items.items() if number)
    return h(
        "section",
        h("h2", "Facts"),
        facts(
            (
                "began",
                [when(run.started_at, frame.now), h("small", f" {clock(read_time(run.started_at))} UTC")],
            ),
            ("came", when(run.arrived_at, frame.now)),
            ("took" if run.ended else "has gone on for", span(took)),
            ("arrival to last row", None if fresh is None or run.replays else span(fresh)),
            ("read", f"{size(run.bytes)}" if run.bytes else None),
            ("speed", f"{read / took:,.0f} records a second" if run.ended and read and took > 0 else None),
            ("items", items or None),
            ("write units", f"{run.write_units:,}" if run.write_units else None),
            ("throttled", count(run.throttled, "time") if run.throttled else None),
            ("sent again", count(run.resent, "item") if run.resent else None),
            ("engine", run.told_engine),
            ("code", None if run.code is None else h("code", run.code)),
            ("attempt", f"{run.attempt}" if run.attempt > 1 else None),
            (
                "replay of",
                None
                if run.replays is None
                else h("a", marked(run.replays), href=address("runs", run.replays)),
            ),
            ("replayed", count(run.revision, "time") if run.revision else None),
        ),
        facts(
            ("run", h("code", marked(run.id))),
            ("version", h("code", marked(run.version))),
            *_references(run),
            ("request", None if run.request_id is None else h("code", marked(run.request_id))),
            ("rejects", None if run.rejects is None else h("code", marked(run.rejects))),
            ("report", None if run.report is None else h("code", marked(run.report))),
        ),
        class_="about",
    )


def _references(run: Run) -> list[tuple[str, Node]]:
    """Give what the query of a run referred to, each with its version."""
    return [
        (f"reference {name}", [h("code", marked(of["key"])), " ", h("code", marked(of["version"]))])
        for name, of in run.references.items()
    ]
