"""What must hold when a simulation is over and all is at rest: the promises of the design, held against a plain model.

**The table.** The model is serial: of each object the versions that wrote anything, one after the other in the order in which
they were put. So each write is of a row that wins in its version, with that row's item; of each key the versions that wrote it never go back; the
newest version of an object wrote every row that wins in it; so did every version of which a run ended well. The table is
what these writes make of an empty one. Where objects share keys, the order between them is not defined: then an item is one of those that
an object has for it, seen alone. A bucket without versions tells versions by their content: a version that came back counts as the later
one or as the earlier, whichever fits.

Where a contract says `skip_unchanged` or `mode: mirror`, rows that are there already need not be written. A mirror deletes the items of an object that its newest version
lacks, where it has no rejects, of which they may be.

**The runs.** Every run that ended conserves its counts; one that ended well or was refused has the model's counts, the
model's rejects with their bytes in file order, and a report that says the same. A version is loaded once, unless nobody could know that it was.

**The ledger.** No claim is left, nothing is pending, and what is applied is the newest version, with the status of the model.

**The metrics.** No run is counted twice, be it that two end it, and what is counted of it is what the ledger says. Every run that ended is counted, but where a worker
died, or the answer to a request was lost, in the very moment.

**The log.** A line says which invocation wrote it, and what it is about.

**The rest.** No cell's value is in the log or in a notice. Dead letters are messages that nobody understands, or such as the
world's faults kept from being understood, and whatever they told of is loaded all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
from typing import Any

from promised_log import check_log
from sample_files import MARK, SPARING, TABLE, Expected, SampleFile, expect
from simulated_feed import ARTIFACTS, LANDING, LEDGER, SimulatedFeed, Write
from virtual_s3 import Version

from penstock.aws.attributes import from_item
from penstock.aws.runs import format_time
from penstock.load.rejects import reject_from_json

Item = Mapping[str, Any]
_NOTHING: Item = {}
"""No row's item."""


class Model:
    """What the scenario's files come to, by object and version."""

    def __init__(self, feed: SimulatedFeed) -> None:
        self._feed = feed
        self._files = {
            change.file.body: change.file for change in feed.scenario.changes if change.file is not None
        }
        self._expected: dict[bytes, Expected] = {}

    def of(self, version: Version) -> Expected:
        """Say what becomes of a version."""
        assert version.body is not None
        if version.body not in self._expected:
            file: SampleFile = self._files[version.body]
            self._expected[version.body] = expect(file, self._feed.scenario.variant)
        return self._expected[version.body]

    def ids(self, version: Version) -> set[str]:
        """Give the ids that a version has in any of its rows; there may have been an item of each."""
        return set() if version.body is None else {row.id for row in self._files[version.body].rows}

    def find(self, key: str, name: str) -> list[tuple[int, Version]]:
        """Give the versions of a key that go by this name, with their places in its history."""
        return [
            (place, version)
            for place, version in enumerate(self._feed.versions.get(key, ()))
            if version.body is not None
            and (f"etag:{version.etag}" if version.version_id is None else version.version_id) == name
        ]


def find_broken(feed: SimulatedFeed) -> list[str]:
    """Give every promise that was broken, in a sentence each."""
    model = Model(feed)
    if feed.scenario.variant == "guarded":
        return [*feed.problems, *_check_errors(feed), *_check_deletes(feed)]
    return [
        *feed.problems,
        *_check_errors(feed),
        *_check_ledger(feed, model),
        *_check_writes(feed, model),
        *_check_table(feed, model),
        *_check_runs(feed, model),
        *check_log(feed),
        *_check_silence(feed),
        *_check_dead_letters(feed),
    ]


def _check_errors(feed: SimulatedFeed) -> Iterator[str]:
    expected = {
        "NotLoadedError", "ServiceError", "UsageError", "LostClaimError", "EngineError", "EventError", "ObjectGoneError"
    }  # fmt: skip
    for name, error in feed.function.errors:
        if type(error).__name__ not in expected:
            yield f"{name} raised {error!r}"


def _check_deletes(feed: SimulatedFeed) -> Iterator[str]:
    deleted = [write for write in feed.writes if write.item is None]
    if deleted:
        yield f"{deleted[0].run} deleted {len(deleted)} items, and may delete none"


def _check_ledger(feed: SimulatedFeed, model: Model) -> Iterator[str]:
    for key, state in feed.objects.items():
        gone = feed.store.buckets[LANDING].current(key) is None
        # Of an object that is gone it is kept that somebody tried, for rows of it may be in the table.
        due = (
            "claim_run",
            "claim_expires_at",
            "pending",
            "due_feed",
            "due_at",
            *(() if gone else ("attempt", "saved")),
        )
        if left := [name for name in due if name in state]:
            yield f"the ledger still has {', '.join(left)} of {key}"
    for key in feed.versions:
        current = feed.store.buckets[LANDING].current(key)
        if current is None:
            continue
        applied = feed.objects.get(key, {}).get("applied", {}).get("M")
        if applied is None or applied["etag"]["S"] != current.etag:
            yield f"not the newest version of {key} was applied"
            continue
        run = feed.tables.tables[LEDGER].items.get((("S", f"RUN#{applied['run']['S']}"), ("S", "RUN")), {})
        for what, status in (("ledger", applied["status"]["S"]), ("run", run.get("status", {}).get("S"))):
            if status != model.of(current).status:
                yield f"the newest version of {key} is {status}, says the {what}"


def _check_writes(feed: SimulatedFeed, model: Model) -> Iterator[str]:
    """Hold each write against the version that it is of, and against the one before it."""
    reached: dict[tuple[str, str], int] = {}
    for write in feed.writes:
        key = write.place.removeprefix(f"{LANDING}/")
        found = model.find(key, write.version)
        if not found:
            yield f"{write.run} wrote of a version that never was: {write.version}"
            continue
        expected = model.of(found[0][1])
        older = feed.versions[key][: found[-1][0]]
        vanished = feed.scenario.variant == "mirror" and any(
            write.id in model.ids(version) for version in older
        )
        if expected.writes.get(write.id, None if vanished else _NOTHING) != write.item:
            yield f"{write.run} wrote {write.id}, and not the row that wins"
        before = reached.get((key, write.id), -1)
        if found[-1][0] < before:
            yield f"{write.run} wrote {write.id} of an older version over a newer one's"
        reached[key, write.id] = next((place for place, _ in found if place >= before), found[-1][0])


def _check_table(feed: SimulatedFeed, model: Model) -> Iterator[str]:
    """Hold the table against what the newest versions say, and all of it against what was written."""
    table = {key[0][1]: item for key, item in feed.tables.tables[TABLE].items.items()}
    replayed: dict[str, Item | None] = {}
    for write in feed.writes:
        replayed[write.id] = write.item
    if table != {name: item for name, item in replayed.items() if item is not None}:
        yield "the table is not what was written to it"
    allowed: dict[str, list[Item | None]] = {}
    for key in feed.versions:
        current = feed.store.buckets[LANDING].current(key)
        newest = {} if current is None else model.of(current).writes
        last = _last_writes(feed.writes, key)
        sparing = feed.scenario.variant in SPARING
        if not sparing and newest.keys() - last.keys():
            yield f"{len(newest.keys() - last.keys())} rows of the newest version of {key} were never written"
        gone = feed.scenario.variant == "mirror" and current is not None and not model.of(current).rejects
        for name in {**last, **newest}:
            left = None if gone or name not in last else last[name].item
            allowed.setdefault(name, []).append(newest.get(name, left))
    for name, choices in allowed.items():
        if table.get(name) not in choices:
            yield f"the table has another {name} than the newest version that wrote it"


def _last_writes(writes: list[Write], key: str) -> dict[str, Write]:
    return {write.id: write for write in writes if write.place == f"{LANDING}/{key}"}


def _check_runs(feed: SimulatedFeed, model: Model) -> Iterator[str]:
    ended: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    written: dict[tuple[str, str], dict[str, Item | None]] = {}
    for write in feed.writes:
        written.setdefault((write.place.removeprefix(f"{LANDING}/"), write.version), {})[write.id] = (
            write.item
        )
    for ((_, pk), (_, sk)), item in feed.tables.tables[LEDGER].items.items():
        if sk != "RUN":
            continue
        run = {**from_item(item), "id": pk.removeprefix("RUN#")}
        counts = run.get("counts") or {}
        if counts and counts["read"] != sum(counts.values()) - counts["read"]:
            yield f"the counts of {run['id']} don't add up: {counts}"
        if run["status"] in {"done", "rejected", "failed"}:
            yield from _check_report(feed, run)
        if run["status"] not in {"done", "rejected"}:
            # Who died can't say so: such a run is read as failed once its time is over (penstock.aws.runs).
            over = run["ends_by"] < format_time(feed.schedule.now)
            if run["status"] != "failed" and not over:
                yield f"{run['id']} is still {run['status']}"
            continue
        place = run["key"], run["version"]
        ended.setdefault(place, []).append(run)
        expected = model.of(model.find(*place)[0][1])
        yield from _check_run(feed, run, expected)
        missing = expected.writes.keys() - written.get(place, {}).keys()
        if missing and feed.scenario.variant not in SPARING:
            yield f"{run['id']} ended, and {len(missing)} of its rows were never written"
    for place, runs in ended.items():
        yield from _check_once(feed, runs, len(model.find(*place)))


def _check_once(feed: SimulatedFeed, runs: list[Mapping[str, Any]], times: int) -> Iterator[str]:
    """Check that a version is loaded once, or once for each time that it came.

    It may be loaded again where nobody can know that it was whole and last: its worker was told that the run could not be
    noted as ended, though it was, or after it another one had the claim and did not come to an end. So it is with a claim
    that had to be sent three times, which takes itself for another.
    """
    place = f"OBJECT#{runs[0]['bucket']}/{runs[0]['key']}"
    claimed = [run for about, run in feed.connections.dynamodb.claims if about == place]
    claims = [(run, len([*same])) for run, same in groupby(claimed)]
    order = [run for run, _ in claims]
    runs = sorted(runs, key=lambda run: order.index(run["id"]))
    again = [
        second["id"]
        for first, second in pairwise(runs)
        if (second["attempt"] == 1 or order.index(second["id"]) == order.index(first["id"]) + 1)
        and f"RUN#{first['id']}" not in feed.wire.unsure
        and dict(claims)[second["id"]] < 3
    ]
    if len(again) > times - 1:
        yield f"{runs[0]['key']} was loaded again by {', '.join(again)}"


def _check_run(feed: SimulatedFeed, run: Mapping[str, Any], expected: Expected) -> Iterator[str]:
    if (run["status"], run["counts"]) != (expected.status, expected.counts):
        yield f"{run['id']} is {run['status']} with {run['counts']}, and should be {expected.status} with {expected.counts}"
    if run.get("result") != expected.result:
        yield f"the query of {run['id']} gave {run.get('result')}, and should give {expected.result}"
    items = run["items"]
    removed = (
        0 if feed.scenario.variant == "mirror" else items["deleted"] - len(expected.writes) + expected.puts
    )
    if items["put"] + items["unchanged"] != expected.puts or removed:
        yield f"{run['id']} did this with its items: {items}"
    found = [(r.line, r.offset, r.raw, r.errors[0].code) for r in _read_rejects(feed, run)]
    if found != [(r.line, r.offset, r.raw, r.code) for r in expected.rejects]:
        yield f"{run['id']} has {len(found)} rejects, and not the {len(expected.rejects)} that it should have"


def _check_report(feed: SimulatedFeed, run: Mapping[str, Any]) -> Iterator[str]:
    objects = feed.store.buckets[ARTIFACTS]
    if run.get("report"):
        version = objects.current(run["report"].removeprefix(f"s3://{ARTIFACTS}/"))
        report = {} if version is None or version.body is None else json.loads(version.body)
        told = (report.get("status"), report.get("counts"), report.get("result"))
        if told != (run["status"], run["counts"], run.get("result")):
            yield f"the report of {run['id']} says something else than the ledger"


def _read_rejects(feed: SimulatedFeed, run: Mapping[str, Any]) -> Iterator[Any]:
    """Read the rejects that a run says are its own."""
    objects = feed.store.buckets[ARTIFACTS]
    if not run.get("rejects"):
        return
    prefix = run["rejects"].removeprefix(f"s3://{ARTIFACTS}/")
    names = objects.current(f"{prefix}parts.json")
    for name in () if names is None else json.loads(names.body or b"[]"):
        part = objects.current(name)
        for line in (b"" if part is None else part.body or b"").splitlines():
            yield reject_from_json(line)


def _check_silence(feed: SimulatedFeed) -> Iterator[str]:
    if MARK in feed.log.getvalue():
        yield "a cell's value is in the log"
    if any(MARK in notice for notice in feed.topic.notices):
        yield "a cell's value is in a notice"


def _check_dead_letters(feed: SimulatedFeed) -> Iterator[str]:
    garbage = sum(not message.body.startswith('{"Records"') for message in feed.queue.dead)
    if not feed.scenario.direct and garbage < len(feed.scenario.garbage):
        yield "a message that nobody understands is not with the dead letters"
    if feed.queue.messages:
        yield f"{len(feed.queue.messages)} messages are still in the queue"
