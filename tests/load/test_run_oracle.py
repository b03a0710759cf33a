"""Whole runs against an oracle in plain Python. What it says of a file, a run must say however the file is cut."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_oracle import FIELDS, Feed, expect, feeds, good_rows, odd, render, rows


def without_digests(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items without what each tells of itself."""
    return [{name: value for name, value in item.items() if name != "penstock_digest"} for item in items]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    feed=feeds,
    records=st.lists(good_rows | rows | rows | odd, max_size=24),
    newline=st.sampled_from(["\n", "\r\n"]),
    chunk_size=st.integers(20, 200),
)
def test_a_run_says_of_every_record_what_the_oracle_says(
    load: Any, feed: Feed, records: list[list[str]], newline: str, chunk_size: int
) -> None:
    expected = expect(feed, records)
    data = render(records, newline)
    for size in (2**20, chunk_size):
        loaded = load(FIELDS, data, chunk_size=size, **feed.parts)
        assert asdict(loaded.report.counts) == expected.counts
        assert loaded.codes == expected.codes
        puts = [item for operation, item in expected.writes if operation == "put"]
        deletes = [item for operation, item in expected.writes if operation == "delete"]
        tombstones = [item for operation, item in expected.writes if operation == "bury"]
        assert [w.operation for w in loaded.writes] == [operation for operation, _ in expected.writes]
        assert (without_digests(loaded.items), loaded.deletes, loaded.tombstones) == (
            puts,
            deletes,
            tombstones,
        )
        assert loaded.report.code == expected.code
        assert asdict(loaded.report.items) == {
            "put": len(puts), "deleted": len(deletes) + len(tombstones), "unchanged": 0, "outdated": 0, "kept": 0
        }  # fmt: skip
        assert sum(loaded.report.errors.values()) == sum(map(len, expected.codes.values()))
