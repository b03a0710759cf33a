"""`penstock run --resume`: a run that was cut off anywhere goes on, and gives what it would have given."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from command_line import CLEAN, CONTRACT, HEADER, contract, invoke, write

from penstock.api.resume import Kept, KeptRun
from penstock.errors import UsageError
from penstock.load.files import FileSource

RESULTS = ("items.jsonl", "deletes.jsonl", "rejects.jsonl")
EAGER = (
    "import sys\nimport penstock.api.prepare\nimport penstock.cli\n"
    "penstock.api.prepare.KEEP_SECONDS = 0.0\n"  # a short run would be over before it is kept
    "sys.argv = ['penstock', *sys.argv[1:]]\npenstock.cli.main()\n"
)


def dirty_rows(count: int) -> str:
    """Rows of all fates: loaded, superseded, rejected, filtered, blank, quoted over lines, and deletes."""
    dice = random.Random(7)
    rows = []
    for n in range(count):
        status = dice.choice(["NEW", "PAID", "CANCELLED", "LOST"])
        rows.append(f"ORD-{dice.randrange(1000):03},c{dice.randrange(9)},{dice.randrange(4)},{n},{status}")
        rows += [["", 'ORD-001,"a\nb",1,1,NEW', 'ORD-002,"broken,1,1,NEW', "x,y"][dice.randrange(4)]] * (
            n % 7 == 0
        )
    return HEADER + "\n".join(rows) + "\n"


DELETING = CONTRACT + '  delete_where: "quantity = 3"\n'
QUERYING = CONTRACT.replace(
    '  set: {total: "quantity * price"}\n',
    "  sql: SELECT order_id, customer, price, count(*) AS times FROM rows GROUP BY order_id, customer, price\n",
)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", EAGER, *(str(argument) for argument in arguments)]


def start(call: list[str], kept: Path, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a run, and come back once it is kept."""
    running = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=stderr)
    wait_for_change(running, kept)
    return running


def wait_for_change(running: subprocess.Popen[bytes], kept: Path) -> None:
    """Wait until what is kept has changed, or the run is over."""
    before = kept.stat().st_mtime_ns if kept.exists() else None
    while running.poll() is None:
        try:
            if kept.stat().st_mtime_ns != before:
                return
        except FileNotFoundError:
            pass
        time.sleep(0.001)


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


def report(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "report.json").read_text("utf-8"))
    return {name: value for name, value in found.items() if name not in {"seconds", "invocations"}}


@pytest.mark.parametrize(
    ("text", "parts"), [(DELETING, ""), (DELETING, "quality:\n  max_rejects: 90%\n"), (QUERYING, "")]
)
def test_a_run_that_is_killed_again_and_again_gives_what_it_would_have_given(
    tmp_path: Path, text: str, parts: str
) -> None:
    described = contract(tmp_path, text=text, extra=parts)
    file = write(tmp_path / "o.csv", dirty_rows(2_500))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert invoke("run", described, file, "--output", whole).exit_code == 0
    kept = cut / ".run" / "o.csv" / "state.json"
    call = command("run", described, file, "--output", cut, "--chunk-size", 10_000)
    dice = random.Random(os.urandom(8))
    kills = 0
    running = start(call, kept)
    while kept.exists():  # it is removed at the very end
        for _ in range(dice.randrange(2, 9)):
            wait_for_change(running, kept)
        time.sleep(dice.random() / 50)
        running.kill()
        kills += running.wait() == -signal.SIGKILL
        if kept.exists():
            running = start([*call, "--resume"], kept)
    running.wait()
    assert kills
    assert results(cut / "o.csv") == results(whole / "o.csv")
    assert report(cut / "o.csv") == report(whole / "o.csv")
    # One that is killed between the end of its run and its own end leaves its folder, which holds no run any more.
    assert running.returncode == -signal.SIGKILL or not (cut / ".run").exists()


class _Table(BaseHTTPRequestHandler):
    """A table that takes every batch; nobody may look at its description."""

    protocol_version = "HTTP/1.1"
    items: ClassVar[dict[tuple[str, str], Any]] = {}

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer: dict[str, Any] = {"__type": "com.amazon#AccessDeniedException"}
        status = 400
        if self.headers["x-amz-target"].endswith("BatchWriteItem"):
            requests = body["RequestItems"]["orders"]
            for request in requests:
                self.apply(request)
            used = [{"TableName": "orders", "CapacityUnits": float(len(requests))}]
            status, answer = 200, {"UnprocessedItems": {}, "ConsumedCapacity": used}
        sent = json.dumps(answer, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def apply(self, request: dict[str, Any]) -> None:
        put = request.get("PutRequest")
        item = put["Item"] if put else request["DeleteRequest"]["Key"]
        key = (item["pk"]["S"], item["order_id"]["S"])
        if put:
            self.items[key] = item
        else:
            self.items.pop(key, None)


@pytest.fixture
def endpoint() -> Iterator[str]:
    _Table.items.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Table)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_load_of_a_table_is_kept_beside_its_rejects_and_gone_on_with(tmp_path: Path, endpoint: str) -> None:
    described, file = contract(tmp_path, text=DELETING), write(tmp_path / "o.csv", dirty_rows(1_500))
    invoke("run", described, file, "--endpoint-url", endpoint, "--rejects", tmp_path / "whole")
    whole = dict(_Table.items)
    _Table.items.clear()
    kept = tmp_path / "cut" / ".run" / "o.csv" / "state.json"
    call = command(
        "run",
        described,
        file,
        "--endpoint-url",
        endpoint,
        "--rejects",
        tmp_path / "cut",
        "--chunk-size",
        10_000,
    )
    running = start(call, kept)
    while json.loads(kept.read_bytes())["state"]["effort"]["write_units"] == 0:
        wait_for_change(running, kept)
    running.kill()
    running.wait()
    done = invoke(*call[3:], "--resume")
    assert done.exit_code == 0, done.output
    assert _Table.items == whole
    rejects, report = (tmp_path / "cut" / "o.csv" / name for name in ("rejects.jsonl", "report.json"))
    assert rejects.read_bytes() == (tmp_path / "whole" / "o.csv" / "rejects.jsonl").read_bytes()
    told = json.loads(report.read_text())
    assert told["write_units"] == told["items"]["put"] + told["items"]["deleted"]
    assert not (tmp_path / "cut" / ".run").exists()


@pytest.fixture
def cut_off(tmp_path: Path) -> tuple[list[object], Path]:
    """A run that was cut off by Ctrl-C while it loaded, and the file of what is kept of it."""
    described, file = contract(tmp_path), write(tmp_path / "o.csv", dirty_rows(1_500))
    arguments: list[object] = ["run", described, file, "--output", tmp_path / "out", "--chunk-size", 10_000]
    kept = tmp_path / "out" / ".run" / "o.csv" / "state.json"
    running = start(command(*arguments), kept, subprocess.PIPE)
    while json.loads(kept.read_bytes())["state"]["lengths"]["items.jsonl"] == 0:
        wait_for_change(running, kept)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate()
    assert running.returncode == 130
    assert said == b"The run was cut off. The same command with --resume goes on with it.\n"
    return arguments, kept


def test_what_an_interrupt_cut_off_is_gone_on_with(
    cut_off: tuple[list[object], Path], tmp_path: Path
) -> None:
    arguments, _ = cut_off
    done = invoke(*arguments, "--resume")
    assert done.exit_code == 0, done.output
    whole = [tmp_path / "whole" if part == tmp_path / "out" else part for part in arguments]
    invoke(*whole)
    assert results(tmp_path / "out" / "o.csv") == results(tmp_path / "whole" / "o.csv")
    assert json.loads((tmp_path / "out" / "o.csv" / "report.json").read_text())["invocations"] == 2


def test_a_second_run_into_the_folder_of_one_that_is_under_way_is_refused(tmp_path: Path) -> None:
    out, file = tmp_path / "out", write(tmp_path / "o.csv", dirty_rows(1_500))
    call: list[object] = ["run", contract(tmp_path), file, "--output", out, "--chunk-size", 10_000]
    running = start(command(*call), out / ".run" / "o.csv" / "state.json")
    running.send_signal(signal.SIGSTOP)  # so that it is not over before the second one looks
    refused = [invoke(*call), invoke(*call, "--resume")]
    running.send_signal(signal.SIGCONT)
    said = f"Error: Another run writes into {(out / 'o.csv').as_posix()}. Wait for its end, or name another folder.\n"
    assert [(done.exit_code, done.stderr) for done in refused] == [(2, said)] * 2
    assert running.wait(60) == 0
    assert report(out / "o.csv")["status"] == "done"


def test_without_resume_a_run_that_was_cut_off_is_mentioned_and_starts_over(
    cut_off: tuple[list[object], Path],
) -> None:
    arguments, kept = cut_off
    done = invoke(*arguments)
    assert done.exit_code == 0
    assert "o.csv: an earlier run was cut off. It starts over" in done.stderr
    assert not kept.exists()


def touch(file: Path, kept: Path) -> None:
    file.write_text(file.read_text() + "ORD-001,ann,1,1,NEW\n")


def deploy_other_contract(file: Path, kept: Path) -> None:
    described = file.parent / "orders.yaml"
    described.write_text(described.read_text().replace("quantity * price", "quantity + price"))


def upgrade(file: Path, kept: Path) -> None:
    kept.write_text(kept.read_text().replace('"penstock":"', '"penstock":"0.'))


def damage(file: Path, kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:100])


def lose_results(file: Path, kept: Path) -> None:
    (kept.parents[2] / "o.csv" / "items.jsonl").write_text("")


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (touch, 2, "the file is not what it was. Run again without --resume"),
        (deploy_other_contract, 2, "the contract is not what it was. Run again without --resume"),
        (upgrade, 2, "Penstock was 0."),
        (damage, 3, "kept state can't be used"),
        (lose_results, 3, "items.jsonl is shorter than it was when the run stopped"),
    ],
)
def test_a_run_whose_ground_has_changed_is_not_gone_on_with(
    cut_off: tuple[list[object], Path], change: Callable[[Path, Path], None], code: int, said: str
) -> None:
    arguments, kept = cut_off
    file = arguments[2]
    assert isinstance(file, Path)
    change(file, kept)
    done = invoke(*arguments, "--resume")
    assert done.exit_code == code
    assert said in done.output


def test_with_several_files_those_that_are_done_are_not_done_again(tmp_path: Path) -> None:
    described = contract(tmp_path)
    good, long = write(tmp_path / "a.csv", CLEAN), write(tmp_path / "o.csv", dirty_rows(1_500))
    arguments = ["run", described, good, long, "--output", tmp_path / "out", "--chunk-size", 10_000]
    running = start(command(*arguments), tmp_path / "out" / ".run" / "o.csv" / "state.json")
    running.kill()
    running.wait()
    before = (tmp_path / "out" / "a.csv" / "items.jsonl").stat().st_mtime_ns
    done = invoke(*arguments, "--resume", "--json")
    assert [found["status"] for found in json.loads(done.stdout)] == ["done", "done"]
    assert (tmp_path / "out" / "a.csv" / "items.jsonl").stat().st_mtime_ns == before
    assert not (tmp_path / "out" / ".run").exists()


def test_resume_without_anything_kept_is_a_run_from_the_start(tmp_path: Path) -> None:
    file = write(tmp_path / "o.csv", CLEAN)
    done = invoke("run", contract(tmp_path), file, "--output", tmp_path / "out", "--resume")
    assert done.exit_code == 0


def test_resume_of_a_load_that_keeps_nothing_is_refused(tmp_path: Path) -> None:
    done = invoke("run", contract(tmp_path), write(tmp_path / "o.csv", CLEAN), "--resume")
    assert done.exit_code == 2
    assert "name it with --rejects" in done.stderr


def test_the_result_of_a_query_goes_into_a_table(tmp_path: Path, endpoint: str) -> None:
    described = contract(tmp_path, text=QUERYING)
    file = write(tmp_path / "o.csv", CLEAN + "ORD-001,ann,1,9.50,NEW\n")
    done = invoke("run", described, file, "--endpoint-url", endpoint)
    assert done.exit_code == 0, done.output
    assert "2 rows of the query's result: 2 loaded\n" in done.output
    assert {key: item["times"] for key, item in _Table.items.items()} == {
        ("CUSTOMER#ann", "ORD-001"): {"N": "2"},
        ("CUSTOMER#bob", "ORD-002"): {"N": "1"},
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda file: {"customers": FileSource(write(file, "id\nann\nbob\n"))},
        lambda file: {"customers": FileSource(write(file.with_name("others.csv"), "id\nann\n"))},
    ],
)
def test_a_run_whose_reference_has_changed_is_not_gone_on_with(
    tmp_path: Path, change: Callable[[Path], dict[str, FileSource]]
) -> None:
    file, reference = (write(tmp_path / name, "id\nann\n") for name in ("o.csv", "customers.csv"))
    kept = KeptRun(tmp_path, FileSource(file), "plan", "1", {"customers": FileSource(reference)})
    kept.keep(Kept(kept.identity))
    assert kept.read() == Kept(kept.identity)
    with pytest.raises(UsageError, match="a reference is not what it was, or another file"):
        KeptRun(tmp_path, FileSource(file), "plan", "1", change(reference)).read()
