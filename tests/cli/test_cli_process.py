"""The command line as a process: how fast it answers, and how it ends."""

import os
import pty
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import CLEAN, HEADER, contract, invoke, spawn, write
from patience import PATIENCE, wait_for

import penstock
from penstock.cli.app import COMMANDS
from penstock.cli.exits import exit_code
from penstock.cli.progress import Meter

HEAVY = ("duckdb", "sqlglot", "botocore", "pydantic", "rich")


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nsys.argv = ['penstock', '--help']\nfrom penstock.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n"
        f"    assert not end.code\n    assert not set({HEAVY}) & set(sys.modules), set({HEAVY}) & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "check" in done.stdout


def test_the_version_is_the_packages() -> None:
    assert invoke("--version").stdout == f"penstock {penstock.__version__}\n"


def test_without_a_command_the_help_is_shown() -> None:
    done = invoke()
    assert done.exit_code == 2
    assert "Commands:" in done.output


def test_every_line_of_help_fits_80_columns() -> None:
    for module in COMMANDS:
        shown = invoke(module.__name__.rpartition(".")[2], "--help").stdout
        assert max(len(line) for line in shown.splitlines()) <= 80


def test_with_several_files_the_worst_decides() -> None:
    assert exit_code([]) == 0
    assert exit_code(["done"]) == 0
    assert exit_code(["rejected", "done"]) == 1
    assert exit_code(["done", "failed", "rejected"]) == 3


FULL = Path("/dev/full")
on_a_full_disk = pytest.mark.skipif(not FULL.exists(), reason="Linux has a disk that is always full")


def _call(*arguments: object, **streams: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penstock", *map(str, arguments)]
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.run(command, text=True, timeout=PATIENCE, check=False, **kept)


@on_a_full_disk
@pytest.mark.parametrize("call", ["explain", "--help"])
def test_an_output_to_a_full_disk_is_told_in_words(tmp_path: Path, call: str) -> None:
    with FULL.open("w") as full:
        done = _call(call, contract(tmp_path), stdout=full)
    assert done.returncode == 3
    assert done.stderr == "Error: The output: No space left on device. Mend that, and do it again.\n"


@on_a_full_disk
def test_messages_to_a_full_disk_end_in_3(tmp_path: Path) -> None:
    with FULL.open("w") as full:
        assert _call("runs", "--project", tmp_path, stderr=full).returncode == 3


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path) -> None:
    described, file = contract(tmp_path), write(tmp_path / "o.csv", CLEAN)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "penstock", "check", str(described), str(file)]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 141


def _long_run(tmp_path: Path) -> list[str]:
    rows = "".join(f"ORD-{n % 1000:03},ann,1,1,NEW\n" for n in range(60_000))
    file = write(tmp_path / "o.csv", HEADER + rows)
    call = ("run", contract(tmp_path), file, "--output", tmp_path / "out", "--chunk-size", 2000)
    return [sys.executable, "-m", "penstock", *(str(part) for part in call)]


def test_an_interrupt_ends_quietly_and_leaves_no_scratch_and_no_report(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    running = subprocess.Popen(
        _long_run(tmp_path),
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # From here on somebody has both folders to remove.
    wait_for(lambda: list(scratch.glob("*/run-*")), "the run has begun", pause=0.01)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=PATIENCE)
    assert said == ("", "")
    assert running.returncode == 130
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "out" / "o.csv" / "report.json").exists()


@pytest.mark.parametrize("command", [["check"], ["run", "--output", "out"]])
def test_temporary_files_that_find_no_space_are_told_with_their_folder(
    tmp_path: Path, command: list[str]
) -> None:
    large = write(tmp_path / "o.csv", HEADER + "ORD-001,ann,2,9.50,NEW\n" * 5_000)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    name, *options = command
    done = subprocess.run(
        [sys.executable, "-m", "penstock", name, contract(tmp_path), large, *options],
        env={**os.environ, "TMPDIR": str(scratch)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert done.returncode == 3
    assert f"no space left for temporary files in {scratch} (File too large)" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert list(scratch.iterdir()) == []


def test_on_a_terminal_a_bar_is_shown_after_a_moment(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    running = subprocess.Popen(_long_run(tmp_path), stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while b"o.csv: checking" not in shown:
            shown += os.read(master, 4096)
    finally:
        running.terminate()
        running.communicate(timeout=PATIENCE)
        os.close(master)
    assert "━".encode() in shown
    assert running.returncode == 128 + signal.SIGTERM


def test_a_defect_is_shown_whole_and_ends_in_3(tmp_path: Path) -> None:
    script = (
        "import penstock.cli.check as check, penstock.cli.app as app, sys\n"
        "import penstock\n"
        "penstock.load_contract = lambda path: 1 / 0\n"
        f"sys.argv = ['penstock', 'check', {str(contract(tmp_path))!r}]\n"
        "app.run_process()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stderr
    assert "defect of Penstock" in done.stderr


def test_python_m_penstock_is_the_command() -> None:
    assert spawn("--version").stdout.startswith("penstock ")


def _on_a_terminal(tmp_path: Path, **environment: str) -> bytes:
    """What a terminal gets of a check, on its standard output."""
    master, slave = pty.openpty()
    described, file = contract(tmp_path), write(tmp_path / "o.csv", CLEAN)
    command = [sys.executable, "-m", "penstock", "check", str(described), str(file)]
    bare = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    done = subprocess.run(command, stdout=slave, check=False, env={**bare, "TERM": "xterm", **environment})
    os.close(slave)
    shown = os.read(master, 100_000)
    os.close(master)
    assert done.returncode == 0
    return shown


def test_colours_are_for_terminals_and_not_where_no_color_is_set(tmp_path: Path) -> None:
    assert b"\x1b[32m" in _on_a_terminal(tmp_path)
    assert b"\x1b[3" not in _on_a_terminal(tmp_path, NO_COLOR="1")


def test_in_a_pipe_a_long_run_says_a_line_now_and_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    file = write(tmp_path / "o.csv", "x" * 3000)
    with Meter(clock=lambda: now) as meter:
        for now, seen in ((5.0, 500), (11.0, 1000), (15.0, 2000), (22.0, 3000)):  # noqa: B007 -- a clock
            meter(file.as_posix(), "survey", seen)
    assert capsys.readouterr().err == (
        "o.csv: checking: 1.0 KB of 3.0 KB\no.csv: checking: 3.0 KB of 3.0 KB\n"
    )


def test_how_much_a_packed_file_holds_is_known_after_its_first_pass(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    with Meter(clock=lambda: now) as meter:
        for now, name, seen in ((11.0, "survey", 4000), (22.0, "load", 1000)):  # noqa: B007 -- a clock
            meter("o.csv.gz", name, seen)
    assert capsys.readouterr().err == "o.csv.gz: checking: 4.0 KB\no.csv.gz: loading: 1.0 KB of 4.0 KB\n"
