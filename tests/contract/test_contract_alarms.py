"""What a contract says of its alarms: from what on each tells people, or that it is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_contract import SMALL, problems

from penstock.contract.alarms import AlarmsModel
from penstock.contract.project import read_project
from penstock.contract.scalars import duration_seconds

COUNT = "must be a count such as 1, or off"
SHARE = 'must be a share such as "5%", or off'
DURATION = "must be a number of minutes, hours or days such as 26 hours, or off"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("loader_errors", 0, COUNT),
        ("loader_errors", True, COUNT),
        ("loader_errors", "many", COUNT),
        ("dead_letters", "5%", COUNT),
        ("reject_share", 5, SHARE),
        ("reject_share", "0%", SHARE),
        ("reject_share", "101%", SHARE),
        ("time_used", False, SHARE),
        ("silent_after", 26, DURATION),
        ("silent_after", "26h", DURATION),
        ("silent_after", "1.5 days", DURATION),
        ("silent_after", "9 minutes", "must be 10 minutes to 366 days, or off"),
        ("silent_after", "367 days", "must be 10 minutes to 366 days, or off"),
        (
            "sweep_stopped",
            "25 hours",
            "must be at most 24 hours, which is as far back as an alarm can look",
        ),
        ("silent", "1 day", 'unknown key; did you mean "silent_after"?'),
    ],
)
def test_a_threshold_that_is_none_is_refused(key: str, value: Any, message: str) -> None:
    assert problems({f"alarms.{key}": value}) == [f"alarms.{key}: {message}"]


@pytest.mark.parametrize("key", AlarmsModel.model_fields)
def test_every_alarm_can_be_switched_off(key: str) -> None:
    assert problems({f"alarms.{key}": "off"}) == []


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("10 minutes", 600),
        ("1 hour", 3600),
        ("26 hours", 93_600),
        ("1 day", 86_400),
        ("366 days", 31_622_400),
    ],
)
def test_a_duration_is_a_number_and_its_unit(written: str, seconds: int) -> None:
    assert problems({"alarms.silent_after": written}) == []
    assert duration_seconds(written) == seconds


def test_only_the_owner_knows_how_long_a_feed_may_be_silent() -> None:
    assert AlarmsModel().silent_after == "off"


def test_a_projects_defaults_lie_under_the_alarms_of_its_contracts(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    defaults = {"alarms": {"reject_share": "10%", "throttles": "off"}}
    project = {"penstock": 1, "name": "shop", "defaults": defaults}
    (tmp_path / "penstock.yaml").write_text(json.dumps(project))
    own = {**SMALL, "alarms": {"reject_share": "50%"}}
    (tmp_path / "contracts" / "orders.yaml").write_text(json.dumps(own))
    (contract,) = read_project(tmp_path).feeds
    assert (contract.alarms.reject_share, contract.alarms.throttles) == ("50%", "off")
    assert contract.alarms.dead_letters == 1
