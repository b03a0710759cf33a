"""What a clean file takes of S3 and the ledger beside its rows is what its price is reckoned from."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

from dynamodb_limits import item_bytes
from sample_files import PREFIX, draw_file
from scenario import Change, Scenario
from simulate import simulate
from simulated_feed import LEDGER, SimulatedFeed

from bench.volumes import Requests

FILE = draw_file(random.Random("clean"), 3, ["a", "b", "c"], "0.0", ("good",))
CALM = Scenario(1, changes=(Change(0.0, f"{PREFIX}a.csv", FILE),))
_UNITS = 2
"""A run's item stands in the index ``by_feed`` too, and an object's claim is put into ``by_due`` and taken out again."""


@cache
def feed() -> SimulatedFeed:
    loaded, broken = simulate(CALM)
    assert broken == []
    return loaded


def count_requests() -> Counter[str]:
    calls = (what.split() for _, who, what in feed().schedule.trace if who.startswith("loader"))
    return Counter(name for number, name, *_ in calls if number.isdecimal())


def test_a_clean_file_takes_the_requests_that_are_reckoned_with() -> None:
    found = count_requests()
    assert found["BatchWriteItem"] == 1
    assert found["PutObject"] == Requests().puts
    assert found["HeadObject"] + found["GetObject"] == Requests().gets
    assert found["GetItem"] == Requests().reads
    assert _UNITS * (found["PutItem"] + found["UpdateItem"]) == Requests().writes
    assert (
        sum(found.values())
        == 1 + Requests().puts + Requests().gets + Requests().reads + Requests().writes // 2
    )


def test_an_item_of_the_ledger_is_one_unit() -> None:
    items = feed().tables.tables[LEDGER].items.values()
    assert max(map(item_bytes, items)) <= 1024


def test_the_log_has_what_is_reckoned_with_and_room_for_what_the_service_says() -> None:
    lines = [line for line in feed().log.getvalue().splitlines() if '"request_id": "loader' in line]
    assert len(lines) == 2
    assert 0 < Requests().log_bytes - sum(map(len, lines)) < 1500
