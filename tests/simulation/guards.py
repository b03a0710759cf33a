"""What keeps the promises, one by one, and how each is taken away: the simulation must miss it.

A guard names what it is for, takes itself away by replacing the little of the real code that it is made of, and shapes the scenarios in which its loss shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from sample_files import PLAIN, PREFIX, draw_file
from scenario import Change, Scenario, draw_scenario
from virtual_s3 import VirtualS3
from virtual_wire import Faults, Strike

from penstock.aws import artifacts, attempt, close, load, objects, runs
from penstock.aws.folder import RunFolder
from penstock.aws.large import conclude
from penstock.aws.large.job import Job
from penstock.aws.ledger import Ledger
from penstock.aws.loader import Budget
from penstock.aws.object_state import Claim, State
from penstock.aws.table import batch_write
from penstock.aws.table.answers import ALL_DONE
from penstock.aws.table.flights import Answer
from penstock.errors import ServiceError
from penstock.load import decide, scan

Shape = Callable[[int], Scenario]


@dataclass(frozen=True)
class Guard:
    """``keeps`` says what it is for. ``seeds`` is how many histories may pass before one shows that it is gone.

    ``start`` is the first seed that is tried, where histories that show it are rare. A change of the code moves them: look for
    one from 0 on then, with many seeds.
    """

    name: str
    keeps: str
    remove: Callable[[pytest.MonkeyPatch], None]
    shape: Shape = draw_scenario
    seeds: int = 150
    start: int = 0


def _shaped(faults: Faults, **more: Any) -> Shape:
    """Give small scenarios with these faults."""
    return lambda seed: replace(draw_scenario(seed, "small"), faults=faults, busy=1200.0, **more)


def _killed_in_turn(seed: int) -> Scenario:
    """Give a scenario in which a file is replaced, and its worker is killed after the request of that number."""
    dice = random.Random("killed in turn")
    files = [draw_file(dice, 4, ["a", "b", "c"], f"0.{version}", PLAIN) for version in range(2)]
    changes = tuple(
        Change(moment, f"{PREFIX}a.csv", file) for moment, file in zip((0.0, 2.0), files, strict=True)
    )
    return Scenario(1, changes=changes, strikes=(Strike("loader-1", seed + 1, "kill after"),), busy=1200.0)


def _large(faults: Faults, **more: Any) -> Shape:
    """Give scenarios of the state machine with these faults."""
    return lambda seed: replace(
        draw_scenario(seed, "large"), faults=faults, busy=1200.0, large_bytes=1, **more
    )


def _crowded(faults: Faults, *, gone: bool = False, **more: Any) -> Shape:
    """Give scenarios in which one object changes while it is loaded, again and again; and is ``gone`` in the end."""

    def shape(seed: int) -> Scenario:
        dice = random.Random(f"crowd {seed}")
        files = [draw_file(dice, 3, ["a", "b", "c", "d", "e"], f"0.{version}", PLAIN) for version in range(4)]
        moments = sorted(dice.uniform(0, 6.0) for _ in files)
        changes = tuple(
            Change(moment, f"{PREFIX}a.csv", file) for moment, file in zip(moments, files, strict=True)
        )
        changes += (Change(7.0, f"{PREFIX}a.csv", None),) if gone else ()
        scenario = Scenario(seed, changes=changes, faults=faults, seconds=300.0, concurrency=4)
        return replace(scenario, **more)

    return shape


def _change_update(patch: pytest.MonkeyPatch, change: Callable[[str, str], tuple[str, str] | None]) -> None:
    """Have the ledger write other updates, or under other conditions; None: not at all, and it seems as if it had."""
    real = Ledger._update

    def update(
        self: Ledger, bucket: str, key: str, update: str, condition: str, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        changed = change(update, condition)
        if changed is None:
            return {}
        text = " ".join(changed)
        return real(self, bucket, key, *changed, {n: v for n, v in values.items() if n in text})

    patch.setattr(Ledger, "_update", update)


_ALWAYS: Final = "attribute_exists(pk) OR attribute_not_exists(pk)"


def _claim_always(patch: pytest.MonkeyPatch) -> None:
    _change_update(patch, lambda u, c: (u, _ALWAYS) if u.startswith("SET feed") else (u, c))


def _settle_always(patch: pytest.MonkeyPatch) -> None:
    _change_update(
        patch,
        lambda u, c: (
            (u, c.replace("claim_run = :run", f"({_ALWAYS})")) if "REMOVE claim_run" in u else (u, c)
        ),
    )


def _mark_nothing(patch: pytest.MonkeyPatch) -> None:
    _change_update(patch, lambda u, c: None if u == "SET pending = :yes" else (u, c))


def _settle_whatever_is_pending(patch: pytest.MonkeyPatch) -> None:
    def change(update: str, condition: str) -> tuple[str, str]:
        ends = "REMOVE claim_run" in update and "attribute_not_exists(pending)" in condition
        return (f"{update}, pending", "claim_run = :run") if ends else (update, condition)

    _change_update(patch, change)


def _note_nothing_due(patch: pytest.MonkeyPatch) -> None:
    _change_update(patch, lambda u, c: (u.replace("due_feed = :feed, due_at = :end, ", ""), c))


def _extend_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "extend", lambda *_arguments: None)


def _end_claims_at(patch: pytest.MonkeyPatch, seconds: float) -> None:
    patch.setattr(Budget, "claim_end", property(lambda budget: budget.end + seconds))


def _forget_attempts(patch: pytest.MonkeyPatch) -> None:
    real = State.settles

    def settles(self: State, plan: str, *, version: str | None = None, etag: str | None = None) -> bool:
        return real(replace(self, attempts=0), plan, version=version, etag=etag)

    patch.setattr(State, "settles", settles)


def _find_all_idle(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(State, "is_idle", lambda _state, _now: True)


def _look_before_the_claim(patch: pytest.MonkeyPatch) -> None:
    """Take what was found before the claim for what is there after it."""
    real, seen = objects.find_current, dict[tuple[int, str], tuple[Any, Any]]()

    def find_current(s3: Any, bucket: str, key: str) -> Any:
        worker = (
            s3._wire.schedule.current
        )  # kept with what it saw: the identity of one that is gone may be another's
        if (id(worker), key) not in seen:
            seen[id(worker), key] = (worker, real(s3, bucket, key))
            return seen[id(worker), key][1]
        return seen.pop((id(worker), key))[1]

    patch.setattr(load, "find_current", find_current)


def _read_without_version(patch: pytest.MonkeyPatch) -> None:
    """Read by name alone, and take whatever comes for what was found."""
    real = VirtualS3.get_object

    def get_object(self: VirtualS3, **request: Any) -> Mapping[str, Any]:
        return real(self, **{n: v for n, v in request.items() if n not in {"VersionId", "IfMatch"}})

    patch.setattr(VirtualS3, "get_object", get_object)
    patch.setattr(objects.S3Source, "_first_byte", lambda _source, answer: _first_of(answer))


def _first_of(answer: Mapping[str, Any]) -> int:
    place = objects._RANGE.fullmatch(answer.get("ContentRange") or "")
    return 0 if place is None else int(place[1])


def _see_no_repeats(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scan, "has_repeats", lambda *_arguments: False)


def _report_first(patch: pytest.MonkeyPatch) -> None:
    real = runs.put_run

    def put_run(ledger: Ledger, run: runs.Run) -> None:
        counts = dict.fromkeys(
            ("read", "loaded", "rejected", "filtered", "superseded", "withheld", "blank"), 0
        )
        early = replace(run, status="done", counts=counts, items={"put": 0, "deleted": 0, "unchanged": 0})
        real(ledger, early if run.status == "running" else run)

    patch.setattr(attempt, "put_run", put_run)


def _lose_rejects(patch: pytest.MonkeyPatch) -> None:
    """End the run whether or not its rejects are kept."""
    real = artifacts.S3RejectWriter.close

    def close(self: artifacts.S3RejectWriter) -> None:
        try:
            real(self)
        except ServiceError:
            return

    patch.setattr(artifacts.S3RejectWriter, "close", close)


def _take_all_for_processed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_write, "find_unprocessed", lambda *_arguments: None)


def _take_silence_for_success(patch: pytest.MonkeyPatch) -> None:
    real = batch_write.BatchWrite.read

    def read(self: batch_write.BatchWrite, parcel: Any, answer: Answer | None) -> Any:
        return real(self, parcel, answer or Answer(200, b"{%b}" % ALL_DONE))

    patch.setattr(batch_write.BatchWrite, "read", read)


def _mark_whoever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(runs, "_NOT_ENDED", "(#status IN (:running, :handed_over) OR attribute_exists(pk))")


def _end_whatever_ended(patch: pytest.MonkeyPatch) -> None:
    real = runs.end_run
    patch.setattr(close, "end_run", lambda ledger, run: [real(ledger, run), run][1])


def _wait_for_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(conclude, "_await_workers", lambda _job, _loads: True)


def _go_on_whatever_ended(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Job, "_check_still_goes_on", lambda _job: None)


def _change_states_blindly(patch: pytest.MonkeyPatch) -> None:
    real = RunFolder._put_if
    patch.setattr(RunFolder, "_put_if", lambda self, name, body, held: real(self, name, body, {}))


def _take_over_any_version(patch: pytest.MonkeyPatch) -> None:
    real = load._find_ended

    def find_ended(loader: Any, claim: Claim, found: Any) -> Any:
        run = None if claim.interrupted is None else runs.get_run(loader.ledger, claim.interrupted)
        return real(loader, claim, found if run is None else replace(found, version_id=run.version))

    patch.setattr(load, "_find_ended", find_ended)


def _publish_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "point", lambda *_arguments: None)


def _allow_all_deletes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "refuse_deletes", lambda *_arguments: None)


_DEATHS: Final = Faults(kill=0.03, lost=0.03, slow=0.1)
_SLOW: Final = Faults(slow=0.3, lost=0.1, unreached=0.05, doubled=0.3)

GUARDS: Final = [
    Guard("claim condition", "Of two workers one is at work on an object.", _claim_always, _shaped(Faults(doubled=0.5))),
    Guard("claim margin", "A claim outlasts the last request sent under it, by anybody's clock.", lambda p: _end_claims_at(p, 0.0), _shaped(_SLOW, seconds=30.0), start=121),
    Guard("settle and release conditions", "Who lost a claim does not end another's.", _settle_always, _crowded(Faults(lost=0.2, doubled=0.3, kill=0.02)), start=210),
    Guard("pending on a live claim", "An event that meets a claim is remembered.", _mark_nothing, _crowded(Faults(latency=0.5))),
    Guard("pending kept at the end", "A worker looks again where an event came in.", _settle_whatever_is_pending, _crowded(Faults(latency=0.5))),
    Guard("due index", "A claim whose worker died is found.", _note_nothing_due, _crowded(_DEATHS, gone=True, direct=True)),
    Guard("idle check", "What a dead worker left is cleared, also where nothing is to be loaded.", _find_all_idle, _crowded(_DEATHS, gone=True)),
    Guard("attempts count", "After an attempt that died no version is taken for applied.", _forget_attempts, _crowded(_DEATHS), start=85),
    Guard("look under the claim", "What is loaded is the newest version there is.", _look_before_the_claim, _crowded(Faults(lost=0.25, doubled=0.8)), start=130),
    Guard("version pin", "Every read is of one version.", _read_without_version, _crowded(Faults(latency=0.3)), 400),
    Guard("ETag pin", "Also where the bucket keeps no versions.", _read_without_version, _crowded(Faults(latency=0.3), versioned=False), 400),
    Guard("in-batch key check", "Of the rows with one key one is sent.", _see_no_repeats, _shaped(Faults(doubled=0.1))),
    Guard("report last", "A run has ended when its last write is acknowledged.", _report_first, _crowded(_DEATHS)),
    Guard("rejects before the end", "A run whose rejects are not kept has failed.", _lose_rejects, _shaped(Faults(denied_rejects=0.3))),
    Guard("unprocessed items", "What the service holds back is sent again.", _take_all_for_processed, _shaped(Faults(partial=0.3))),
    Guard("no answer", "What is not acknowledged is sent again.", _take_silence_for_success, _shaped(Faults(lost=0.1))),
    Guard("ended runs stay", "A run that ended is not marked as dead.", _mark_whoever, _crowded(Faults(kill=0.1))),
    Guard("one end of a run", "Who comes second to end a run does not count it again.", _end_whatever_ended, _large(Faults(doubled=0.6, latency=0.3), seconds=300.0)),
    Guard("version of an ended run", "A run counts for the version that it loaded.", _take_over_any_version, _killed_in_turn, 40),
    Guard("extended claim", "A run keeps its claim while the state machine is at work.", _extend_nothing, _large(Faults(slow=0.3, lost=0.05), seconds=30.0)),
    Guard("wait for workers", "An object is free when nobody can be at work on it.", _wait_for_nobody, _large(Faults(doubled=0.6, stall=0.1, latency=0.3), seconds=300.0)),
    Guard("look again before a chunk", "No worker begins on a run that is over.", _go_on_whatever_ended, _large(Faults(doubled=0.9, lost=0.2, latency=0.01, denied_rejects=0.9, give_up=0.02), seconds=300.0, leg_seconds=60.0, variant="plain"), start=456),
    Guard("conditional states", "Of two workers neither undoes what the other noted.", _change_states_blindly, _large(Faults(doubled=0.9, stall=0.15, latency=0.3), seconds=300.0), start=129),
    Guard("manifest before the writes", "What a run that broke off wrote of a mirror is known.", _publish_nothing, _crowded(Faults(kill=0.05), variant="mirror")),
    Guard("deletion limit", "A mirror that lost most of its rows deletes nothing.", _allow_all_deletes, _crowded(Faults(), variant="guarded")),
]  # fmt: skip
