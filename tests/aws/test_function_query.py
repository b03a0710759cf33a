"""A feed with a query in its function: what is read, computed, kept and loaded, whatever happens meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from large_feed import KEY, Killed, LargeFeed, make_large_feed
from row_plans import compile_query

from penstock.aws import query as query_module
from penstock.aws.attempt import Attempt
from penstock.aws.execute import execute, tell_progress
from penstock.aws.function_errors import NotLoadedError
from penstock.load import choose
from penstock.load.report import Report
from penstock.load.result import Queried, conclude_query, result_plan
from penstock.local.server import Server
from penstock.plan.model import Plan

pytestmark = pytest.mark.aws

SALES = ["id", "country", {"name": "amount", "type": "integer"}]
JOIN = (
    "SELECT r.country AS id, c.name, count(*) AS sales, sum(r.amount) AS amount "
    "FROM rows AS r LEFT JOIN countries AS c ON r.country = c.code GROUP BY r.country, c.name"
)
REFERENCE = "reference/countries.csv"
CODES = b"code,name\nDE,Germany\nFR,France\n"
FILE = b"id,country,amount\n1,DE,5\n2,FR,7\n3,DE,6\n4,XX,\n5,DE,many\n6,,1\n"
"""Line 6 is rejected, and line 7 gives a row of the result that has no key."""
ITEMS = [
    {"id": {"S": "DE"}, "name": {"S": "Germany"}, "sales": {"N": "2"}, "amount": {"N": "11"}},
    {"id": {"S": "FR"}, "name": {"S": "France"}, "sales": {"N": "1"}, "amount": {"N": "7"}},
    {"id": {"S": "XX"}, "sales": {"N": "1"}},
]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return make_plan(tmp_path_factory.mktemp("contract"))


def make_plan(folder: Path, sql: str = JOIN, **more: Any) -> Plan:
    """Make the plan of the feed ``orders``, whose query reads countries."""
    load = {"partition_key": "id", **more.pop("load", {})}
    references = {"countries": ["code", "name"]}
    plan = compile_query(folder, SALES, sql, references=references, load=load, **more)
    return replace(plan, name="orders", prefix="incoming/orders/", table=replace(plan.table, name="orders"))


@contextmanager
def make_feed(server: Server, plan: Plan, **options: Any) -> Iterator[LargeFeed]:
    with make_large_feed(server, plan, **options) as feed:
        feed.world.put(REFERENCE, CODES)
        yield feed


@pytest.fixture
def feed(server: Server, plan: Plan) -> Iterator[LargeFeed]:
    with make_feed(server, plan) as made:
        yield made


def report(feed: LargeFeed) -> dict[str, Any]:
    found = feed.world.s3.get_object(Bucket=feed.world.artifacts, Key=f"reports/orders/{feed.run.id}.json")
    with found["Body"] as body:
        told: dict[str, Any] = json.loads(body.read())
    return told


def counts(**more: int) -> dict[str, int]:
    names = ("read", "loaded", "rejected", "filtered", "superseded", "withheld", "blank")
    return {**dict.fromkeys(names, 0), **more}


def test_a_file_is_joined_aggregated_and_loaded_and_both_sums_are_told(feed: LargeFeed) -> None:
    feed.land(FILE)
    run = feed.run
    assert (run.status, feed.items()) == ("done", ITEMS)
    assert run.counts == counts(read=6, loaded=5, rejected=1)
    assert run.result == counts(read=4, loaded=3, rejected=1)
    assert run.errors == {"key-error": 1, "type-error": 1}
    assert (run.items["put"], run.bytes) == (3, len(FILE))
    told = report(feed)
    assert (told["counts"], told["result"], told["plan"]) == (run.counts, run.result, run.plan)
    assert feed.executions.started == []


def test_rejects_of_the_result_come_after_those_of_the_file_and_say_what_they_are_of(feed: LargeFeed) -> None:
    feed.land(FILE)
    assert [(reject.of, reject.line, reject.errors[0].code) for reject in feed.rejects()] == [
        ("object", 6, "type-error"),
        ("result", 2, "key-error"),
    ]


def outcome(feed: LargeFeed) -> dict[str, Any]:
    """All that a run is to be compared by."""
    run, told = feed.run, report(feed)
    kept = ("status", "code", "reason", "counts", "result", "items", "errors", "bytes", "engine")
    assert (told["engine_reason"], run.engine_reason is None) == (run.engine_reason, False)
    return {
        "items": feed.items(),
        "rejects": feed.rejects(),
        **{name: getattr(run, name) for name in kept},
        "references": sorted(run.references),
        "told": {name: told[name] for name in kept},
    }


def one_pass(server: Server, plan: Plan) -> dict[str, Any]:
    with make_feed(server, plan, state_machine=None) as feed:
        feed.land(FILE)
        return outcome(feed)


def test_a_result_that_is_large_is_loaded_in_chunks_by_the_state_machine(server: Server, plan: Plan) -> None:
    expected = one_pass(server, plan)
    with make_feed(server, plan, large_bytes=1, chunk_bytes=20, batch_bytes=20) as feed:
        feed.land(FILE)
        handed = feed.run
        assert (handed.status, handed.counts["loaded"], feed.items()) == ("handed over", 5, [])
        feed.run_machine()
        assert outcome(feed) == expected
        assert report(feed)["chunks"] > 1
        assert feed.world.ledger.read_state(handed.bucket, handed.key).saved is None


def runs_late(feed: LargeFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the time be nearly up when a result is there."""

    def late(attempt: Attempt, *rest: Any) -> Any:
        feed.world.now = attempt.budget.stop - 1
        return execute(attempt, *rest)

    monkeypatch.setattr(query_module, "execute", late)


@pytest.mark.parametrize("mode", ["upsert", "mirror"])
def test_a_load_that_runs_out_of_time_is_gone_on_with_by_the_state_machine(
    server: Server, tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(tmp_path, load={"mode": mode})
    expected = one_pass(server, plan)
    with make_feed(server, plan, batch_bytes=20) as feed:
        runs_late(feed, monkeypatch)
        feed.land(FILE)
        handed = feed.run
        assert (handed.status, handed.counts) == ("handed over", expected["counts"])
        feed.run_machine()
        assert outcome(feed) == expected


def test_a_worker_that_dies_of_the_load_leaves_its_result_whatever_becomes_of_the_references(
    server: Server, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = one_pass(server, plan)

    def die(*_: Any) -> None:
        raise Killed

    with make_feed(server, plan) as feed:
        version = feed.world.put(REFERENCE, CODES)
        with monkeypatch.context() as patch:
            patch.setattr(query_module, "execute", die)
            with pytest.raises(Killed):
                feed.land(FILE)
        feed.world.put(REFERENCE, b"code,name\nDE,Another\n")
        feed.world.now += 1000
        feed.tell()
        assert feed.run.status == "handed over"
        feed.run_machine()
        assert outcome(feed) == expected
        assert feed.run.references == {"countries": {"key": REFERENCE, "version": version}}


def test_a_file_that_comes_before_its_reference_is_refused_and_loaded_when_asked_for_again(
    server: Server, plan: Plan
) -> None:
    with make_large_feed(server, plan) as feed:
        feed.land(FILE)
        run = feed.run
        assert (run.status, run.code, run.counts["read"], run.result) == (
            "rejected",
            "reference-error",
            0,
            None,
        )
        assert f"/{REFERENCE}" in str(run.reason)
        feed.world.put(REFERENCE, CODES)
        feed.tell()
        assert feed.run == run
        assert feed.world.ledger.forget("orders", run.bucket, run.key)  # as `penstock backfill --again` does
        feed.tell()
        assert (feed.run.status, feed.items()) == ("done", ITEMS)


def test_a_reference_with_a_reject_refuses_the_file_with_the_line(feed: LargeFeed) -> None:
    feed.world.put(REFERENCE, b"code,name\nDE,Germany,more\n")
    feed.land(FILE)
    assert (feed.run.status, feed.run.code, feed.items()) == ("rejected", "reference-error", [])
    assert "line 2" in str(feed.run.reason)
    assert feed.run.counts == counts(read=6, withheld=5, rejected=1)


def test_a_query_that_fails_on_the_rows_refuses_the_file(feed: LargeFeed) -> None:
    feed.land(FILE + b"".join(b"%d,DE,%s\n" % (number, b"9" * 38) for number in (7, 8)))
    assert (feed.run.status, feed.run.code, feed.run.result) == ("rejected", "query-error", None)
    assert (feed.run.counts, feed.items()) == (counts(read=8, withheld=7, rejected=1), [])
    assert "999" not in str(feed.run.reason)


def test_past_the_limit_of_rejects_no_query_is_begun(server: Server, tmp_path: Path) -> None:
    with make_feed(server, make_plan(tmp_path, quality={"max_rejects": 0})) as feed:
        feed.land(FILE)
        assert (feed.run.status, feed.run.code, feed.run.result) == ("rejected", "reject-limit", None)
        assert feed.run.counts == counts(read=6, withheld=5, rejected=1)
        assert [reject.line for reject in feed.rejects()] == [6]
        assert "query done" not in feed.stream.getvalue()


def test_a_query_that_finds_no_time_fails_with_what_to_do_and_writes_nothing(feed: LargeFeed) -> None:
    feed.seconds, feed.tick = 30.0, 4.0
    with pytest.raises(NotLoadedError):
        feed.land(FILE)
    assert (feed.run.status, feed.items()) == ("failed", [])
    assert "timeout" in str(feed.run.reason)
    feed.tick = 0.0
    feed.tell()
    assert (feed.run.status, feed.items()) == ("done", ITEMS)


def test_a_file_that_only_this_invocation_has_no_time_for_is_not_refused(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "SLOWER", 10_000_000)  # so that the estimate is of a minute or two
    feed.tick = 25.0
    with pytest.raises(NotLoadedError):
        feed.land(FILE)
    assert (feed.run.status, feed.run.code) == ("failed", None)
    assert "time is too little for the query" in str(feed.run.reason)
    feed.tick = 0.0
    feed.tell()
    assert (feed.run.status, feed.items()) == ("done", ITEMS)


def test_a_file_that_no_invocation_has_time_for_is_refused_also_by_a_late_one(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "SLOWER", 1_000_000_000)
    feed.tick = 25.0
    feed.land(FILE)
    assert (feed.run.status, feed.run.code) == ("rejected", "query-limit")


def test_what_vanishes_from_the_result_is_deleted_from_a_mirror(server: Server, tmp_path: Path) -> None:
    plan = make_plan(tmp_path, load={"mode": "mirror", "max_deletes": "100%"})
    with make_feed(server, plan) as feed:
        feed.land(FILE)
        feed.land(b"id,country,amount\n1,DE,5\n3,DE,6\n")
        assert feed.items() == ITEMS[:1]
        assert feed.run.items == {"put": 0, "deleted": 2, "unchanged": 1, "outdated": 0, "kept": 0}
        assert feed.run.result == counts(read=1, loaded=1)


def test_the_log_tells_of_the_query_and_the_metrics_of_both_sums(feed: LargeFeed) -> None:
    feed.land(FILE)
    (told,) = (line for line in feed.lines() if line["event"] == "query done")
    assert (told["rows"], told["result"]) == (5, 4)
    (ended,) = (line for line in feed.lines() if line["event"] == "run done")
    assert (ended["RecordsLoaded"], ended["RecordsRejected"]) == (5, 1)
    assert ended["RejectShare"] == 25  # of the result, which is the greater
    assert ended["result"] == feed.run.result


def test_a_file_that_is_too_much_for_the_function_is_refused_with_why(server: Server, plan: Plan) -> None:
    with make_feed(server, plan, function_mb=400) as feed:
        feed.land(FILE)
        assert (feed.run.status, feed.run.code, feed.run.counts["read"]) == ("rejected", "query-limit", 0)
        assert "50 MB of memory" in str(feed.run.reason)


@pytest.mark.parametrize("engine", ["auto", "glue"])
def test_what_is_for_glue_is_handed_over_with_the_engine_and_why(
    server: Server, tmp_path: Path, engine: str
) -> None:
    with make_feed(server, make_plan(tmp_path, engine=engine), function_mb=400, job="shop_orders") as feed:
        feed.land(FILE)
        (_, order) = feed.executions.started[0]
        assert order["engine"] == "glue"
        run = feed.run
        assert (run.status, run.engine) == ("handed over", "spark")
        assert ("50 MB" in str(run.engine_reason)) == (engine == "auto")
        assert list(run.references) == ["countries"]
        feed.fail_machine()
        assert (feed.run.status, feed.run.engine_reason) == ("failed", run.engine_reason)
        feed.world.now += 1000
        feed.tell()
        (_, again) = feed.executions.started[1]
        assert (again["engine"], feed.run.saved) == ("glue", run.saved)


def test_what_a_job_left_is_gone_on_with_from_the_references_that_it_was_begun_with(
    server: Server, tmp_path: Path
) -> None:
    with make_feed(server, make_plan(tmp_path, engine="glue"), job="shop_orders") as feed:
        feed.land(FILE)
        first = feed.run
        feed.fail_machine()
        feed.world.put(REFERENCE, b"code,name\nDE,Deutschland\n")
        feed.world.now += 1000
        feed.tell()
        again = feed.run
        assert (again.saved, again.id == first.id) == (first.id, False)
        assert list(first.references) == ["countries"]
        assert again.references == first.references
        assert (again.engine, again.engine_reason) == (first.engine, first.engine_reason)


def test_of_a_job_that_never_began_a_step_it_is_said_where_its_logs_are(
    server: Server, tmp_path: Path
) -> None:
    with make_feed(server, make_plan(tmp_path, engine="glue"), job="shop_orders") as feed:
        feed.land(FILE)
        _, order = feed.executions.started[-1]
        cause = {"Arguments": {}, "ErrorMessage": "...", "Id": "jr_1", "JobName": "shop_orders"}
        error = {
            "Error": "States.TaskFailed",
            "Cause": json.dumps({**cause, "JobRunState": "FAILED"}, separators=(",", ":")),
        }
        feed.until_finished(order, "fail", error=error)
        assert str(feed.run.reason).startswith(
            "The job shop_orders in Glue ended as FAILED, in its run jr_1: its log groups below /aws-glue/jobs/shop_orders say why. "
        )


def test_what_is_kept_is_left_where_nobody_knows_what_its_query_was_to_read(
    server: Server, tmp_path: Path
) -> None:
    with make_feed(server, make_plan(tmp_path, engine="glue"), job="shop_orders") as feed:
        feed.land(FILE)
        first = feed.run
        feed.fail_machine()
        feed.world.dynamodb.delete_item(
            TableName=feed.world.ledger.table, Key={"pk": {"S": f"RUN#{first.id}"}, "sk": {"S": "RUN"}}
        )
        feed.world.now += 1000
        feed.tell()
        assert feed.run.saved == feed.run.id != first.id
        assert feed.run.references == first.references


def test_where_there_is_no_glue_the_function_does_what_it_can(server: Server, tmp_path: Path) -> None:
    with make_feed(server, make_plan(tmp_path, engine="glue")) as feed:
        feed.land(FILE)
        assert (feed.run.status, feed.run.engine, feed.items()) == ("done", "duckdb", ITEMS)
        assert str(feed.run.engine_reason).startswith("there is no Glue here; ")


def test_with_auto_what_a_function_died_of_goes_to_glue(server: Server, tmp_path: Path) -> None:
    with make_feed(server, make_plan(tmp_path, engine="auto"), job="shop_orders") as feed:
        ledger, landing = feed.world.ledger, feed.world.landing
        ledger.claim("orders", landing, KEY, "run of a worker that dies", feed.world.now + 60)
        feed.world.now += 1000
        feed.land(FILE)
        assert feed.executions.started[0][1]["engine"] == "glue"
        assert feed.run.engine_reason == "a function died of this file before"


def test_with_auto_what_a_function_finds_no_time_for_goes_to_glue_at_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_feed(server, make_plan(tmp_path, engine="auto"), job="shop_orders") as feed:

        def tell_late(attempt: Attempt) -> Callable[[str, int], None]:
            def tell(name: str, reached: int) -> None:
                tell_progress(attempt)(name, reached)
                feed.world.now = attempt.budget.stop - 1

            return tell

        monkeypatch.setattr(query_module, "tell_progress", tell_late)
        feed.land(FILE)
        assert feed.executions.started[0][1]["engine"] == "glue"
        run = feed.run
        assert (run.status, run.engine, feed.items()) == ("handed over", "spark", [])
        assert str(run.engine_reason).startswith("the function could not end it: ")


def test_a_run_whose_rows_do_not_add_up_is_no_success(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_one(queried: Queried, report: Report) -> Report:
        found = conclude_query(queried, report)
        assert found.result is not None
        return replace(found, result=replace(found.result, loaded=found.result.loaded - 1))

    monkeypatch.setattr(query_module, "conclude_query", lose_one)
    with pytest.raises(NotLoadedError):
        feed.land(FILE)
    assert (feed.run.status, feed.run.code) == ("failed", "not-conserved")


def test_large_files_of_a_feed_without_a_query_go_to_its_job_where_the_contract_says_so(
    server: Server, tmp_path: Path
) -> None:
    plan = make_plan(tmp_path)
    rows = replace(result_plan(plan), engine="glue")
    for job, engine in ((None, None), ("shop_orders", "glue")):
        with make_feed(server, rows, large_bytes=1, job=job) as feed:
            feed.land(FILE)
            assert feed.executions.started[0][1].get("engine") == engine
