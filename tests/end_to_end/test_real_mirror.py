"""Real files of five days as versions of one object, mirrored: each writes what differs, and the table is the newest's."""

import csv
from decimal import Decimal
from typing import Any

import pytest
from deployed_world import World
from ourairports_oracle import Value, expect_runways
from runways import cut

from penstock.aws.runs import Run

pytestmark = pytest.mark.aws

DAYS = cut(3_000)

Items = dict[tuple[Any, Any], dict[str, Value]]


def keys_of_rejects(world: World, run: Run) -> set[tuple[Any, Any]]:
    """Give the keys that rejected rows have: a runway's id is its first cell, its airport the third."""
    rows = csv.reader(reject.raw.decode() for reject in world.rejects(run).values())
    return {(cells[2], Decimal(cells[0])) for cells in rows}


def test_runways_of_five_days_and_the_first_again_write_what_differs(world: World) -> None:
    left: Items = {}
    for day in (*DAYS, DAYS[-1], DAYS[0]):
        expected = expect_runways(day).items
        run = world.load("mirrored", "runways.csv.gz", day)
        assert run.status == "done", run.reason
        stays = keys_of_rejects(world, run) - expected.keys()
        becomes = {**{key: left[key] for key in stays if key in left}, **expected}
        changed = [key for key, item in expected.items() if left.get(key) != item]
        assert run.items["put"] == len(changed)
        assert run.items["deleted"] == len(left.keys() - becomes.keys())
        assert run.items["unchanged"] == len(expected) - len(changed)
        left = becomes
    found = {(item["airport_ident"], item["id"]): item for item in world.scan("mirrored")}
    assert found == left
