"""Questions are asked side by side, and a process that was told to end waits for none of them."""

import signal
import subprocess
import sys
from threading import Barrier

import pytest
from patience import PATIENCE

from penstock.watch.at_once import MOST, ask_at_once

STUCK = """
import signal
import time
from penstock.watch.at_once import ask_at_once

def ask(number):
    print(number, flush=True)
    time.sleep(600)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background begins without
ask_at_once(ask, [7])
"""


def test_answers_come_in_order_and_several_are_awaited_at_once() -> None:
    together = Barrier(MOST, timeout=PATIENCE)

    def ask(number: int) -> int:
        together.wait()
        return number * 10

    assert ask_at_once(ask, range(2 * MOST)) == [number * 10 for number in range(2 * MOST)]
    assert ask_at_once(ask, []) == []


def test_the_first_error_is_raised_and_no_more_is_asked() -> None:
    asked: list[int] = []

    def ask(number: int) -> None:
        asked.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"^[0-9]+$"):
        ask_at_once(ask, range(100_000))
    assert len(asked) <= MOST


def test_who_is_told_to_end_does_not_wait_for_a_service_that_does_not_answer() -> None:
    command = [sys.executable, "-c", STUCK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "7\n"
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(PATIENCE) != 0
        finally:
            process.kill()
