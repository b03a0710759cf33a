"""A feed is well unless something says otherwise, and what does so says what to do."""

from typing import Any

import pytest

from penstock.aws.runs import Run, RunStatus
from penstock.watch.alarms import Alarm, AlarmState
from penstock.watch.judge import Finding, judge_feed, worst


def run(number: int, key: str, status: RunStatus, reason: str | None = None, **more: Any) -> Run:
    started = f"2026-11-23T05:30:{number:02}.000Z"
    return Run(f"run-{number}", "orders", "landing", key, "v1", started, status, reason=reason, **more)


def alarm(
    state: AlarmState, description: str = "Feed orders: Events failed. Next: penstock dlq --feed orders"
) -> Alarm:
    return Alarm("shop_orders_x", "orders", state, "2026-11-23T05:30:00.000Z", "1 > 0", description)


def judge(
    *runs: Run, alarms: tuple[Alarm, ...] = (), letters: int | None = 0, due: int | None = 0
) -> tuple[Finding, ...]:
    """Judge runs that are named from the oldest to the newest."""
    return judge_feed("orders", list(reversed(runs)), alarms, letters, due, [])


def test_a_feed_to_which_no_file_has_come_is_well() -> None:
    assert judge() == ()
    assert worst(()) == "well"


@pytest.mark.parametrize("status", ["done", "running", "handed over"])
def test_a_run_that_ended_well_or_goes_on_is_nothing_to_look_at(status: RunStatus) -> None:
    assert judge(run(1, "a.csv", status)) == ()


def test_a_file_that_failed_is_wrong_with_its_reason_and_the_command_that_shows_its_run() -> None:
    [finding] = judge(run(1, "a.csv", "failed", "The table is gone."), run(2, "b.csv", "done"))
    assert finding == Finding("wrong", "a.csv failed: The table is gone.", "penstock runs run-1")


def test_a_file_that_was_refused_wants_a_look_at_its_rejects() -> None:
    [finding] = judge(
        run(1, "a.csv", "rejected", "12% rejected, and 5% are allowed.", counts={"rejected": 12})
    )
    assert (finding.verdict, finding.command) == ("look", "penstock rejects run-1")


def test_a_file_that_was_refused_unread_has_no_rejects_and_its_run_says_why() -> None:
    [finding] = judge(run(1, "a.csv", "rejected", "The header lacks: id.", code="missing-label"))
    assert (finding.verdict, finding.command) == ("look", "penstock runs run-1")


def test_a_file_that_would_delete_too_much_waits_for_somebodys_word() -> None:
    found = judge(
        run(1, "a.csv", "rejected", "9 items would go.", code="delete-limit", counts={"rejected": 1})
    )
    assert [finding.command for finding in found] == ["penstock approve run-1"]


def test_a_failure_is_over_once_the_same_file_was_loaded() -> None:
    assert judge(run(1, "a.csv", "failed"), run(2, "a.csv", "done")) == ()
    [finding] = judge(run(1, "a.csv", "done"), run(2, "a.csv", "failed"))
    assert finding.command == "penstock runs run-2"


def test_a_replay_does_not_stand_for_its_file() -> None:
    [finding] = judge(run(1, "a.csv", "failed"), run(2, "a.csv", "done", replays="run-0"))
    assert finding.command == "penstock runs run-1"


def test_of_several_files_the_newest_is_named_and_the_others_are_counted() -> None:
    [finding] = judge(run(1, "a.csv", "failed"), run(2, "b.csv", "failed"), run(3, "c.csv", "failed"))
    assert finding.why == "c.csv failed (and 2 more files)"
    [finding] = judge(run(1, "a.csv", "failed"), run(2, "b.csv", "failed"))
    assert finding.why == "b.csv failed (and 1 more file)"


def test_dead_letters_are_wrong() -> None:
    [finding] = judge(letters=3)
    assert (finding.verdict, finding.command) == ("wrong", "penstock dlq --feed orders")


def test_files_that_lost_their_worker_want_a_look() -> None:
    [finding] = judge(due=2)
    assert (finding.verdict, finding.command) == ("look", "penstock sweep --feed orders")


def test_an_alarm_that_is_on_is_wrong_and_its_description_says_the_command() -> None:
    [finding] = judge(alarms=(alarm("ALARM"),))
    assert finding.command == "penstock dlq --feed orders"
    assert finding.why == "alarm shop_orders_x: Events failed."


def test_an_alarm_without_a_description_says_its_reason() -> None:
    [finding] = judge(alarms=(alarm("ALARM", ""),))
    assert (finding.why, finding.command) == ("alarm shop_orders_x: 1 > 0", None)


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_an_alarm_that_is_off_or_knows_nothing_yet_says_nothing(state: AlarmState) -> None:
    assert judge(alarms=(alarm(state),)) == ()


def test_what_could_not_be_read_wants_a_look() -> None:
    [finding] = judge_feed("orders", [], (), None, 0, ["Could not look: allow sqs:GetQueueAttributes."])
    assert finding == Finding("look", "Could not look: allow sqs:GetQueueAttributes.")


def test_the_worst_comes_first() -> None:
    found = judge(run(1, "a.csv", "rejected"), letters=1, due=1)
    assert [finding.verdict for finding in found] == ["wrong", "look", "look"]
    assert worst(found) == "wrong"
