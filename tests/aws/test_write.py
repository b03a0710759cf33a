"""Items reach the table, every one, once or more, whatever DynamoDB answers."""

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
from batch_server import FakeTable, Fault, serve_table
from fake_aws import connect
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.aws.connect import Connections
from penstock.aws.table.refusals import UNKNOWN, describe_refusal
from penstock.aws.table.send import Answer, Sender
from penstock.aws.table.write import Pace, TableWriter
from penstock.engine.result import BATCH_REQUESTS, DELETE, PUT, SEPARATOR, WriteBatch
from penstock.errors import ServiceError
from penstock.plan.model import KeyAttribute, Table

TABLE = Table("orders", False, KeyAttribute("pk", "S"), KeyAttribute("n", "N"), (), None, None, None, None)


def put(pk: str, n: str | int = 1, **values: Any) -> str:
    body = {
        "pk": {"S": pk},
        "n": {"N": str(n)},
        **{name: {"S": str(value)} for name, value in values.items()},
    }
    return f"{PUT}{json.dumps(body, ensure_ascii=False)}}}}}"


def delete(pk: str, n: str | int = 1) -> str:
    return f"{DELETE}{json.dumps({'pk': {'S': pk}, 'n': {'N': str(n)}})}}}}}"


def pack(requests: Sequence[str]) -> list[WriteBatch]:
    """Pack requests into batches as the engine does; the first is of row 0."""
    return [
        WriteBatch(
            SEPARATOR.join(part),
            range(first, first + len(part)),
            sum(map(str.startswith, part, [DELETE] * 25)),
        )
        for first in range(0, len(requests), BATCH_REQUESTS)
        if (part := requests[first : first + BATCH_REQUESTS])
    ]


@pytest.fixture
def table() -> Iterator[FakeTable]:
    with serve_table() as served:
        yield served


@pytest.fixture
def sender(table: FakeTable) -> Iterator[Sender]:
    with connect(table.url) as connections, closing(Sender(connections, 8)) as made:
        yield made


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def sleep(self, seconds: float) -> None:
        if seconds > 0.01:
            self.naps.append(seconds)
        self.now += seconds

    def pace(self, **settings: float) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self.sleep, jitter=lambda: 1.0, **settings)


def write(sender: Sender, requests: Sequence[str], time: Time | None = None, lanes: int = 1) -> TableWriter:
    with TableWriter(sender, TABLE, pace=(time or Time()).pace(), lanes=lanes) as writer:
        assert writer.write(pack(requests)).refused == ()
    return writer


@pytest.mark.parametrize("count", [0, 1, 24, 25, 26, 50, 1000])
def test_every_item_arrives_in_batches_of_at_most_25(table: FakeTable, sender: Sender, count: int) -> None:
    writer = write(sender, [put(f"c{i}", v=i) for i in range(count)], lanes=4)
    assert sorted(key[0] for key in table.items) == sorted(f"c{i}" for i in range(count))
    assert len(table.sizes) == -(-count // 25)
    assert writer.stats.write_units == count
    assert (writer.stats.throttled, writer.stats.resent) == (0, 0)
    assert table.signed


def test_puts_and_deletes_go_together(table: FakeTable, sender: Sender) -> None:
    write(sender, [put("a"), put("b")])
    write(sender, [delete("a"), put("c", v='ü 注文 " \\')])
    assert {key[0] for key in table.items} == {"b", "c"}
    assert table.items["c", Decimal(1)]["v"] == {"S": 'ü 注文 " \\'}


def test_batches_are_in_flight_side_by_side(table: FakeTable, sender: Sender) -> None:
    table.delay = 0.02
    write(sender, [put(f"c{i}") for i in range(500)], lanes=4)
    assert 1 < table.most_in_flight <= 4


def test_items_held_back_are_sent_again_until_none_is(table: FakeTable, sender: Sender) -> None:
    table.faults = ["hold-some", "hold-all", "hold-some"]
    time = Time()
    writer = write(sender, [put(f"c{i}", "1.50") for i in range(20)], time)
    assert len(table.items) == 20
    assert table.sizes == [20, 10, 10, 5]
    assert writer.stats.throttled == 3
    assert writer.stats.resent == 25
    assert time.naps == pytest.approx([0.1, 0.2, 0.4])


def test_a_throttle_backs_off_exponentially_with_full_jitter(table: FakeTable, sender: Sender) -> None:
    table.faults = ["throttle"] * 5
    time = Time()
    writer = write(sender, [put("a")], time)
    assert time.naps == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert writer.stats.throttled == 5
    assert len(table.items) == 1


@pytest.mark.parametrize("fault", ["error", "drop", "drop-after", "cut"])
def test_an_answer_that_does_not_come_is_asked_for_again(
    table: FakeTable, sender: Sender, fault: Fault
) -> None:
    table.faults = [fault, fault]
    writer = write(sender, [put("a"), delete("b")])
    assert len(table.items) == 1
    assert writer.stats.requests == 3
    assert writer.stats.resent == 4


ANY: list[Fault] = ["none", "hold-some", "hold-all", "throttle", "error", "drop", "drop-after", "cut"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.lists(st.sampled_from(ANY), max_size=12),
    plan=st.dictionaries(
        st.tuples(st.sampled_from("abcdefgh"), st.integers(-20, 20)), st.booleans(), max_size=120
    ),
    lanes=st.integers(1, 4),
)
def test_whatever_happens_the_table_holds_what_was_written(
    table: FakeTable, sender: Sender, faults: list[Fault], plan: dict[tuple[str, int], bool], lanes: int
) -> None:
    table.faults = list(faults)
    table.items = {(pk, Decimal(n)): {} for pk, n in list(plan)[::2]}
    writer = write(
        sender, [put(pk, n, v=n) if keep else delete(pk, n) for (pk, n), keep in plan.items()], lanes=lanes
    )
    assert {name: item["v"]["S"] for name, item in table.items.items()} == {
        (pk, Decimal(n)): str(n) for (pk, n), keep in plan.items() if keep
    }
    stats = writer.stats
    assert (stats.puts, stats.deletes) == (sum(plan.values()), len(plan) - sum(plan.values()))


def request(body: str) -> str:
    return f"{PUT}{body}}}}}"


def test_a_refused_item_is_found_and_the_others_arrive(table: FakeTable, sender: Sender) -> None:
    bad = request('{"pk":{"S":"x"},"n":{"N":"7"},"secret":{"N":"4111-1111"}}')
    requests = [put(f"c{i}") for i in range(40)] + [bad] + [put(f"d{i}") for i in range(40)]
    with TableWriter(sender, TABLE, pace=Time().pace()) as writer:
        refused = writer.write(pack(requests)).refused
    assert list(refused) == [(40, "DynamoDB refused the item: an attribute of type N is not a number.")]
    assert len(table.items) == 80
    assert writer.stats.requests < 20


def test_each_of_several_refused_items_has_its_own_reason(sender: Sender) -> None:
    bad = [
        request('{"pk":{"S":""},"n":{"N":"1"}}'),
        request('{"pk":{"S":"a"}}'),
        request('{"pk":{"N":"1"},"n":{"N":"1"}}'),
        put("big", v="x" * 420_000),
    ]
    with TableWriter(sender, TABLE, pace=Time().pace()) as writer:
        refused = writer.write(pack(bad)).refused
    reasons = {row: message.removeprefix("DynamoDB refused the item: ") for row, message in refused}
    assert reasons == {
        0: "the key attribute pk is empty.",
        1: "the key attribute n is missing.",
        2: "the key attribute pk has the type N, and the table's has S.",
        3: "the item is larger than 400 KB.",
    }


def test_keys_that_only_the_service_finds_equal_are_both_written(table: FakeTable, sender: Sender) -> None:
    writer = write(sender, [put("a", "1", v=1), put("a", "1.0", v=2)])
    assert list(table.items) == [("a", Decimal(1))]
    assert writer.stats.puts == 2


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "One or more parameter values were invalid: Type mismatch for Index Key status Expected: S Actual: N IndexName: s",
            "the index key attribute status has the type N, and the index's has S",
        ),
        (
            "... cannot contain an empty string value. IndexName: by_status, IndexKey: status",
            "the key attribute status of the index by_status is empty",
        ),
        ("The provided key element does not match the schema", "its key is not of the table's schema"),
        (
            "Attempting to store more than 38 significant digits in a Number",
            "a number has more than 38 digits",
        ),
        ("Input collection [secret, secret] contains duplicates.", "a set holds a value twice"),
        ("Something new about 'secret'", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_a_refusal_is_told_without_values(message: str, reason: str) -> None:
    assert describe_refusal(message) == f"DynamoDB refused the item: {reason}."


def test_a_missing_table_is_told_with_what_to_do(table: FakeTable, sender: Sender) -> None:
    table.name = "another"
    with (
        TableWriter(sender, TABLE) as writer,
        pytest.raises(ServiceError, match=r"no table orders here\. Deploy"),
    ):
        writer.write(pack([put(f"c{i}") for i in range(100)]))


def test_a_denied_table_is_told_with_the_action_it_takes(table: FakeTable, sender: Sender) -> None:
    table.always = "deny"
    with (
        TableWriter(sender, TABLE) as writer,
        pytest.raises(ServiceError, match="Allow dynamodb:BatchWriteItem"),
    ):
        writer.write(pack([put("a")]))


@pytest.mark.parametrize("fault", ["hold-all", "throttle", "error", "drop"])
def test_a_table_that_takes_nothing_is_given_up_after_a_while(
    table: FakeTable, sender: Sender, fault: Fault
) -> None:
    table.always = fault
    writer = TableWriter(sender, TABLE, pace=Time().pace(patience=30), lanes=1)
    with writer, pytest.raises(ServiceError, match=r"took nothing for 3[0-5] seconds"):
        writer.write(pack([put(f"c{i}") for i in range(30)]))


def test_a_slow_table_is_not_given_up_while_it_takes_something(table: FakeTable, sender: Sender) -> None:
    table.faults = ["throttle", "hold-some"] * 5
    time = Time()
    with TableWriter(sender, TABLE, pace=time.pace(patience=11), lanes=1) as writer:
        assert writer.write(pack([put(f"c{i}") for i in range(25)])).refused == ()
    assert time.now > 11


def test_waiting_for_a_small_budget_is_not_lack_of_progress(table: FakeTable, sender: Sender) -> None:
    table.faults = ["none", "error", "none"]
    time = Time()
    pace = time.pace(patience=30)
    with TableWriter(sender, TABLE, pace=pace, lanes=1, max_write_units=0.5) as writer:
        assert writer.write(pack([put(f"c{i}") for i in range(75)])).refused == ()
    assert len(table.items) == 75
    assert time.now > 100


def test_nothing_is_sent_after_the_deadline_and_nothing_is_in_flight(
    table: FakeTable, sender: Sender
) -> None:
    table.delay = 0.01
    ticks = itertools.count()
    with TableWriter(sender, TABLE, pace=Pace(clock=lambda: next(ticks), deadline=40), lanes=4) as writer:
        with pytest.raises(ServiceError, match="The time was up"):
            writer.write(pack([put(f"c{i}") for i in range(5000)]))
        assert table.in_flight == 0
        before = table.requests
        assert before < 40
    assert table.requests == before


def test_what_was_acknowledged_before_a_failure_is_counted(table: FakeTable, sender: Sender) -> None:
    table.faults = ["none", "none", "none", "none", "none", "none", "none", "deny"]
    table.delay = 0.01
    with TableWriter(sender, TABLE, lanes=4) as writer, pytest.raises(ServiceError):
        writer.write(pack([put(f"c{i}") for i in range(5000)]))
    assert writer.stats.puts == len(table.items) > 150
    assert (
        sum(rate for _, rate in writer.stats.rate_over_time) == writer.stats.write_units == len(table.items)
    )


def test_an_error_in_one_lane_ends_the_others(table: FakeTable, sender: Sender) -> None:
    table.faults = ["none", "none", "none", "none", "none", "deny"]
    with TableWriter(sender, TABLE, lanes=4) as writer, pytest.raises(ServiceError):
        writer.write(pack([put(f"c{i}") for i in range(5000)]))
    assert table.requests < 15
    assert table.in_flight == 0


def test_an_answer_from_something_between_is_asked_for_again() -> None:
    answers = [
        Answer(502, b"<html>bad gateway</html>"),
        Answer(200, b'""'),
        Answer(503, b"{}"),
        Answer(200, b"{}"),
    ]

    class Proxy:
        def send(self, operation: str, body: bytes) -> Answer:
            return answers.pop(0)

    with TableWriter(Proxy(), TABLE, pace=Time().pace(), lanes=1) as writer:
        assert writer.write(pack([put("a")])).refused == ()
    assert answers == []


def test_unprocessed_items_that_can_not_be_found_again_mean_the_whole_batch() -> None:
    other = json.dumps(
        {"UnprocessedItems": {"orders": [{"PutRequest": {"Item": {"pk": {"S": "?"}}}}]}}
    ).encode()
    bodies: list[bytes] = []

    class Odd:
        def send(self, operation: str, body: bytes) -> Answer:
            bodies.append(body)
            return Answer(200, other if len(bodies) == 1 else b"{}")

    with TableWriter(Odd(), TABLE, pace=Time().pace(), lanes=1) as writer:
        writer.write(pack([put("a"), put("b")]))
    assert bodies[0] == bodies[1]


def test_without_credentials_nothing_is_sent_and_the_reason_is_told(
    table: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    connections = Connections(region="eu-west-1", endpoint_url=table.url)
    with closing(Sender(connections, 1)) as sender:
        writer = TableWriter(sender, TABLE)
        with writer, pytest.raises(ServiceError, match="no AWS credentials"):
            writer.write(pack([put("a")]))
    assert table.requests == 0
