"""What the sweep finds by hand, and files that were there before: on the embedded AWS."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CLEAN, CONTRACT, invoke, write
from patience import wait_for

from penstock.aws.sweep.tally import Tally
from penstock.cli.sweeping import Gauge
from penstock.figures import count
from penstock.local.project import Running, down, find_running

pytestmark = pytest.mark.aws

MORE = "schedule: cron(0 6 * * ? *)\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that is up, of two feeds that S3 tells nothing."""
    folder = tmp_path_factory.mktemp("shop")
    write(folder / "penstock.yaml", "penstock: 1\nname: shop\n")
    expecting = CONTRACT.replace("source:\n", "source:\n  expect: [all.csv]\n")
    write(folder / "contracts" / "orders.yaml", expecting + MORE)
    straight = CONTRACT.replace("orders", "returns") + "trigger: direct\n"
    write(folder / "contracts" / "returns.yaml", straight)
    assert invoke("up", "--project", folder).exit_code == 0
    running = find_running(folder)
    running.connection.client("s3").put_bucket_notification_configuration(
        Bucket=running.names.landing_bucket, NotificationConfiguration={}
    )
    yield folder
    down(folder)


def land(project: Path, *keys: str) -> Running:
    running = find_running(project)
    for key in keys:
        running.connection.client("s3").put_object(
            Bucket=running.names.landing_bucket, Key=key, Body=CLEAN.encode()
        )
    return running


def sweep(project: Path, *options: str, command: str = "sweep") -> list[dict[str, Any]]:
    done = invoke(command, *options, "--json", "--project", project)
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def wait_until_applied(project: Path, prefix: str = "incoming/") -> None:
    def is_applied() -> bool:
        parts = sweep(project, prefix, "--dry-run", command="backfill")
        return not any(part["queued"] or part["under_way"] for part in parts)

    wait_for(is_applied, f"what lies under {prefix} is applied", pause=0.3)


def test_lost_files_are_found_shown_and_loaded(project: Path) -> None:
    land(project, "incoming/orders/lost.csv", "incoming/returns/lost.csv")
    looked = {each["feed"]: each for each in sweep(project, "--dry-run")}
    assert "incoming/orders/lost.csv" in looked["orders"]["first_queued"]
    assert (looked["returns"]["queued"], looked["returns"]["requests"]) == (1, 0)
    assert looked["orders"]["missing"] == ["incoming/orders/all.csv"]
    assert looked["returns"]["dollars"] == pytest.approx(5e-6 + 2 * 0.5 * 0.125e-6, abs=1e-9)
    done = invoke("sweep", "--project", project)
    assert done.exit_code == 0, done.output
    assert "0 applied, 0 under way, 1 queued\n    incoming/returns/lost.csv" in done.stdout
    assert "expected and not there: incoming/orders/all.csv" in done.stdout
    assert "at list prices" in done.stdout
    assert done.stdout.endswith("`penstock runs` shows what becomes of it.\n")
    wait_until_applied(project)
    again = invoke("sweep", "--feed", "returns", "--project", project).stdout
    assert "1 applied, 0 under way, 0 queued" in again


def test_a_backfill_loads_what_lies_under_its_prefix_alone(project: Path) -> None:
    running = land(project, *(f"incoming/orders/{year}/a.csv" for year in (2024, 2025)))
    (part,) = sweep(project, "incoming/orders/2024/", command="backfill")
    assert (part["feed"], part["prefix"]) == ("orders", "incoming/orders/2024/")
    assert part["first_queued"] == ["incoming/orders/2024/a.csv"]
    uri = f"s3://{running.names.landing_bucket}/incoming/orders/2025/"
    (part,) = sweep(project, uri, "--dry-run", command="backfill")
    assert part["first_queued"] == ["incoming/orders/2025/a.csv"]


def test_a_backfill_loads_again_what_was_loaded_where_that_is_said(project: Path) -> None:
    running = land(project, "incoming/orders/2023/a.csv")
    prefix = "incoming/orders/2023/"
    sweep(project, prefix, command="backfill")
    wait_until_applied(project, prefix)
    dynamodb = running.connection.client("dynamodb")
    for item in dynamodb.scan(TableName="orders")["Items"]:
        dynamodb.delete_item(TableName="orders", Key={name: item[name] for name in ("pk", "order_id")})
    (part,) = sweep(project, prefix, command="backfill")
    assert (part["applied"], part["queued"]) == (1, 0)
    (part,) = sweep(project, prefix, "--again", "--dry-run", command="backfill")
    assert (part["applied"], part["queued"]) == (0, 1)
    assert dynamodb.scan(TableName="orders")["Count"] == 0
    (part,) = sweep(project, prefix, "--again", command="backfill")
    assert part["first_queued"] == [f"{prefix}a.csv"]
    wait_until_applied(project, prefix)
    assert dynamodb.scan(TableName="orders")["Count"] == 2


def test_a_backfill_above_several_feeds_gives_each_its_own(project: Path) -> None:
    parts = sweep(project, "incoming/", "--dry-run", command="backfill")
    assert [(part["feed"], part["prefix"]) for part in parts] == [
        ("orders", "incoming/orders/"),
        ("returns", "incoming/returns/"),
    ]


def test_a_prefix_that_no_feed_takes_is_a_wrong_call_that_names_the_feeds(project: Path) -> None:
    done = invoke("backfill", "elsewhere/", "--project", project)
    assert done.exit_code == 2
    assert "incoming/orders/ (orders), incoming/returns/ (returns)" in done.stderr


def test_a_feed_that_is_not_there_is_a_wrong_call(project: Path) -> None:
    done = invoke("sweep", "--feed", "nothing", "--project", project)
    assert done.exit_code == 2
    assert "nothing" in done.stderr


def test_in_a_pipe_a_long_sweep_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 5.0, 11.0, 11.0, 12.0])
    with Gauge(lambda: next(times)) as show:
        show("orders", Tally(looked=100))
        show("orders", Tally(looked=1200, queued=3))
        show("orders", Tally(looked=1300))
    assert capsys.readouterr().err == f"orders: {count(1200, 'object')} looked at, 3 queued\n"
