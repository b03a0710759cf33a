"""What ``load.newest_by`` may name: an attribute of every item whose stored form sorts as its value does."""

from __future__ import annotations

from typing import Any

import pytest
from small_contract import SMALL, changed, problems

from penstock.contract.check import effective_on_duplicate
from penstock.contract.check_newest import RESERVED
from penstock.contract.model import Contract
from penstock.engine.newest import DELETED, DIGEST


def with_field(type_: str, **properties: Any) -> dict[str, Any]:
    """A field ``at`` beside those of the small contract, and rows that compete by it."""
    fields = [*SMALL["schema"]["fields"], {"name": "at", "type": type_, **properties}]
    return {"schema.fields": fields, "load.newest_by": "at"}


def items(*items: dict[str, Any]) -> dict[str, Any]:
    """Two items of a row with templates for keys."""
    made = [
        {"name": name, "partition_key": {"name": "pk", "value": f"{name}#{{id}}"}, **item}
        for name, item in zip("ab", items, strict=True)
    ]
    return {"load.partition_key": None, "load.items": made}


@pytest.mark.parametrize(
    "changes",
    [
        with_field("integer"),
        with_field("number", decimal=[18, 2]),
        with_field("year"),
        with_field("string"),
        with_field("string", format="uuid"),
        with_field("date"),
        with_field("date", format="%d/%m/%y"),
        with_field("yearmonth"),
        with_field("datetime", format="%Y-%m-%dT%H:%M:%SZ"),
        with_field("datetime", format="%d.%m.%Y %H:%M 100%%f"),
        with_field("time", format="%H:%M"),
        {**with_field("datetime"), "transform.set": {"at_utc": "at"}, "load.newest_by": "at_utc"},
        {**with_field("datetime"), "transform.rename": {"at": "was_at", "day": "at"}},
        {**items({"keep": ["day"]}, {"set": {"day": "price"}}), "load.newest_by": "day"},
        {**items({"set": {"rank": "id"}}, {"set": {"rank": "price"}}), "load.newest_by": "rank"},
    ],
)
def test_what_sorts_as_its_value_is_taken(changes: dict[str, Any]) -> None:
    assert problems(changes) == []


UNSORTED = (
    "load.newest_by: at is stored with its fraction and offset as written, which does not sort as time does; name a value "
    "that set makes of it, in UTC (`set: {at_utc: at}`), or give the field a format without %f and %z"
)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (with_field("datetime"), UNSORTED),
        (with_field("time"), UNSORTED),
        (with_field("datetime", format="%Y-%m-%d %H:%M:%S.%f"), UNSORTED),
        (with_field("datetime", format="%Y-%m-%d %H:%M:%S%z"), UNSORTED),
        (
            with_field("duration"),
            "load.newest_by: at is a duration, and durations have no order: is a month longer than 30 days?",
        ),
        (
            with_field("boolean"),
            "load.newest_by: at is loaded as BOOL, and only a number or a text can be compared",
        ),
        (
            with_field("string", format="binary"),
            "load.newest_by: at is loaded as B, and only a number or a text can be compared",
        ),
        (
            {**with_field("integer"), "load.types": {"at": "S"}},
            "load.newest_by: at is loaded as text, where 10 comes before 9; take it out of load.types",
        ),
        (
            {**with_field("object"), "load.types": {"at": "S"}},
            "load.newest_by: at is of the type object loaded as text, which does not sort as its value does; choose another field",
        ),
    ],
)
def test_what_does_not_sort_as_its_value_is_refused(changes: dict[str, Any], problem: str) -> None:
    assert problems(changes) == [problem]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"load.newest_by": "dya"}, 'load.newest_by: "dya" is neither a field nor set; did you mean "day"?'),
        (
            {"load.newest_by": "day", "transform.rename": {"day": "on"}},
            'load.newest_by: "day" is called "on" here, after rename',
        ),
        (
            {"load.newest_by": "day", "transform.drop": ["day"]},
            'load.newest_by: "day" is dropped, and it must be in the item to be compared',
        ),
        (
            {"load.newest_by": "id"},
            "load.newest_by: id is a key: all items of one key have the same, and none is the newest",
        ),
        (
            {"load.newest_by": "day", "load.ttl": "day"},
            "load.newest_by: day is the TTL; give that a name of its own, as in `{name: expires_at, value: ...}`",
        ),
        (
            {**items({"keep": ["code"]}, {}), "load.newest_by": "day"},
            'load.items[0].keep: leaves out "day", which load.newest_by compares in every item',
        ),
    ],
)
def test_what_is_not_in_every_item_by_itself_is_refused(changes: dict[str, Any], problem: str) -> None:
    assert problems(changes) == [problem]


@pytest.mark.parametrize("choice", ["last", "first"])
def test_a_choice_by_place_contradicts_one_by_value(choice: str) -> None:
    assert problems({"load.newest_by": "day", "load.on_duplicate": choice}) == [
        f"load.on_duplicate: is {choice}, and newest_by decides by value within a file too; leave one of them out"
    ]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"load.revision": 1}, ["load.revision: belongs to newest_by, and there is none"]),
        ({"load.newest_by": "day", "load.revision": 1000}, ["load.revision: must be at most 999"]),
        ({"load.newest_by": "day", "load.revision": 999}, []),
    ],
)
def test_a_revision_is_of_rows_that_compete(changes: dict[str, Any], found: list[str]) -> None:
    assert problems(changes) == found


def test_a_mirror_can_not_be_of_what_others_write_too() -> None:
    assert problems({"load.newest_by": "day", "load.mode": "mirror"})[-1] == (
        "load.mode: mirror can't go with newest_by, which decides by value: what an object wrote last is no longer what is "
        "there"
    )


@pytest.mark.parametrize(
    ("changes", "effective"),
    [
        ({}, "newest"),
        ({"load.on_duplicate": "reject"}, "reject"),
        ({"schema.primaryKey": "id"}, "reject"),
    ],
)
def test_rows_of_a_file_compete_unless_they_are_rejected(changes: dict[str, Any], effective: str) -> None:
    contract = Contract.model_validate(changed({"load.newest_by": "day", **changes}))
    assert problems({"load.newest_by": "day", **changes}) == []
    assert effective_on_duplicate(contract) == effective


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize(
    "change", ["transform.set", "load.ttl", "load.partition_key", "transform.rename", "load.items"]
)
def test_the_names_that_it_adds_are_nobody_elses(name: str, change: str) -> None:
    taken: dict[str, Any] = {
        "transform.set": {name: "code"},
        "transform.rename": {"code": name},
        "load.ttl": {"name": name, "value": "id"},
        "load.partition_key": {"name": name, "value": "ID#{id}"},
        "load.items": [{"name": "a", "partition_key": "id", "set": {name: "code"}}],
    }
    alone = {"load.partition_key": None} if change == "load.items" else {}
    assert problems({"load.newest_by": "day", **alone, change: taken[change]}) == [
        f'load.newest_by: adds an attribute "{name}" to each item; call yours something else (`transform.rename`)'
    ]


def test_the_names_that_are_reserved_are_those_that_items_get() -> None:
    assert RESERVED == (DIGEST, DELETED)
