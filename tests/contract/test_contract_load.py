"""What the source and the load may say: one line of a table, one behaviour."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_contract import changed, problems

from penstock.contract.check import effective_on_duplicate
from penstock.contract.model import Contract, ScheduleModel
from penstock.contract.read import read_contract
from penstock.errors import ContractError

DIALECT = "source.dialect"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("delimiter", "||", 'must be one character; a delimiter of several, such as "||", is not supported'),
        ("delimiter", "", "can't be empty"),
        ("delimiter", "\n", "can't be a newline or NUL"),
        ("delimiter", "\0", "can't be a newline or NUL"),
        ("delimiter", "¦", "must be an ASCII character"),
        ("quoteChar", "", "can't be empty; write null for none"),
        ("quoteChar", ",", "is the same character as delimiter"),
        ("escapeChar", '"', "is the same character as quoteChar; leave it out, doubleQuote says that"),
        ("commentChar", ",", "is the same character as delimiter"),
        ("commentChar", "//", 'must be one character; a commentChar of several, such as "//", is not supported'),
        ("doubleQuote", False, "is false and there is no escapeChar; a cell could never hold a quote"),
        ("encoding", "utf-16", '"utf-16" is not a superset of ASCII; convert the files to UTF-8 before they land'),
        ("encoding", "UTF32", '"UTF32" is not a superset of ASCII; convert the files to UTF-8 before they land'),
        ("encoding", "koi8-r", '"koi8-r" is not supported; the encodings are utf-8, latin-1 and cp1252'),
    ],
)  # fmt: skip
def test_a_dialect_that_can_not_be_read_is_refused(key: str, value: Any, message: str) -> None:
    assert problems({f"{DIALECT}.{key}": value}) == [f"{DIALECT}.{key}: {message}"]


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("UTF-8", "utf-8"), ("utf-8-sig", "utf-8"), ("ISO-8859-1", "latin-1"), ("windows_1252", "cp1252")],
)
def test_an_encoding_has_one_name_whatever_its_spelling(written: str, canonical: str) -> None:
    contract = Contract.model_validate(changed({f"{DIALECT}.encoding": written}))
    assert contract.source.dialect.encoding == canonical


def test_fields_can_not_be_found_by_name_without_a_header() -> None:
    assert problems({f"{DIALECT}.header": False, "schema.fieldsMatch": "subset"}) == [
        "schema.fieldsMatch: subset needs the names of the columns, and the dialect says that there is no header"
    ]


@pytest.mark.parametrize("match", ["exact", "equal", "subset", "superset", "partial"])
def test_every_way_of_matching_fields_is_taken(match: str) -> None:
    assert problems({"schema.fieldsMatch": match}) == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "prefix",
            "incoming/orders",
            'must end with "/", so that it names one folder; write incoming/orders/',
        ),
        ("prefix", "/incoming/", 'a key in S3 does not begin with "/"; write incoming/'),
        ("prefix", "", "can't be empty"),
        ("prefix", "in/*/", "S3 knows no wildcards; write the folder alone"),
        ("suffix", "*.csv", "S3 knows no wildcards; write the ending alone, such as .csv"),
        ("suffix", "", "can't be empty"),
    ],
)
def test_a_place_that_names_no_feed_is_refused(key: str, value: str, message: str) -> None:
    assert problems({f"source.{key}": value}) == [f"source.{key}: {message}"]


@pytest.mark.parametrize(
    ("limit", "problem"),
    [
        (-1, "can't be negative"),
        ("101%", "can't be more than 100%"),
        ("5", 'must be a count such as 100, or a share such as "5%" or "0.5%"'),
        (True, 'must be a count such as 100, or a share such as "5%" or "0.5%"'),
    ],
)
def test_a_reject_limit_is_a_count_or_a_share(limit: Any, problem: str) -> None:
    assert problems({"quality.max_rejects": limit}) == [f"quality.max_rejects: {problem}"]


@pytest.mark.parametrize("limit", [0, 100, "5%", "0.5%", "100%"])
def test_counts_and_shares_are_taken_as_reject_limits(limit: Any) -> None:
    assert problems({"quality.max_rejects": limit}) == []


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("1 hour", "must be like rate(1 hour) or cron(0 6 * * ? *)"),
        ("rate(1 hours)", "rate(1 hours) mixes singular and plural; write rate(1 hour) or rate(2 hours)"),
        ("rate(0 days)", "must be like rate(1 hour) or cron(0 6 * * ? *)"),
        (
            "cron(0 6 * * *)",
            "cron() takes six fields (minutes hours day-of-month month day-of-week year), not 5",
        ),
        ("cron(0 6 * * * *)", "exactly one of cron()'s day-of-month and day-of-week must be ?"),
        ("cron(60 6 * * ? *)", "cron()'s minutes can't be 60"),
        ("cron(0/0 6 * * ? *)", "cron()'s minutes can't be 0/0"),
        ("cron(0 6 99W * ? *)", "cron()'s day-of-month can't be 99W"),
        ("cron(0 6 ? * MOON *)", "cron()'s day-of-week can't be MOON"),
    ],
)
def test_a_schedule_that_the_scheduler_refuses_is_refused_here(schedule: str, message: str) -> None:
    assert problems({"schedule": schedule}) == [f"schedule: {message}"]


@pytest.mark.parametrize(
    "schedule",
    ["rate(1 hour)", "rate(5 minutes)", "cron(0/15 8-18 ? * MON-FRI *)", "cron(0 6 L * ? *)", "cron(0 6 1,15 JAN ? 2027)"],
)  # fmt: skip
def test_schedules_of_the_scheduler_are_taken(schedule: str) -> None:
    assert problems({"schedule": schedule}) == []
    assert problems({"schedule": {"at": schedule, "time_zone": "Europe/Berlin"}}) == []


def test_a_schedule_without_a_time_zone_is_in_utc() -> None:
    plain = Contract.model_validate(changed({"schedule": "rate(1 hour)"}))
    assert plain.timetable == ScheduleModel(at="rate(1 hour)", time_zone="UTC")
    assert Contract.model_validate(changed({})).timetable is None


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (
            {"at": "rate(1 hour)", "time_zone": "Europe/Berln"},
            'schedule.time_zone: is no time zone of the IANA database such as Europe/Berlin; did you mean "Europe/Berlin"?',
        ),
        (
            {"at": "rate(1 hour)", "time_zone": "UTC+1"},
            "schedule.time_zone: is no time zone of the IANA database such as Europe/Berlin",
        ),
        ({"at": "hourly"}, "schedule.at: must be like rate(1 hour) or cron(0 6 * * ? *)"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_told_where_it_is(schedule: Any, message: str) -> None:
    (found,) = problems({"schedule": schedule})
    assert found.startswith(message)


DAILY = {"schedule": "cron(0 6 * * ? *)"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["orders-%B.csv"], "source.expect[0]: %B is none of %Y, %y, %m, %d, %H, %j, %G, %V, %%"),
        (["a.csv", "100%"], "source.expect[1]: % is none of %Y, %y, %m, %d, %H, %j, %G, %V, %%"),
        (["incoming/orders/a.csv"], "source.expect[0]: is relative to the prefix: leave that out"),
        (["/a.csv"], "source.expect[0]: is relative to the prefix: leave that out"),
        (["a.txt"], "source.expect[0]: does not end with .csv, so that it would not be of the feed"),
        (["a.csv", "a.csv"], "source.expect[1]: is there twice"),
        (
            [f"{'x' * 1000}.csv"],
            "source.expect[0]: is too long: a key in S3 has at most 1024 bytes, the prefix included",
        ),
        ([f"{n}.csv" for n in range(51)], "source.expect: has 51 names, and at most 50 are looked for"),
    ],
)
def test_a_name_that_can_not_come_is_not_expected(names: list[str], message: str) -> None:
    assert problems({"source.expect": names, **DAILY}) == [message]


def test_to_expect_files_takes_a_schedule() -> None:
    assert problems({"source.expect": ["a.csv"]}) == [
        "source.expect: needs a `schedule`, whose time is when the files have to be there"
    ]
    assert problems({"source.expect": ["all.csv", "day/%Y/%j-%%.csv"], **DAILY}) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"load.partition_key": None}, ["load.partition_key: the key is required, unless there are items"]),
        ({"load.billing": "provisioned", "load.read_capacity": 5}, ["load.write_capacity: is due: billing is provisioned"]),
        ({"load.write_capacity": 5}, ["load.write_capacity: belongs to billing: provisioned"]),
        (
            {"load.table_exists": True, "load.stream": "NEW_IMAGE"},
            ["load.stream: belongs to a table that is made here, and table_exists says that it is not"],
        ),
        (
            {"load.table_key": "arn:aws:kms:eu-central-1:123456789012:key/0a1b"},
            ["load.table_key: is the key of a table that exists; one that is made here is under the project's: encryption.key"],
        ),
        (
            {"load.indexes": [{"name": f"by_{n}", "partition_key": "code"} for n in range(21)]},
            ["load.indexes: DynamoDB takes 20 indexes a table, and these are 21"],
        ),
        (
            {"load.indexes": [{"name": "by_code", "partition_key": "code", "projection": []}]},
            ["load.indexes[0].projection: must be ALL, KEYS_ONLY, or 1 to 20 attributes, not 0"],
        ),
        ({"load.ttl": "price"}, ["load.ttl: must be an integer (Unix time in seconds), a date or a datetime, not number"]),
        ({"load.types": {"code": "NS"}}, ["load.types.code: a field of type string can become S, not NS"]),
        ({"load.types": {"tags": "NS"}}, ["load.types.tags: a field of type list can become L or SS or S, not NS"]),
        (
            {"load.partition_key": {"name": "code", "value": "ID#{id}"}},
            ["load.partition_key.name: \"code\" is an attribute of the row already; choose another name, or drop the row's"],
        ),
        (
            {"load.partition_key": {"name": "p" * 256, "value": "ID#{id}"}},
            ["load.partition_key: the name of a key attribute has at most 255 bytes"],
        ),
        (
            {"load.partition_key": {"name": "pk", "value": "A#{id}"},
             "load.indexes": [{"name": "by_pk", "partition_key": {"name": "pk", "value": "B#{id}"}}]},
            ["load.indexes[0].partition_key.value: pk is made by another template elsewhere"],
        ),
    ],
)  # fmt: skip
def test_a_table_that_dynamodb_would_not_make_is_refused(changes: dict[str, Any], found: list[str]) -> None:
    assert problems(changes) == found


@pytest.mark.parametrize("name", ["open", "tags"])
def test_a_key_is_text_number_or_binary(name: str) -> None:
    kind = {"open": "boolean", "tags": "list"}[name]
    (found,) = problems({"load.partition_key": name})
    assert found.startswith(
        f"load.partition_key: {name} is of type {kind}, and a key is text, number or binary;"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"load.partition_key": {"name": "pk", "value": "DAY#{day}#{id:010d}"}},
        {"load.partition_key": "total", "transform.set": {"total": "price * 2"}},
        {"load.partition_key": "no", "transform.rename": {"id": "no"}, "schema.primaryKey": "id"},
        {"load.partition_key": {"name": "pk", "value": "{code}"}, "transform.drop": ["code"]},
        {"load.partition_key": {"name": "code", "value": "C#{code}"}, "transform.drop": ["code"]},
        {"transform.rename": {"id": "code", "code": "id"}},
        {"load.ttl": {"name": "expires", "value": "id + 86400"}},
        {"load.types": {"tags": "SS", "id": "S"}},
        {
            "load.indexes": [
                {"name": "by_day", "partition_key": "day", "sort_key": "price", "projection": ["code"]}
            ]
        },
    ],
)
def test_designs_that_dynamodb_makes_are_taken(changes: dict[str, Any]) -> None:
    assert problems(changes) == []


@pytest.mark.parametrize(
    "unique",
    [
        {"schema.primaryKey": "id"},
        {"schema.uniqueKeys": [["id"]]},
        {"schema.fields.id.constraints": {"unique": True}},
    ],
)
def test_a_key_that_the_schema_calls_unique_rejects_its_duplicates(unique: dict[str, Any]) -> None:
    assert problems(unique) == []
    assert effective_on_duplicate(Contract.model_validate(changed(unique))) == "reject"


def test_duplicates_are_decided_by_the_load_where_the_schema_says_nothing() -> None:
    assert effective_on_duplicate(Contract.model_validate(changed({"load.on_duplicate": "first"}))) == "first"


def test_a_unique_key_and_a_choice_between_duplicates_contradict_each_other() -> None:
    assert problems({"schema.primaryKey": ["id"], "load.on_duplicate": "first"}) == [
        "load.on_duplicate: is first, and the schema says that the key is unique; write reject or leave it out"
    ]


def test_a_unique_key_is_refused_where_the_keys_value_is_computed() -> None:
    found = problems({"schema.primaryKey": ["id"], "transform.set": {"id": "id + 1"}})
    assert found[0].endswith("and the load's key is made by set")


@pytest.mark.parametrize("units", [0, -1])
def test_a_write_budget_is_at_least_one_unit_a_second(units: int) -> None:
    assert problems({"load.max_write_units_per_second": units}) == [
        "load.max_write_units_per_second: must be at least 1"
    ]


@pytest.mark.parametrize("units", [1.5, "100"])
def test_a_write_budget_is_a_whole_number(units: Any) -> None:
    assert problems({"load.max_write_units_per_second": units}) == [
        "load.max_write_units_per_second: must be a whole number"
    ]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("over", 0, "must be 0.001 to 50000000 MB"),
        ("over", 60_000_000, "must be 0.001 to 50000000 MB"),
        ("chunk", "64 MB", "must be a number of MB, such as 64 or 0.5"),
        ("chunk", True, "must be a number of MB, such as 64 or 0.5"),
        ("chunk", None, "must be a number of MB, such as 64 or 0.5"),
        ("chunk", 0.0001, "must be 0.001 to 50000000 MB"),
        ("concurrency", 0, "must be at least 1"),
        ("concurrency", 1001, "must be at most 1000"),
        ("tolerated_failures", -1, "can't be negative"),
        ("tolerated_failures", "101%", "can't be more than 100%"),
        ("size", 1, "unknown key; known here: over, chunk, concurrency, tolerated_failures"),
    ],
)
def test_a_wrong_setting_of_large_objects_is_refused(key: str, value: Any, message: str) -> None:
    assert problems({"large_objects": {key: value}}) == [f"large_objects.{key}: {message}"]


def test_an_infinite_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(
        json.dumps({**changed({}), "large_objects": {"over": 1}}).replace('"over": 1', '"over": .inf')
    )
    with pytest.raises(ContractError, match=r"large_objects\.over: must be 0\.001 to 50000000 MB"):
        read_contract(path)


def test_sizes_may_be_fractions_of_a_megabyte() -> None:
    assert problems({"large_objects": {"over": 0.001, "chunk": 0.5, "tolerated_failures": "5%"}}) == []


@pytest.mark.parametrize(
    "load",
    [
        {"load.mode": "mirror"},
        {"load.mode": "mirror", "load.max_deletes": 100},
        {"load.mode": "mirror", "load.max_deletes": "2.5%"},
        {"load.mode": "mirror", "load.skip_unchanged": True},
        {"load.skip_unchanged": True},
    ],
)
def test_a_load_may_leave_alone_what_did_not_change(load: dict[str, Any]) -> None:
    assert problems(load) == []


def test_a_limit_of_deletes_belongs_to_a_mirror() -> None:
    assert problems({"load.max_deletes": 5}) == [
        "load.max_deletes: belongs to mode: mirror; nothing is deleted without it"
    ]


def test_a_mirror_can_not_write_what_did_not_change() -> None:
    assert problems({"load.mode": "mirror", "load.skip_unchanged": False}) == [
        "load.skip_unchanged: a mirror always leaves alone what did not change; leave it out"
    ]


def test_what_did_not_change_is_not_told_by_a_manifest_where_values_decide() -> None:
    assert problems({"load.skip_unchanged": True, "load.newest_by": "day"})[-1] == (
        "load.skip_unchanged: it can't go with newest_by, which decides by value: what an object wrote last is no longer what "
        "is there"
    )
