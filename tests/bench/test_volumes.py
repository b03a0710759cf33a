"""What many files come to is what one comes to, so many times."""

import pytest

from bench.volumes import FILE_SECONDS, Requests, Volume, count_chunks, largest_query
from penstock.load.choose import Extent, Room, estimate

HOUR = Volume(files=100_000, rows=1000, seconds=3600, rate=100_000)


def test_writes_are_paid_by_the_row_and_what_is_beside_them_by_the_file() -> None:
    spent = HOUR.dollars()
    assert spent["writes"] == pytest.approx(62.50)
    assert spent["ledger"] == pytest.approx(100_000 * (8 * 0.625e-6 + 2 * 0.125e-6))
    assert spent["S3"] == pytest.approx(100_000 * (5e-6 + 6 * 0.4e-6))
    assert Volume(200_000, 500, 3600, 100_000).dollars()["writes"] == spent["writes"]
    assert Volume(200_000, 500, 3600, 100_000).dollars()["ledger"] == 2 * spent["ledger"]


def test_functions_at_once_are_files_a_second_times_seconds_a_file() -> None:
    assert HOUR.file_seconds == FILE_SECONDS + 0.01
    assert HOUR.at_once == pytest.approx(100_000 / 3600 * HOUR.file_seconds)


def test_the_table_takes_a_unit_a_row() -> None:
    assert HOUR.units_a_second == pytest.approx(27_778, rel=1e-4)


def test_what_a_file_takes_can_be_more() -> None:
    assert HOUR.dollars(Requests(writes=16))["ledger"] > HOUR.dollars()["ledger"]


def test_an_object_has_a_chunk_for_what_is_left_over() -> None:
    assert [count_chunks(rows, row_bytes=64 << 20) for rows in (0.5, 1, 1.5)] == [1, 1, 2]


def test_the_largest_query_of_a_function_is_one_that_the_estimate_lets_begin() -> None:
    megabytes = largest_query(1769, 2048, 300)
    room = Room(1769, 2048, 300)
    for size, fits in ((megabytes, True), (megabytes + 2, False)):
        need = estimate(Extent(int(size * 1e6)), ())
        assert (need.disk_mb <= room.storage_mb and need.seconds <= room.seconds) is fits
