"""What a program takes is measured with all that it starts, also what outlives it."""

import sys

import pytest

from bench.measure import BenchError, measure

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="orphans can be adopted on Linux alone"
)

BURN = "import time\nwhile time.process_time() < 0.5: pass"
LEAVE = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {BURN!r}])"


def run(program: str) -> float:
    command = [sys.executable, "-c", program]
    return measure(command, environment={}, label="it", say=lambda _: None, family=True).cpu


def test_an_orphan_is_waited_for_and_counted() -> None:
    assert run(LEAVE) > 0.5


def test_a_program_that_fails_is_no_figure() -> None:
    with pytest.raises(BenchError, match="code 3"):
        run("raise SystemExit(3)")


def test_memory_is_told_by_program() -> None:
    hold = "import time; held = bytearray(50_000_000); time.sleep(1)"
    done = measure([sys.executable, "-c", hold], environment={}, label="it", say=lambda _: None, family=True)
    assert sum(done.peaks.values()) >= done.peak > 50
