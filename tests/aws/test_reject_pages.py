"""A run's rejects come page by page, each read from where the last one ended."""

from collections.abc import Iterator

import pytest
from embedded_aws import World, make_world

from penstock.aws import reject_pages
from penstock.aws.artifacts import S3RejectWriter, put_parts
from penstock.aws.reject_pages import START, Cursor, RejectSource, read_cursor
from penstock.engine.result import Reason, Reject
from penstock.errors import ServiceError, UsageError
from penstock.local.server import Server

pytestmark = pytest.mark.aws

TOTAL = 100


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    with make_world(server) as made:
        yield made


@pytest.fixture(scope="module")
def source(world: World) -> RejectSource:
    """A hundred rejects in some parts of a kilobyte; every tenth has another code beside."""
    writer = S3RejectWriter(world.s3, world.artifacts, "orders", "run-1", part_bytes=1000)
    writer.write([reject(number) for number in range(1, TOTAL + 1)])
    writer.close()
    assert len(writer.parts) > 5
    put_parts(world.s3, world.artifacts, "orders", "run-1", writer.parts)
    return RejectSource(world.s3, world.artifacts, "orders", "run-1")


def reject(number: int) -> Reject:
    reasons = [Reason("type-error", "n", "the cell is not of the type integer")]
    if number % 10 == 0:
        reasons.append(Reason("key-error", "n", "the key n is absent"))
    return Reject(number, number * 10, 8, b"a\xff\r\nkey-error", None, tuple(reasons))


def read_all(source: RejectSource, limit: int, code: str | None = None) -> list[int]:
    found: list[int] = []
    at: Cursor | None = START
    while at is not None:
        page = source.read(read_cursor(str(at)), limit, code)
        assert all(number == each.line for number, each in page.rejects)
        assert len(page.rejects) <= limit
        found += [number for number, _ in page.rejects]
        at = page.following
    return found


@pytest.mark.parametrize("limit", [1, 7, TOTAL, TOTAL + 1])
def test_page_by_page_every_reject_comes_once_in_order(source: RejectSource, limit: int) -> None:
    assert read_all(source, limit) == list(range(1, TOTAL + 1))


def test_those_of_a_code_are_found_among_the_others(source: RejectSource) -> None:
    assert read_all(source, 3, "key-error") == list(range(10, TOTAL + 1, 10))
    assert read_all(source, 3, "no-such-code") == []


def test_a_page_reads_no_more_than_its_share(source: RejectSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reject_pages, "PAGE_BYTES", 500)
    page = source.read(START, TOTAL, "key-error")
    assert page.following is not None
    assert page.following.before < 10
    assert read_all(source, TOTAL, "key-error") == list(range(10, TOTAL + 1, 10))


def test_a_run_without_rejects_has_an_empty_page(world: World) -> None:
    assert read_all(RejectSource(world.s3, world.artifacts, "orders", "none"), 5) == []


def test_a_bucket_that_is_not_there_is_a_service_that_failed(world: World) -> None:
    with pytest.raises(ServiceError, match="s3://nowhere"):
        RejectSource(world.s3, "nowhere", "orders", "run-1").read(START, 5)


@pytest.mark.parametrize("text", ["", "1", "1-2", "1-2-3-4", "a-b-c", "-1-2-3", "1-2-²", "1-2-" + "9" * 20])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no place"):
        read_cursor(text)
