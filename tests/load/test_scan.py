"""Where no key repeats and there is no limit, a scan is enough; else rows are surveyed before any is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from run_memory import Items, Memory, Rejects, compile_things

from penstock.load import scan
from penstock.load.report import Report
from penstock.load.run import run_object

FIELDS = ["id", {"name": "n", "type": "integer"}]
UNIQUE = "id,n\n" + "".join(f"k{n},{n}\n" for n in range(400))
REPEATED_LATE = UNIQUE + "k0,5\n"
REPEATED_EARLY = "id,n\nk0,1\n" + UNIQUE.removeprefix("id,n\n")


@dataclass
class Watched(Memory):
    """An object that notes how many bytes each reading of it took."""

    readings: list[int] = field(default_factory=list)

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        place = len(self.readings)
        self.readings.append(0)
        for block in super().blocks(size, start):
            self.readings[place] += len(block)
            yield block


def readings(folder: Path, data: str, **parts: Any) -> list[int]:
    """Load some data; give the bytes of each reading but that of the header."""
    watched = Watched(data.encode())
    plan = compile_things(folder, FIELDS, **parts)
    report = run_object(plan, watched, Items(watched), Rejects(watched), folder, batch_bytes=100)
    assert isinstance(report, Report)
    assert report.status == "done", report.reason
    return [taken + len("id,n\n") for taken in watched.readings[1:]]


def test_a_file_whose_keys_are_unique_is_scanned_and_loaded(tmp_path: Path) -> None:
    assert readings(tmp_path, UNIQUE) == [len(UNIQUE)] * 2


def test_a_file_whose_last_key_repeats_is_scanned_surveyed_and_loaded(tmp_path: Path) -> None:
    assert readings(tmp_path, REPEATED_LATE) == [len(REPEATED_LATE)] * 3


def test_a_key_is_found_again_among_those_that_have_left_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_BATCHES", 2)
    assert readings(tmp_path, UNIQUE) == [len(UNIQUE)] * 2
    assert readings(tmp_path, REPEATED_LATE) == [len(REPEATED_LATE)] * 3
    assert not list(tmp_path.glob("hashes-*"))


def test_a_scan_ends_soon_where_a_key_repeats_early(tmp_path: Path) -> None:
    scan, *passes = readings(tmp_path, REPEATED_EARLY)
    assert scan < 500
    assert passes == [len(REPEATED_EARLY)] * 2


def test_a_file_with_a_limit_is_surveyed_at_once(tmp_path: Path) -> None:
    assert readings(tmp_path, REPEATED_LATE, quality={"max_rejects": 0}) == [len(REPEATED_LATE)] * 2


def test_broken_quotes_are_found_by_the_scan(tmp_path: Path) -> None:
    watched = Watched((UNIQUE + '"x,1\n').encode())
    plan = compile_things(tmp_path, FIELDS, quality={"on_quote_error": "refuse"})
    report = run_object(plan, watched, Items(watched), Rejects(watched), tmp_path)
    assert isinstance(report, Report)
    assert (report.code, report.counts.withheld, watched.writes) == ("quote-error", 400, [])
    assert len(watched.readings) == 3
