"""How the feeds are, and what their functions wrote: the commands on a project that is up."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from command_line import CLEAN, CONTRACT, DIRTY, invoke, write
from patience import PATIENCE

from penstock.cli.logs import read_since, show_facts
from penstock.cli.output import say_table
from penstock.cli.status import HEADINGS, fit, say_findings
from penstock.errors import UsageError
from penstock.local.processes import wait_until
from penstock.local.project import Running, down, find_running
from penstock.watch.judge import Finding

NOON = 1_795_413_600.0  # 2026-11-23T06:00:00Z


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOON - 90),
        ("30m", NOON - 1800),
        ("2h", NOON - 7200),
        ("7d", NOON - 7 * 86_400),
        ("2026-11-23T05:59:00Z", NOON - 60),
        ("2026-11-23 05:59", NOON - 60),
        ("2026-11-23T06:59:00+01:00", NOON - 60),
        ("0001-01-01", 0.0),
    ],
)
def test_how_far_back_is_a_span_or_a_time_and_a_time_without_a_zone_is_utc(text: str, moment: float) -> None:
    assert read_since(text, NOON) == moment


@pytest.mark.parametrize("text", ["yesterday", "1", "-1h", "1w", ""])
def test_any_other_way_to_say_how_far_back_is_a_wrong_call(text: str) -> None:
    with pytest.raises(UsageError, match="30m"):
        read_since(text, NOON)


def test_a_log_line_leaves_out_what_is_empty_or_comes_to_nothing() -> None:
    empty = {
        "counts": {"read": 0, "loaded": 0},
        "items": {},
        "by": {"a": {"put": 0}},
        "parts": [],
        "reason": "",
    }
    assert show_facts({**empty, "attempt": 0, "run": "r", "errors": {"type-error": 2}}) == (
        "run=r attempt=0 errors=type-error:2"
    )


@pytest.mark.parametrize(("feed", "file"), [("a" * 60, "b.csv"), ("orders", "c" * 90), ("a" * 40, "c" * 40)])
def test_long_names_are_cut_so_that_a_line_of_status_fits_a_terminal(
    feed: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    row = [feed, "wrong", file, "12 min ago", "2.5 s", "0", "1,234", "0", "0"]
    say_table(HEADINGS, fit([row], 80), indent=0)
    head, line = capsys.readouterr().out.splitlines()
    assert max(len(head), len(line)) <= 80
    assert "…" in line
    assert fit([row], 200) == [row]


def test_what_others_wrote_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    say_findings("orders", [Finding("look", "\x1b[2Ja.csv was refused", "penstock runs \x1b[31m")])
    assert "\x1b" not in capsys.readouterr().out


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project of two feeds, one of which refuses files with any rejects, and has an alarm for them."""
    folder = tmp_path_factory.mktemp("shop")
    write(folder / "penstock.yaml", "penstock: 1\nname: shop\n")
    write(folder / "contracts" / "orders.yaml", CONTRACT + "alarms: {reject_share: off}\n")
    strict = CONTRACT.replace("orders", "returns") + "quality: {max_rejects: 0}\n"
    write(folder / "contracts" / "returns.yaml", strict)
    done = invoke("up", "--project", folder)
    assert done.exit_code == 0, done.output
    put(folder, "orders", DIRTY)
    yield folder
    down(folder)


@pytest.fixture
def running(project: Path) -> Running:
    return find_running(project)


class Ear:
    """A queue that is subscribed to the project's topic."""

    def __init__(self, running: Running) -> None:
        self.sqs = running.connection.client("sqs")
        self.url = self.sqs.create_queue(QueueName="ear")["QueueUrl"]
        self.heard: list[dict[str, Any]] = []
        sns, arn = running.connection.client("sns"), running.names.arn("sqs", "ear")
        sns.subscribe(TopicArn=running.names.topic_arn, Protocol="sqs", Endpoint=arn)

    def hears(self) -> set[str]:
        """Take what was told, and give the names of the alarms that went off. The loader's own notices are no JSON."""
        for message in self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get(
            "Messages", ()
        ):
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            text = json.loads(message["Body"])["Message"]
            self.heard += [json.loads(text)] if text.startswith("{") else []
        return {told["AlarmName"] for told in self.heard if told["NewStateValue"] == "ALARM"}


def put(project: Path, feed: str, text: str, name: str = "orders.csv") -> dict[str, Any]:
    """Load a file, and give its run."""
    done = invoke("put", write(project / name, text), "--feed", feed, "--project", project, "--json")
    run: dict[str, Any] = json.loads(done.stdout)
    return run


@pytest.mark.aws
def test_a_feed_whose_rejects_are_within_the_limit_is_well(project: Path) -> None:
    done = invoke("status", "--feed", "orders", "--project", project)
    assert done.exit_code == 0, done.output
    [headings, line] = done.stdout.splitlines()
    assert headings.split() == [
        "feed",
        "state",
        "last",
        "file",
        "came",
        "fresh",
        "backlog",
        "rejects",
        "dead",
        "alarms",
    ]
    # A message is deleted a moment after its run has ended.
    assert re.fullmatch(r"orders  well   \w+\.csv +\S+ (s|min) ago +\S+ s +[01] +3 +0 +0", line)


@pytest.mark.aws
def test_status_in_aws_is_the_same(project: Path, running: Running) -> None:
    surroundings = {
        "AWS_ENDPOINT_URL": running.server.endpoint,
        "AWS_ACCESS_KEY_ID": running.names.account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": running.names.region,
        "AWS_CONFIG_FILE": os.devnull,
    }
    done = invoke("status", "--aws", "--feed", "orders", "--project", project, **surroundings)
    assert done.exit_code == 0, done.output
    assert "orders  well" in done.stdout


@pytest.mark.aws
def test_a_file_with_too_many_rejects_sets_off_an_alarm_that_is_heard_and_seen(
    project: Path, running: Running
) -> None:
    ear = Ear(running)
    run = put(project, "returns", DIRTY, "returns.csv")
    alarm = running.names.alarm("returns", "reject-share")
    assert wait_until(lambda: alarm in ear.hears(), PATIENCE, 0.2), ear.heard
    [told] = [told for told in ear.heard if told["NewStateValue"] == "ALARM"]
    assert told["AlarmName"] == alarm
    assert "37.5 was greater than the threshold (5)" in told["NewStateReason"]

    done = invoke("status", "--project", project)
    assert done.exit_code == 1
    table, *findings = done.stdout.rstrip().split("\n\n")
    assert max(len(line) for line in table.splitlines()) <= 100
    meaning, then = "More than 5% of a file's records were rejected.", f"penstock rejects {run['id']}"
    assert findings == [
        f"returns: wrong\n  alarm {alarm}: {meaning}\n  Next: penstock runs --feed returns, then penstock rejects RUN",
        f"returns: look\n  {run['key']} was refused: {run['reason']}\n  Next: {then}",
    ]
    told = json.loads(invoke("status", "--json", "--project", project).stdout)
    assert [(feed["feed"], feed["verdict"]) for feed in told["feeds"]] == [
        ("orders", "well"),
        ("returns", "wrong"),
    ]
    assert told["feeds"][1]["last_file"]["id"] == run["id"]


@pytest.mark.aws
def test_the_logs_say_what_happened_a_line_each_without_metrics_and_without_lambdas_own(
    project: Path,
) -> None:
    done = invoke("logs", "--feed", "orders", "--project", project)
    assert done.exit_code == 0, done.output
    found = [line for line in done.stdout.splitlines() if "run done" in line]
    assert re.match(
        r"2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO    run done outcome=done run=\S+ key=incoming/",
        found[0],
    )
    assert "counts=read:9,loaded:3,rejected:3,filtered:1,superseded:1,blank:1" in found[0]
    assert "RequestId" not in done.stdout
    assert "_aws" not in done.stdout
    whole = invoke("logs", "--feed", "orders", "--level", "DEBUG", "--project", project).stdout
    assert "REPORT RequestId" in whole


@pytest.mark.aws
def test_one_runs_story_holds_its_lines_and_no_others(project: Path) -> None:
    run = put(project, "orders", CLEAN, "story.csv")
    done = invoke("logs", "--run", run["id"], "--json", "--project", project)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["run started", "run done"]
    assert {line["run"] for line in lines} == {run["id"]}
    assert lines[1]["version"] == run["version"]
    assert "orders.csv" in invoke("logs", "--feed", "orders", "--project", project).stdout
    assert "orders.csv" not in done.stdout


@pytest.mark.aws
def test_only_lines_of_a_level_and_above_are_shown(project: Path) -> None:
    rows = CLEAN + "".join(f"ORD-{n},ann,1,1,NEW\n" for n in range(100, 140))
    refused = put(
        project, "returns", f"{rows}BAD,ann,1,1,NEW\n", "loud.csv"
    )  # with too few rejects for the alarm
    put(project, "returns", rows, "loud.csv")
    warnings = invoke("logs", "--level", "warning", "--json", "--project", project).stdout
    lines = [json.loads(line) for line in warnings.splitlines()]
    assert {line["level"] for line in lines} == {"WARNING"}
    assert refused["id"] in {line["run"] for line in lines}
    assert invoke("logs", "--level", "LOUD", "--project", project).exit_code == 2


@pytest.mark.aws
def test_no_lines_are_said(project: Path) -> None:
    done = invoke("logs", "--since", "2100-01-01", "--project", project)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "--since looks further back" in done.stderr


@pytest.mark.aws
def test_lines_are_followed_until_ctrl_c_and_none_comes_twice(project: Path, running: Running) -> None:
    command = [
        sys.executable,
        "-m",
        "penstock",
        "logs",
        "--follow",
        "--sweep",
        "--json",
        "--project",
        str(project),
    ]
    logs, group = running.connection.client("logs"), running.names.feed("orders").sweep_log_group
    logs.create_log_stream(logGroupName=group, logStreamName="followed")
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1, env=buffered
    ) as followed:
        assert followed.stdout is not None
        patience = Timer(60, followed.kill)
        patience.start()
        for number in (1, 2, 3):
            event = {
                "timestamp": int(time.time() * 1000),
                "message": json.dumps({"event": "told", "number": number}),
            }
            logs.put_log_events(logGroupName=group, logStreamName="followed", logEvents=[event])
            while json.loads(followed.stdout.readline()).get("number") != number:
                pass  # a sweep that ticked
        followed.send_signal(signal.SIGINT)
        rest = followed.stdout.read()
        assert followed.wait(20) == 130
        patience.cancel()
    assert '"told"' not in rest
