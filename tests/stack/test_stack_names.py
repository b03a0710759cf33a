"""Names fit their services' limits, stay the same, and never meet."""

from __future__ import annotations

import re

import botocore.session
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.stack.names import Names, shorten

PROJECTS = st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True)
REGIONS = st.sampled_from(["eu-central-1", "ap-southeast-1", "us-gov-west-1", "cn-northwest-1"])


@given(PROJECTS, PROJECTS, REGIONS)
@example("p" * 40, "f" * 40, "ap-southeast-1")
def test_every_name_fits_its_service(project: str, feed: str, region: str) -> None:
    names = Names(project, "123456789012", region)
    own = names.feed(feed)
    for bucket in (names.landing_bucket, names.artifacts_bucket):
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", own.function)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", own.sweep)
    for schedule in (own.tick, own.schedule):
        assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", schedule)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", own.state_machine)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", own.queue)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", own.dead_letters)
    assert re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", names.ledger)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", names.topic)
    assert re.fullmatch(r"[A-Za-z0-9_/-]{1,512}", names.machines_log_group)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", names.dashboard)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", names.alarm(feed, "machine-timed-out"))
    for stack in (names.foundation_stack, names.landing_stack, own.stack):
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", stack)


@given(PROJECTS, PROJECTS, PROJECTS, PROJECTS)
@example("a", "b-c", "a-b", "c")
@example("a", "b-dead-letters", "a", "b")
@example("a", "b-sweep", "a", "b")
@example("a", "b-tick", "a", "b")
@example("p" * 40, "f" * 40, "p" * 40, "f" * 39 + "g")
def test_two_feeds_share_no_name(project: str, feed: str, other_project: str, other_feed: str) -> None:
    if (project, feed) == (other_project, other_feed):
        return
    one = Names(project, "123456789012", "eu-central-1").feed(feed)
    other = Names(other_project, "123456789012", "eu-central-1").feed(other_feed)
    assert len({one.function, one.sweep, other.function, other.sweep}) == 4
    assert len({one.tick, one.schedule, other.tick, other.schedule}) == 4
    assert one.state_machine != other.state_machine
    assert _alarm(project, feed) != _alarm(other_project, other_feed)
    assert not {one.queue, one.dead_letters} & {other.queue, other.dead_letters}


def _alarm(project: str, feed: str) -> str:
    return Names(project, "123456789012", "eu-central-1").alarm(feed, "silent")


@given(st.text("ab-", min_size=1, max_size=40), st.integers(min_value=12, max_value=40))
def test_shortening_keeps_what_fits_and_tells_the_rest_apart(name: str, limit: int) -> None:
    short = shorten(name, limit)
    assert len(short) <= limit
    assert (short == name) == (len(name) <= limit)
    assert shorten(name, limit) == short


def test_the_partition_follows_the_region() -> None:
    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("sqs", partition, allow_non_regional=False):
            assert Names("p", "123456789012", region).partition == partition
