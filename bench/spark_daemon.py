"""PySpark's daemon, whose workers leave word of what they took: ``spark.python.daemon.module``, in the benchmark alone.

PySpark's own has the system forget the workers that end (it ignores SIGCHLD), and the seconds of a processor that they took with them. Here
they wait for whoever reaps them, in the end :mod:`bench.family`.
"""

from __future__ import annotations

import signal
from typing import Any

from pyspark import daemon

_set_handler = signal.signal


def _set_but_for_children(number: int, handler: Any) -> Any:
    return signal.SIG_DFL if number == signal.SIGCHLD else _set_handler(number, handler)


if __name__ == "__main__":
    signal.signal = _set_but_for_children  # type: ignore[assignment]
    daemon.manager()  # type: ignore[no-untyped-call]
