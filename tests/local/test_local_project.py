import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE

from penstock.errors import ContractError, ServiceError, UsageError
from penstock.local.follow import choose_feed, drop, follow_run, put
from penstock.local.processes import has_ended, wait_until
from penstock.local.project import LocalFeed, down, find_running, is_up, up
from penstock.local.record import local_folder, note_server, noted_server, state_folder
from penstock.local.server import Server, is_alive, start_server
from penstock.watch.logs import Tail

CONTRACT = """\
penstock: 1
name: letters
source: {prefix: incoming/letters/}
schema:
  fields:
    - {name: id, type: string, constraints: {required: true}}
    - {name: weight, type: integer}
load: {table: letters, partition_key: id}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a project"
    (folder / "contracts").mkdir(parents=True)
    (folder / "penstock.yaml").write_text("penstock: 1\nname: post\n")
    (folder / "contracts" / "letters.yaml").write_text(CONTRACT)
    (folder / "letters.csv").write_text("id,weight\na,1\nb,2\n")
    yield folder
    down(folder)


@pytest.mark.aws
def test_what_is_up_comes_up_again_with_what_it_held(project: Path) -> None:
    running = up(project)
    assert running.changes
    assert put(project, project / "letters.csv").counts["loaded"] == 2
    assert is_up(project)
    again = up(project)
    assert (again.server.pid, again.changes) == (running.server.pid, ())

    assert down(project)
    assert not is_alive(running.server)
    assert not is_up(project)
    assert not down(project)
    with pytest.raises(UsageError, match="penstock up"):
        put(project, project / "letters.csv")

    third = up(project)
    assert third.server.endpoint == running.server.endpoint
    dynamodb = third.connection.client("dynamodb")
    assert dynamodb.get_item(TableName="letters", Key={"id": {"S": "b"}})["Item"]["weight"] == {"N": "2"}
    (project / "letters.csv").write_text("id,weight\nb,3\nc,x\n")
    seen: list[str] = []
    run = put(project, project / "letters.csv", "letters", on_run=lambda run: seen.append(run.status))
    assert (run.status, run.counts["loaded"], run.counts["rejected"]) == ("done", 1, 1)
    assert seen[-1] == "done"
    assert dynamodb.get_item(TableName="letters", Key={"id": {"S": "b"}})["Item"]["weight"] == {"N": "3"}


@pytest.mark.aws
def test_a_bucket_that_is_somebody_elses_in_aws_is_stood_in_for_without_versions(project: Path) -> None:
    (project / "penstock.yaml").write_text("penstock: 1\nname: post\nlanding: {bucket: their-lake}\n")
    said: list[str] = []
    running = up(project, said.append)
    assert "Making the bucket their-lake, which in AWS is there already" in said
    run = put(project, project / "letters.csv")
    assert (run.bucket, run.version[:5], run.status) == ("their-lake", "etag:", "done")
    buckets = running.connection.client("s3").list_buckets()["Buckets"]
    assert len([found for found in buckets if "artifacts" not in found["Name"]]) == 1


@pytest.mark.aws
def test_after_a_crash_up_starts_anew(project: Path) -> None:
    first = up(project).server
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until(lambda: has_ended(first.pid), PATIENCE)
    said: list[str] = []
    second = up(project, said.append)
    assert "as they were when it last stopped. Once it is up, `penstock sweep` loads" in said[0]
    assert not Path(first.scratch).exists()
    assert second.server.pid != first.pid
    assert find_running(project).server == second.server
    assert put(project, project / "letters.csv").status == "done"


@pytest.mark.aws
def test_a_function_that_cannot_run_is_told_with_its_log(project: Path) -> None:
    running = up(project)
    feed = running.feeds[0]
    running.connection.client("lambda").update_function_configuration(
        FunctionName=running.names.feed(feed.name).function, Environment={"Variables": {}}
    )
    landed = drop(running, feed, project / "letters.csv")
    group = running.names.feed(feed.name).log_group
    tail = Tail(running.connection.client("logs"), [group], 0)
    assert wait_until(
        lambda: any("PENSTOCK_FEED is not set" in line.text for line in tail.read()), PATIENCE, 0.1
    )
    with pytest.raises(ServiceError, match=r"No run began within 1 seconds(.|\n)*PENSTOCK_FEED is not set"):
        follow_run(running, landed, patience=1)


@pytest.mark.aws
def test_where_a_table_was_deleted_by_hand_up_says_how_to_start_with_nothing(project: Path) -> None:
    dynamodb = up(project).connection.client("dynamodb")
    dynamodb.update_table(TableName="letters", DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName="letters")
    with pytest.raises(ServiceError, match=r"the table letters(.|\n)*`penstock down --forget`"):
        up(project)
    assert down(project, forget=True)
    assert not list((project / ".penstock" / "local" / "state").glob("*"))
    assert up(project).changes


@pytest.mark.aws
def test_what_could_not_be_saved_is_told_when_it_stops(project: Path) -> None:
    server = start_server(state_folder(project), outlive=True)
    note_server(project, server)
    server.connection().client("dynamodb").list_tables()
    in_the_way = state_folder(project) / "services" / "dynamodb.json.tmp"
    in_the_way.mkdir(parents=True)  # where the state is written, as if the disk were full
    with pytest.raises(ServiceError, match=r"could not save all .*failed to save dynamodb"):
        down(project)
    assert not is_alive(server)


@pytest.mark.aws
def test_an_unknown_key_in_a_contract_stops_up_before_anything_starts(project: Path) -> None:
    path = project / "contracts" / "letters.yaml"
    path.write_text(CONTRACT.replace("name: letters\n", "name: letters\ntriger: direct\n"))
    with pytest.raises(ContractError, match=r"letters\.yaml:3: triger: .*trigger"):
        up(project)
    assert noted_server(project) is None


def test_a_project_that_never_ran_is_down_already(project: Path) -> None:
    assert not down(project)
    assert not (project / ".penstock").exists()
    assert not is_up(project)


def test_down_removes_what_a_killed_server_left(project: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "penstock-x"
    (scratch / "a folder").mkdir(parents=True)
    local_folder(project)
    note_server(project, Server("http://127.0.0.1:1", 1, "another process", "", "", str(scratch)))
    said: list[str] = []
    assert not down(project, said.append)
    assert (len(said), scratch.exists()) == (1, False)
    assert not down(project, said.append)
    assert len(said) == 1


def test_a_note_that_cannot_be_read_counts_as_none(project: Path) -> None:
    folder = project / ".penstock" / "local"
    folder.mkdir(parents=True)
    for text in ("", "[]", '{"endpoint": "http://127.0.0.1:1"}'):
        (folder / "server.json").write_text(text)
        assert noted_server(project) is None


FEEDS = (
    LocalFeed("runways", "incoming/runways/", ".csv.gz", "runways"),
    LocalFeed("navaids", "incoming/navaids/", ".csv.gz", "navaids"),
    LocalFeed("navaids-old", "incoming/old/", ".csv.gz", "old"),
    LocalFeed("orders", "incoming/orders/", ".csv", "orders"),
)


@pytest.mark.parametrize(
    ("file", "named", "chosen"),
    [
        ("runways-2025.csv.gz", None, "runways"),
        ("navaids.csv.gz", None, "navaids"),
        ("navaids-old-3.csv.gz", None, "navaids-old"),
        ("anything.csv", None, "orders"),
        ("x.csv.gz", "navaids", "navaids"),
        ("x.csv.gz", "incoming/old/", "navaids-old"),
        ("x.csv.gz", "incoming/old", "navaids-old"),
    ],
)
def test_a_file_goes_to_the_feed_that_takes_it(file: str, named: str | None, chosen: str) -> None:
    assert choose_feed(FEEDS, Path("data") / file, named).name == chosen


@pytest.mark.parametrize(
    ("file", "named", "message"),
    [
        ("x.csv.gz", None, "Which feed"),
        ("x.json", None, "Which feed"),
        ("x.csv", "nobody", "no feed 'nobody'"),
        ("x.csv", "navaids", "end in .csv.gz"),
    ],
)
def test_a_file_that_no_feed_clearly_takes_is_refused(file: str, named: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        choose_feed(FEEDS, Path(file), named)
