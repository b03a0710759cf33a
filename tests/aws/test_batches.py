"""Batches are spread, split, joined and framed within the limits of BatchWriteItem, and no request is lost."""

import itertools
import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.aws.table.backlog import Backlog, Parcel
from penstock.aws.table.batches import (
    BATCH_BYTES,
    Frame,
    fit_batches,
    halve_batch,
    make_batch,
    merge_batches,
    split_batch,
    spread,
)
from penstock.aws.table.unprocessed import find_unprocessed
from penstock.engine.result import DELETE, PUT, SEPARATOR, WriteBatch
from penstock.plan.model import KeyAttribute, Table


def request(text: str, opening: str = PUT) -> str:
    return f"{opening}{json.dumps({'pk': {'S': text}}, ensure_ascii=False)}}}}}"


REQUESTS = st.lists(
    st.builds(request, st.text(max_size=9), st.sampled_from([PUT, DELETE])), min_size=1, max_size=25
)
BATCHES = st.lists(REQUESTS.map(lambda requests: make_batch(requests, range(len(requests)))), max_size=9)


def contents(*batches: WriteBatch) -> list[tuple[str, int]]:
    return [pair for batch in batches for pair in zip(split_batch(batch), batch.rows, strict=True)]


@given(st.integers(0, 5000))
def test_spread_gives_every_batch_once(count: int) -> None:
    assert sorted(spread(count)) == list(range(count))


@given(st.integers(20, 5000), st.integers(0, 5000))
def test_neighbours_in_time_are_far_apart_in_the_file(count: int, start: int) -> None:
    order = [*spread(count)] * 2
    start %= count
    near = sorted(order[start : start + 8])
    assert min(b - a for a, b in itertools.pairwise(near)) >= count // 34


@settings(max_examples=40)
@given(BATCHES)
def test_joining_small_batches_keeps_every_request_and_its_row(batches: list[WriteBatch]) -> None:
    merged = list(merge_batches(batches))
    assert contents(*merged) == contents(*batches)
    assert all(len(batch.rows) <= 25 for batch in merged)
    assert len(merged) == math.ceil(sum(len(batch.rows) for batch in batches) / 25)
    assert sum(batch.deletes for batch in merged) == sum(batch.deletes for batch in batches)


@given(REQUESTS.filter(lambda requests: len(requests) > 1))
def test_halving_a_batch_keeps_every_request_and_its_row(requests: list[str]) -> None:
    batch = make_batch(requests, range(7, 7 + len(requests)))
    halves = halve_batch(batch)
    assert contents(*halves) == contents(batch)
    assert all(half.rows for half in halves)


def test_a_batch_too_large_for_a_request_is_split() -> None:
    batch = make_batch([request("é" * 400_000 + str(n)) for n in range(25)], range(25))
    small = make_batch([request("a")], [25])
    fitting = fit_batches([batch, small])
    assert contents(*fitting) == contents(batch, small)
    assert len(fitting) == 3
    assert all(len(Frame("orders").body(part)) <= BATCH_BYTES + 1000 for part in fitting)


def test_batches_within_the_limit_are_left_as_they_are() -> None:
    batches = [make_batch([request("a" * 160_000)] * 25, range(25))]
    assert fit_batches(batches) is batches


def test_the_body_is_the_request_of_the_api_reference() -> None:
    batch = make_batch([request("ü"), request("b", DELETE)], [0, 1])
    assert json.loads(Frame('ta"ble').body(batch)) == {
        "RequestItems": {
            'ta"ble': [
                {"PutRequest": {"Item": {"pk": {"S": "ü"}}}},
                {"DeleteRequest": {"Key": {"pk": {"S": "b"}}}},
            ]
        },
        "ReturnConsumedCapacity": "TOTAL",
    }


def batch_of(count: int, first: int = 0) -> WriteBatch:
    return make_batch([request(str(n)) for n in range(first, first + count)], range(first, first + count))


def test_what_is_left_of_several_batches_is_sent_as_one() -> None:
    backlog = Backlog([])
    for first in (0, 10, 20):
        backlog.put_back(Parcel(batch_of(10, first), 1 + first), due=5.0)
    assert backlog.take(4.9, 99) is None
    assert backlog.due == 5.0
    joined = backlog.take(5.0, 99)
    assert joined is not None
    assert contents(joined.batch) == contents(batch_of(20))
    assert joined.tries == 11
    last = backlog.take(5.0, 99)
    assert last is not None
    assert contents(last.batch) == contents(batch_of(10, 20))
    assert not backlog


def test_a_part_of_an_invalid_batch_is_not_joined_again() -> None:
    backlog = Backlog([])
    backlog.put_back(Parcel(batch_of(2), alone=True), 0.0)
    backlog.put_back(Parcel(batch_of(2, 2), alone=True), 0.0)
    assert [len(parcel.batch.rows) for parcel in iter(lambda: backlog.take(0.0, 99), None) if parcel] == [
        2,
        2,
    ]


def test_nothing_new_is_begun_while_much_waits() -> None:
    backlog = Backlog([batch_of(25, first) for first in range(0, 100, 25)])
    for _ in range(2):
        parcel = backlog.take(0.0, 50)
        assert parcel is not None
        backlog.put_back(parcel, due=9.0)
    assert backlog.take(0.0, 50) is None
    assert backlog.due == 9.0
    assert backlog.take(0.0, 51) is not None
    assert backlog.take(9.0, 50) is not None
    assert backlog.waiting == 25


TABLE = Table("orders", False, KeyAttribute("pk", "S"), KeyAttribute("n", "N"), (), None, None, None, None)


def test_what_is_unprocessed_is_found_by_its_key_however_its_number_is_written() -> None:
    requests = [
        f'{PUT}{{"pk":{{"S":"a"}},"n":{{"N":"{n}"}},"v":{{"S":"x"}}}}}}}}' for n in ("1.50", "2", "-0", "1e2")
    ]
    batch = WriteBatch(SEPARATOR.join(requests), [10, 11, 12, 13], 0)
    left = [{"PutRequest": {"Item": {"n": {"N": n}, "pk": {"S": "a"}}}} for n in ("100", "1.5", "0")]
    found = find_unprocessed({"UnprocessedItems": {"orders": left}}, TABLE, batch)
    assert found is not None
    assert contents(found) == [(requests[0], 10), (requests[2], 12), (requests[3], 13)]
