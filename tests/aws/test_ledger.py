"""The ledger lets one worker at a time work on a key, loses no event, and remembers what was done."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from embedded_aws import World, make_world
from fake_aws import connect

from penstock.aws.attributes import from_attribute, from_item, to_attribute, to_item
from penstock.aws.ledger import Ledger, LostClaimError
from penstock.aws.list_runs import list_runs
from penstock.aws.object_state import Applied, Claim, Pointer, Saved, State
from penstock.aws.runs import (
    Run,
    conclude_run,
    end_run,
    format_time,
    get_run,
    mark_interrupted,
    new_run_id,
    put_off_end,
    put_run,
)
from penstock.errors import ServiceError
from penstock.load.report import Counts, ItemCounts, Report
from penstock.local.server import Server

pytestmark = pytest.mark.aws

KEY = ("landing", "incoming/orders/a b+ü.csv")
V1 = Applied("v1", "e1", "done", "plan-1", "run-1")


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    with make_world(server) as made:
        yield made


@pytest.fixture
def ledger(world: World) -> Ledger:
    return world.ledger


def claim(world: World, run: str, seconds: float = 60) -> Claim | None:
    return world.ledger.claim("orders", *KEY, run, world.now + seconds)


def due(world: World) -> list[tuple[str, str]]:
    return list(world.ledger.list_due("orders", world.now))


def test_an_object_nobody_worked_on_has_no_state(ledger: Ledger) -> None:
    assert ledger.read_state(*KEY) == State()


def test_a_claim_keeps_others_out_until_it_is_settled(world: World) -> None:
    first = claim(world, "run-1")
    assert first is not None
    assert (first.attempt, first.interrupted, first.state) == (1, None, State())
    assert claim(world, "run-2") is None
    assert world.ledger.settle(first, V1) is True
    assert world.ledger.settle(first, V1) is False
    third = claim(world, "run-3")
    assert third is not None
    assert third.state.applied == V1


def test_of_many_workers_at_once_one_gets_the_claim(world: World) -> None:
    got: list[Claim | None] = []
    workers = [threading.Thread(target=lambda n=n: got.append(claim(world, f"run-{n}"))) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(got) == 8
    (winner,) = [found for found in got if found is not None]
    assert world.ledger.settle(winner, V1) is True, "the others' events are still to be looked at"


def test_what_is_settled_says_what_was_applied_and_holds_no_claim(world: World) -> None:
    mine = claim(world, "run-1")
    assert mine is not None
    assert world.ledger.settle(mine, V1) is False
    assert world.ledger.read_state(*KEY) == State(applied=V1)


def test_an_event_that_meets_a_live_claim_is_seen_when_the_claim_ends(world: World) -> None:
    mine = claim(world, "run-1")
    assert mine is not None
    claim(world, "run-2")
    assert world.ledger.read_state(*KEY).pending
    assert world.ledger.settle(mine, V1) is True
    state = world.ledger.read_state(*KEY)
    assert (state.pending, state.applied) == (False, V1)


def test_a_claim_with_an_event_to_look_at_is_kept_for_the_same_worker_until_nothing_came(
    world: World,
) -> None:
    first = claim(world, "run-1")
    assert first is not None
    claim(world, "run-2")
    world.ledger.settle(first, V1)
    assert claim(world, "run-3") is None, "another worker does not get it, and leaves a mark"
    again = world.ledger.claim("orders", *KEY, "run-4", world.now + 60, after="run-1")
    assert again is not None
    assert (again.attempt, again.interrupted, again.state.attempts) == (1, None, 0)
    assert again.state.pending
    assert world.ledger.settle(again, None) is False
    assert world.ledger.read_state(*KEY) == State(applied=V1)


def test_settling_without_anything_done_keeps_what_was_applied_before(world: World) -> None:
    for run, applied in (("run-1", V1), ("run-2", None)):
        mine = claim(world, run)
        assert mine is not None
        world.ledger.settle(mine, applied)
    assert world.ledger.read_state(*KEY).applied == V1


def test_a_claim_that_ran_out_is_taken_over_and_its_run_named(world: World) -> None:
    claim(world, "run-1", seconds=60)
    world.now += 59
    assert claim(world, "run-2") is None
    world.now += 1
    second = claim(world, "run-3")
    assert second is not None
    assert (second.interrupted, second.attempt) == ("run-1", 2)


def test_who_lost_the_claim_can_not_settle_it_and_does_not_disturb_it(world: World) -> None:
    late = claim(world, "run-1", seconds=60)
    assert late is not None
    world.now += 61
    assert claim(world, "run-2") is not None
    with pytest.raises(LostClaimError, match="took longer than its claim"):
        world.ledger.settle(late, V1)
    world.ledger.release(late)
    state = world.ledger.read_state(*KEY)
    assert (state.claim_run, state.applied) == ("run-2", None)


def test_a_released_claim_is_free_and_counts_as_an_attempt(world: World) -> None:
    first = claim(world, "run-1")
    assert first is not None
    world.ledger.release(first)
    second = claim(world, "run-2")
    assert second is not None
    assert (second.attempt, second.interrupted) == (2, None)
    world.ledger.settle(second, V1)
    third = claim(world, "run-3")
    assert third is not None
    assert third.attempt == 1


def test_a_claim_is_extended_for_as_long_as_it_is_the_runs_even_after_its_end(world: World) -> None:
    assert claim(world, "run-1", seconds=10)
    world.ledger.extend(*KEY, "run-1", world.now + 100)
    world.ledger.extend(*KEY, "run-1", world.now + 50)  # of another worker: nothing is shortened
    world.now += 99
    assert claim(world, "run-2") is None
    world.now += 20
    world.ledger.extend(*KEY, "run-1", world.now + 100)
    assert claim(world, "run-3") is None


def test_a_claim_that_another_has_or_that_ended_is_not_extended(world: World) -> None:
    assert claim(world, "run-1", seconds=10)
    world.now += 11
    second = claim(world, "run-2")
    assert second is not None
    with pytest.raises(LostClaimError, match="run-1 has no claim"):
        world.ledger.extend(*KEY, "run-1", world.now + 100)
    world.ledger.settle(second, V1)
    with pytest.raises(LostClaimError):
        world.ledger.extend(*KEY, "run-2", world.now + 100)


def test_what_a_run_has_done_is_known_to_the_next_attempt_until_the_object_is_settled(world: World) -> None:
    saved = Saved("run-1", "v1", "plan-1")
    first = claim(world, "run-1")
    assert first is not None
    world.ledger.save(first, saved)
    world.ledger.release(first)
    second = claim(world, "run-2")
    assert second is not None
    assert second.state.saved == saved
    world.ledger.settle(second, V1)
    assert world.ledger.read_state(*KEY).saved is None
    third = claim(world, "run-3")
    assert third is not None
    world.ledger.save(third, saved)
    world.ledger.save(third, None)
    assert world.ledger.read_state(*KEY).saved is None


def test_an_object_is_due_from_the_end_of_its_claim_until_it_is_settled(world: World) -> None:
    mine = claim(world, "run-1", seconds=60)
    assert mine is not None
    assert due(world) == []
    world.ledger.extend(*KEY, "run-1", world.now + 90)
    world.now += 89
    assert due(world) == []
    world.now += 1
    assert due(world) == [KEY]
    assert list(world.ledger.list_due("returns", world.now)) == []
    world.ledger.settle(mine, V1)
    assert due(world) == []


def test_an_object_whose_run_failed_is_due_only_where_an_event_waits_that_nobody_brings_back(
    world: World,
) -> None:
    first = claim(world, "run-1")
    assert first is not None
    assert world.ledger.release(first) is False
    assert due(world) == []
    second = claim(world, "run-2")
    assert second is not None
    claim(world, "run-3")
    assert world.ledger.release(second) is True
    assert due(world) == [KEY]
    state = world.ledger.read_state(*KEY)
    assert (state.claim_run, state.pending) == (None, True)


def test_a_worker_that_has_no_time_to_look_again_leaves_the_object_due(world: World) -> None:
    mine = claim(world, "run-1")
    assert mine is not None
    world.ledger.release(mine, again=True)
    assert due(world) == [KEY]
    assert claim(world, "run-2")
    assert due(world) == []


def test_an_object_is_idle_unless_a_claim_ran_out_or_an_event_waits() -> None:
    assert State().is_idle(10.0)
    assert State(claim_run="run-1", claim_expires_at=11.0, pending=True).is_idle(10.0)
    assert not State(claim_run="run-1", claim_expires_at=10.0).is_idle(10.0)
    assert not State(pending=True).is_idle(10.0)


def test_an_attempt_is_not_forgotten_where_the_object_is_gone(world: World) -> None:
    first = claim(world, "run-1")  # it may have written rows of a version that was deleted since
    assert first is not None
    world.ledger.release(first)
    second = claim(world, "run-2")
    assert second is not None
    world.ledger.settle(second, None)
    state = world.ledger.read_state(*KEY)
    assert (state.attempts, state.claim_run) == (1, None)
    third = claim(world, "run-3")
    assert third is not None
    world.ledger.settle(third, V1)
    assert world.ledger.read_state(*KEY).attempts == 0


def test_who_lost_the_claim_can_not_save_for_the_next(world: World) -> None:
    first = claim(world, "run-1", seconds=10)
    assert first is not None
    world.now += 11
    assert claim(world, "run-2")
    with pytest.raises(LostClaimError):
        world.ledger.save(first, Saved("run-1", "v1", "plan-1"))


def test_a_claim_whose_answer_was_lost_finds_itself(world: World) -> None:
    first, again = claim(world, "run-1"), claim(world, "run-1")
    assert first is not None
    assert again is not None
    assert again.interrupted is None


def test_a_claim_sent_twice_is_one_attempt_and_what_was_applied_before_still_counts(world: World) -> None:
    first = claim(world, "run-1")
    assert first is not None
    world.ledger.settle(first, V1)
    claim(world, "run-2")
    again = claim(world, "run-2")  # as botocore does where the first answer is lost
    assert again is not None
    assert (again.attempt, again.state.settles("plan-1", version="v1")) == (1, True)


def test_a_settlement_whose_answer_was_lost_is_not_taken_for_a_lost_claim(world: World) -> None:
    mine = claim(world, "run-1")
    assert mine is not None
    world.ledger.settle(mine, V1)
    assert world.ledger.settle(mine, V1) is True, "whether an event came in is not known: look again"


@pytest.mark.parametrize(
    ("applied", "version", "plan", "settled"),
    [
        (None, "v1", "plan-1", False),
        (V1, "v1", "plan-1", True),
        (V1, "v1", "plan-2", True),
        (V1, "v2", "plan-1", False),
        (replace(V1, status="rejected"), "v1", "plan-1", True),
        (replace(V1, status="rejected"), "v1", "plan-2", False),
    ],
)
def test_a_loaded_version_is_settled_for_good_and_a_refused_one_until_the_plan_changes(
    applied: Applied | None, version: str, plan: str, settled: bool
) -> None:
    assert State(applied=applied).settles(plan, version=version) is settled


def test_nothing_is_settled_after_an_attempt_that_did_not_end() -> None:
    """It may have written rows of a version that was current in between."""
    assert not State(applied=V1, attempts=1).settles("plan-1", version="v1")
    assert not State(applied=V1, attempts=1).settles("plan-1", etag="e1")


REFUSED = replace(V1, status="rejected")


def test_a_manifest_is_named_before_the_first_write_and_whole_once_all_is_written(world: World) -> None:
    held = claim(world, "run-1")
    assert held is not None
    world.ledger.point(held, Pointer("run-1", whole=False))
    assert world.ledger.read_state(*KEY).manifest == Pointer("run-1", whole=False)
    world.ledger.settle(held, V1, "run-1")
    assert world.ledger.read_state(*KEY).manifest == Pointer("run-1", whole=True)


def test_a_manifest_is_known_to_the_next_claim_also_after_a_run_that_failed(world: World) -> None:
    held = claim(world, "run-1")
    assert held is not None
    world.ledger.point(held, Pointer("run-1", whole=False))
    world.ledger.release(held)
    found = claim(world, "run-2")
    assert found is not None
    assert found.state.manifest == Pointer("run-1", whole=False)
    world.ledger.point(found, None)
    assert world.ledger.read_state(*KEY).manifest is None


def test_a_worker_that_lost_its_claim_names_no_manifest(world: World) -> None:
    held = claim(world, "run-1", seconds=1)
    assert held is not None
    world.now += 2
    assert claim(world, "run-2") is not None
    with pytest.raises(LostClaimError, match="another worker has taken over"):
        world.ledger.point(held, Pointer("run-1", whole=False))
    assert world.ledger.read_state(*KEY).manifest is None


def test_an_approved_version_is_due_and_no_longer_settled_until_it_is_loaded(world: World) -> None:
    held = claim(world, "run-1")
    assert held is not None
    world.ledger.settle(held, REFUSED)
    assert world.ledger.read_state(*KEY).settles("plan-1", version="v1")
    assert world.ledger.approve("orders", *KEY, "run-1", "v1")
    state = world.ledger.read_state(*KEY)
    assert not state.settles("plan-1", version="v1")
    assert not state.settles("plan-1", etag="e1")
    assert due(world) == [KEY]
    again = claim(world, "run-2")
    assert again is not None
    assert again.state.approved == "v1"
    world.ledger.settle(again, replace(V1, run="run-2"))
    assert world.ledger.read_state(*KEY).approved is None


def test_what_is_forgotten_is_due_and_has_no_version_and_no_manifest_any_more(world: World) -> None:
    made = claim(world, "run-1")
    assert made is not None
    world.ledger.point(made, Pointer("m1", whole=False))
    assert not world.ledger.forget("orders", *KEY)  # there is nothing yet, and somebody is at work
    world.ledger.settle(made, V1, "m1")
    busy = claim(world, "run-2")
    assert busy is not None
    assert not world.ledger.forget("orders", *KEY)
    world.ledger.settle(busy, None)
    assert world.ledger.forget("orders", *KEY)
    state = world.ledger.read_state(*KEY)
    assert (state.applied, state.manifest, due(world)) == (None, None, [KEY])
    assert not world.ledger.forget("orders", *KEY)


def test_nothing_is_approved_of_a_run_that_is_not_the_last_or_while_another_is_at_work(world: World) -> None:
    held = claim(world, "run-1")
    assert held is not None
    assert not world.ledger.approve("orders", *KEY, "run-1", "v1")
    world.ledger.settle(held, REFUSED)
    assert not world.ledger.approve("orders", *KEY, "run-0", "v0")
    assert claim(world, "run-2") is not None
    assert not world.ledger.approve("orders", *KEY, "run-1", "v1")


def test_the_ledger_that_is_not_there_is_told(server: Server) -> None:
    with connect(server.endpoint, "999999999999") as connections:
        ledger = Ledger(connections.dynamodb, "none")
        with pytest.raises(ServiceError, match="There is no ledger none here"):
            ledger.read_state(*KEY)
        with pytest.raises(ServiceError, match="There is no ledger none here"):
            ledger.claim("orders", *KEY, "run-1", 1.0)
        with pytest.raises(ServiceError, match="There is no ledger none here"):
            list_runs(ledger)
        with pytest.raises(ServiceError, match="There is no ledger none here"):
            list(ledger.list_due("orders", 1.0))


RUN = Run("2026-11-23T05-30-00Z-00000000", "orders", *KEY, "v1", "2026-11-23T05:30:00.000Z")
REPORT = Report(
    "orders",
    KEY[1],
    "rejected",
    Counts(read=3, rejected=2, withheld=1),
    ItemCounts(),
    {f"code-{n:02d}": n for n in range(1, 15)},
    code="reject-limit",
    reason="too many",
    seconds=1.25,
    write_units=7,
    plan="plan-1",
)


def test_a_run_reads_back_as_it_was_written(ledger: Ledger) -> None:
    put_run(ledger, RUN)
    assert get_run(ledger, RUN.id) == RUN
    ended = conclude_run(RUN, REPORT, "2026-11-23T05:31:00.000Z")
    put_run(ledger, ended)
    assert get_run(ledger, RUN.id) == ended
    assert (ended.status, ended.counts["withheld"], ended.seconds) == ("rejected", 1, 1.25)


def test_of_many_errors_a_run_keeps_the_ten_most_frequent() -> None:
    ended = conclude_run(RUN, REPORT, "2026-11-23T05:31:00.000Z")
    assert list(ended.errors) == [f"code-{n:02d}" for n in range(14, 4, -1)]


def test_a_replay_is_no_attempt_and_one_that_dies_leaves_the_version_applied(world: World) -> None:
    first = claim(world, "run-1")
    assert first is not None
    world.ledger.settle(first, V1)
    replay = world.ledger.claim("orders", *KEY, "replay-1", world.now + 60, attempt=False)
    assert replay is not None
    assert replay.attempt == 0
    world.now += 61
    assert due(world) == [KEY]
    state = world.ledger.read_state(*KEY)
    assert state.settles("plan-1", version="v1")
    assert not state.is_idle(world.now)


def test_an_unknown_run_is_none(ledger: Ledger) -> None:
    assert get_run(ledger, "none") is None


def test_runs_are_listed_the_newest_first_by_feed_and_over_all(world: World) -> None:
    for n in range(6):
        feed = ("orders", "returns")[n % 2]
        put_run(world.ledger, replace(RUN, id=f"r{n}", feed=feed, started_at=f"2026-11-23T05:3{n}:00.000Z"))
    claim(world, "run-1")  # an object's state is no run
    assert [run.id for run in list_runs(world.ledger, "orders")] == ["r4", "r2", "r0"]
    assert [run.id for run in list_runs(world.ledger, "orders", limit=2)] == ["r4", "r2"]
    assert [run.id for run in list_runs(world.ledger, limit=4)] == ["r5", "r4", "r3", "r2"]
    assert list_runs(world.ledger, "none") == []
    since, until = "2026-11-23T05:32:00.000Z", "2026-11-23T05:33:00.000Z"
    assert [run.id for run in list_runs(world.ledger, "orders", since=since)] == ["r4", "r2"]
    assert [run.id for run in list_runs(world.ledger, "orders", until=until)] == ["r2", "r0"]
    assert [run.id for run in list_runs(world.ledger, "orders", since=since, until=until)] == ["r2"]
    assert [run.id for run in list_runs(world.ledger, since=since, until=until)] == ["r3", "r2"]


def test_a_run_whose_worker_died_is_marked_and_one_that_ended_is_not(ledger: Ledger) -> None:
    put_run(ledger, RUN)
    put_run(ledger, replace(RUN, id="ended", status="done"))
    for run_id in (RUN.id, "ended", "none"):
        mark_interrupted(ledger, run_id, "2026-11-23T06:00:00.000Z")
    dead, ended = get_run(ledger, RUN.id), get_run(ledger, "ended")
    assert dead is not None
    assert ended is not None
    assert (dead.status, dead.ended_at) == ("failed", "2026-11-23T06:00:00.000Z")
    assert "worker ended" in str(dead.reason)
    assert ended.status == "done"
    assert get_run(ledger, "none") is None


def test_a_run_whose_worker_must_be_gone_is_read_as_failed(world: World) -> None:
    put_run(world.ledger, replace(RUN, ends_by=format_time(world.now + 60)))
    for seconds, status in ((0, "running"), (61, "failed")):
        world.now += seconds
        (listed,) = list_runs(world.ledger, "orders")
        assert (listed.status, listed) == (status, get_run(world.ledger, RUN.id))
    assert "worker ended" in str(listed.reason)
    assert listed.ended_at == listed.ends_by


def test_a_run_that_goes_on_puts_its_end_off_and_one_that_ended_does_not(world: World) -> None:
    ledger = world.ledger
    for status in ("handed over", "done"):
        put_run(ledger, replace(RUN, id=status, status=status, ends_by=format_time(world.now + 10)))
        put_off_end(ledger, status, format_time(world.now + 100))
        put_off_end(ledger, status, format_time(world.now + 50))
    world.now += 99
    over, done = get_run(ledger, "handed over"), get_run(ledger, "done")
    assert over is not None
    assert done is not None
    assert (over.status, over.ended, done.ended) == ("handed over", False, True)
    assert done.ends_by == format_time(world.now - 89)
    world.now += 2
    over = get_run(ledger, "handed over")
    assert over is not None
    assert (over.status, over.ended) == ("failed", True)


def test_only_runs_expire(world: World) -> None:
    put_run(world.ledger, RUN)
    claim(world, "run-1")
    expiring = [item["pk"]["S"] for item in world.scan(world.ledger.table) if "expires_at" in item]
    assert expiring == [f"RUN#{RUN.id}"]


def test_run_ids_sort_by_time_and_differ() -> None:
    earlier, later = new_run_id(1_795_411_800.0), new_run_id(1_795_411_801.0)
    assert earlier.startswith("2026-11-23T05-30-00Z-")
    assert earlier < later
    assert new_run_id(0.0) != new_run_id(0.0)
    assert format_time(1_795_411_800.25) == "2026-11-23T05:30:00.250Z"


@pytest.mark.parametrize(
    "value", [None, True, False, 0, -5, 1.5, 1e-9, "", "ü", [1, [], {}], {"a": {"b": [None]}}]
)
def test_values_survive_as_attributes(value: Any) -> None:
    assert from_attribute(to_attribute(value)) == value
    assert from_item(to_item({"a": value})) == ({} if value is None else {"a": value})


def test_a_run_ends_once_and_who_comes_second_is_told_how(world: World) -> None:
    run = Run("r1", "orders", *KEY, "v1", started_at=format_time(world.now))
    put_run(world.ledger, run)
    done = replace(run, status="done", ended_at=format_time(world.now + 1))
    assert end_run(world.ledger, done) == done
    failed = replace(run, status="failed", reason="no room", ended_at=format_time(world.now + 2))
    assert end_run(world.ledger, failed) == done
    assert get_run(world.ledger, "r1") == done
