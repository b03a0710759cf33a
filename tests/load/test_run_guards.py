"""What a run holds against itself: where a sum does not hold it fails, whatever else succeeded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from run_memory import Items, Memory, Rejects, compile_things

from penstock.engine.records import ByteTally, RecordReader
from penstock.engine.result import Reject
from penstock.errors import ServiceError
from penstock.load import conclude
from penstock.load.conclude import hold_writes
from penstock.load.protocols import Written
from penstock.load.report import Counts, ItemCounts, Report
from penstock.load.run import run_object


def test_a_byte_that_belongs_to_nothing_fails_the_run(load: Any) -> None:
    short = ByteTally(bom=0, header=3, comments=0, records=1)
    with (
        mock.patch.object(RecordReader, "tally", short),
        pytest.raises(AssertionError, match="not every byte"),
    ):
        load(["id"], "id\na\n")


def test_counts_that_do_not_add_up_fail_the_run(load: Any) -> None:
    with (
        mock.patch.object(conclude, "count_records", return_value=Counts(read=2, loaded=1)),
        pytest.raises(AssertionError, match="do not add up"),
    ):
        load(["id"], "id\na\n")


def test_an_object_that_reads_otherwise_the_second_time_fails_the_run(load: Any) -> None:
    honest = RecordReader.batches
    passes: list[RecordReader] = []

    def forgetful(reader: RecordReader, width: int) -> Iterator[Any]:
        passes.append(reader)
        batches = list(honest(reader, width))
        yield from batches[: len(batches) if len(passes) == 1 else -1]

    with (
        mock.patch.object(RecordReader, "batches", forgetful),
        pytest.raises(AssertionError, match="counted other records"),
    ):
        load(["id"], "id\na\nb\n", chunk_size=4)


@pytest.mark.parametrize(("puts", "deletes", "status"), [(2, 1, "done"), (1, 1, "failed"), (2, 0, "failed")])
def test_a_report_that_counts_other_writes_than_were_acknowledged_is_failed(
    puts: int, deletes: int, status: str
) -> None:
    report = Report("things", "k", "done", Counts(read=3, loaded=3), ItemCounts(put=2, deleted=1), {})
    held = hold_writes(report, puts, deletes)
    assert held.status == status
    assert (held.reason is None) is (status == "done")


def test_a_writer_that_accounts_for_other_writes_than_were_due_fails_the_run(load: Any) -> None:
    with (
        mock.patch.object(Items, "write", return_value=Written(puts=1)),
        pytest.raises(AssertionError, match="2 writes were to be made, and 1 were accounted for"),
    ):
        load(["id"], "id\na\nb\n")


def test_a_refused_file_whose_rejects_can_not_be_kept_still_accounts_for_its_good_rows(
    tmp_path: Path,
) -> None:
    plan = compile_things(tmp_path, ["id", {"name": "n", "type": "integer"}], quality={"max_rejects": 1})
    memory = Memory(b"id,n\na,1\nb,2\nc,x\nd,y\ne,3\nf,z\n")

    class Full(Rejects):
        def write(self, rejects: Sequence[Reject]) -> None:
            if any(reject.line == 7 for reject in rejects):
                raise ServiceError("there is no room for it")
            super().write(rejects)

    report = run_object(plan, memory, Items(memory), Full(memory), tmp_path, batch_bytes=12)
    assert isinstance(report, Report)
    assert report.status == "failed"
    assert report.counts.withheld > 0
    assert report.counts.conserved
