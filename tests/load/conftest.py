"""A whole run in memory: a contract, some bytes, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from run_memory import Items, Loaded, Memory, Rejects, compile_things

from penstock.load.report import Report
from penstock.load.run import run_object

Load = Callable[..., Loaded]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load bytes under a contract of these fields and parts; fields given as text are of the type string."""

    def run(
        fields: Sequence[Any],
        data: str | bytes,
        *,
        chunk_size: int = 2**20,
        refuse: tuple[str, ...] = (),
        **parts: Any,
    ) -> Loaded:
        plan = compile_things(tmp_path, fields, **parts)
        memory = Memory(data.encode() if isinstance(data, str) else data, refuse)
        report = run_object(plan, memory, Items(memory), Rejects(memory), tmp_path, batch_bytes=chunk_size)
        assert isinstance(report, Report)
        assert report.status != "failed", report.reason
        assert report.counts.conserved
        return Loaded(report, tuple(memory.writes), tuple(memory.found))

    return run
