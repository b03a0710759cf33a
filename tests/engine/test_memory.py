"""Threads share one heap, so that what one of them is done with the next can use."""

import platform
import subprocess
import sys

import pytest

COUNT_HEAPS = """
import ctypes, os, threading
from penstock.engine.database import open_database

with open_database(None) as database:
    barrier = threading.Barrier(4)
    def work():
        barrier.wait()
        kept = [bytes(50_000) for _ in range(50)]
        database.cursor().execute("SELECT sum(x) FROM range(100_000) AS t(x)").fetchall()
        barrier.wait()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
shown = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, shown)
libc.fflush(shown)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc makes a heap for each thread")
def test_threads_share_one_heap() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT_HEAPS], capture_output=True, text=True, check=True)
    assert done.stdout.count("<heap nr") == 1
