"""What a row becomes: transforms, keys, templates, several items, deletes."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import ContractError

SIZE = {"name": "size", "type": "integer"}
PRICE = {"name": "price", "type": "number", "decimal": [18, 2]}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.1", "0.1"),
        ("123456789012345678901234567890.12345678", "123456789012345678901234567890.12345678"),
        ("1E-130", "1E-130"),
        ("1.50", "1.5"),
        ("-0", "0"),
        ("+007", "7"),
    ],
)
def test_numbers_keep_their_digits(load: Any, text: str, number: str) -> None:
    [item] = load(["id", {"name": "n", "type": "number"}], f"id,n\na,{text}\n").items
    assert item["n"] == {"N": number}


@pytest.mark.parametrize("text", ["NaN", "INF", "-INF", "1" * 39, "1E126", "1_000", "0x10", "1,5"])
def test_what_dynamodb_cannot_hold_is_a_type_error(load: Any, text: str) -> None:
    assert load(["id", {"name": "n", "type": "number"}], f'id,n\na,"{text}"\n').codes == {
        2: [("type-error", "n")]
    }


def test_integers_beyond_64_bits_work_in_expressions_too(load: Any) -> None:
    loaded = load(["id", SIZE], f"id,size\na,{2**70}\n", transform={"set": {"more": "size + 1"}})
    assert loaded.items[0]["more"] == {"N": str(2**70 + 1)}


def test_an_absent_value_is_an_absent_attribute(load: Any) -> None:
    assert load(["id", SIZE, "note"], "id,size,note\na,,\n").items == [{"id": {"S": "a"}}]


def test_an_absent_value_is_written_as_null_where_asked(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\na,\n", load={"partition_key": "id", "nulls": "write"})
    assert loaded.items == [{"id": {"S": "a"}, "size": {"NULL": True}}]


def test_missing_values_are_those_of_the_schema_and_the_dialect(load: Any) -> None:
    loaded = load(
        ["id", "note"],
        "id,note\na,NA\nb,\\N\nc,x\nd,\n",
        schema={"missingValues": ["NA"]},
        dialect={"nullSequence": "\\N"},
    )
    assert [item.get("note") for item in loaded.items] == [None, None, {"S": "x"}, {"S": ""}]


def test_prepare_comes_before_anything_looks_at_the_cell(load: Any) -> None:
    loaded = load(["id", SIZE], 'id,size\na," 5 "\nb,"  "\n', transform={"prepare": {"size": "trim(size)"}})
    assert loaded.items == [{"id": {"S": "a"}, "size": {"N": "5"}}, {"id": {"S": "b"}}]


def test_a_derived_value_may_use_an_earlier_one(load: Any) -> None:
    transform = {"set": {"total": "size * price", "double": "total * 2"}}
    [item] = load(["id", SIZE, PRICE], "id,size,price\na,3,1.50\n", transform=transform).items
    assert item["total"] == {"N": "4.5"}
    assert item["double"] == {"N": "9"}


def test_a_number_that_does_not_fit_where_it_is_used_is_an_expression_error(load: Any) -> None:
    transform = {"set": {"double": "price * 2"}}
    assert load(["id", PRICE], "id,price\na,1.505\n", transform=transform).codes == {
        2: [("expression-error", "price")]
    }


def test_a_number_that_is_not_used_needs_to_fit_nothing(load: Any) -> None:
    assert load(["id", PRICE], "id,price\na,1.505\n").items[0]["price"] == {"N": "1.505"}


def test_a_computation_that_overflows_is_an_expression_error_of_its_row_alone(load: Any) -> None:
    transform = {"set": {"square": "size * size"}}
    loaded = load(["id", SIZE], f"id,size\na,{10**30}\nb,3\n", transform=transform)
    assert loaded.codes == {2: [("expression-error", "square")]}
    assert [item["square"] for item in loaded.items] == [{"N": "9"}]


def test_a_computed_value_that_dynamodb_cannot_hold_is_an_item_error(load: Any) -> None:
    loaded = load(["id", SIZE], f"id,size\na,{10**37}\nb,1\n", transform={"set": {"large": "size * 10 + 1"}})
    assert loaded.codes == {2: [("item-error", "large")]}


def test_one_bad_cell_makes_no_cascade_of_errors(load: Any) -> None:
    loaded = load(
        [{"name": "id", "constraints": {"required": True}}, SIZE],
        "id,size\na,x\n",
        transform={"set": {"double": "size * 2", "again": "double + 1"}},
        rules=[{"name": "even", "check": "again > 0"}],
        load={"partition_key": {"name": "pk", "value": "S#{size}"}},
    )
    assert loaded.codes == {2: [("type-error", "size")]}


def test_a_rule_that_is_false_rejects_and_one_that_is_null_passes(load: Any) -> None:
    rules = [{"name": "positive", "check": "size > 0"}]
    loaded = load(["id", SIZE], "id,size\na,1\nb,-1\nc,\n", rules=rules)
    assert loaded.codes == {3: [("row-constraint", None)]}
    assert "positive" in loaded.rejects[0].errors[0].message


def test_rename_and_drop_change_what_is_loaded(load: Any) -> None:
    transform = {"rename": {"size": "length"}, "drop": ["note"]}
    loaded = load(["id", SIZE, "note"], "id,size,note\na,1,x\n", transform=transform)
    assert loaded.items == [{"id": {"S": "a"}, "length": {"N": "1"}}]


def test_expressions_know_the_object_and_the_line(load: Any) -> None:
    transform = {
        "set": {"key": "source.key", "line": "source.line", "day": "source.last_modified::date"},
    }
    loaded = load(["id"], 'id\na\n"b\nc"\nd\n', transform=transform)
    assert [item["line"]["N"] for item in loaded.items] == ["2", "3", "5"]
    assert loaded.items[0]["key"] == {"S": "incoming/things/today.csv"}
    assert loaded.items[0]["day"] == {"S": "2026-01-02"}


def test_a_template_makes_a_key_of_its_own(load: Any) -> None:
    loaded = load(
        ["id", SIZE],
        "id,size\na,7\n",
        load={
            "partition_key": {"name": "pk", "value": "THING#{id}"},
            "sort_key": {"name": "sk", "value": "{size:05d}"},
        },
    )
    assert loaded.items == [
        {"pk": {"S": "THING#a"}, "sk": {"S": "00007"}, "id": {"S": "a"}, "size": {"N": "7"}}
    ]


@pytest.mark.parametrize("cells", [",7", "a,"])
def test_an_absent_part_of_a_template_is_a_key_error(load: Any, cells: str) -> None:
    loaded = load(
        ["id", SIZE, "x"],
        f"id,size,x\n{cells},x\n",
        load={"partition_key": {"name": "pk", "value": "{id}#{size}"}},
    )
    assert loaded.codes == {2: [("key-error", "pk")]}


def test_a_part_that_holds_the_separator_is_a_key_error(load: Any) -> None:
    value = {"name": "pk", "value": "{a}#{b}"}
    loaded = load(["a", "b"], "a,b\nx#y,z\nx,y#z\nx,y\n", load={"partition_key": value})
    assert loaded.codes == {2: [("key-error", "pk")], 3: [("key-error", "pk")]}


@pytest.mark.parametrize(
    ("value", "rows"),
    [("{a}.{b}", "1.5,2\n1,5.2\n3,4\n"), ("{a}-{b}", "3,-4\n-3,4\n3,4\n"), ("{a}0{b}", "1,20\n10,2\n3,4\n")],
)
def test_a_number_that_holds_the_separator_is_a_key_error_too(load: Any, value: str, rows: str) -> None:
    numbers = [{"name": name, "type": "number"} for name in "ab"]
    loaded = load(numbers, f"a,b\n{rows}", load={"partition_key": {"name": "pk", "value": value}})
    assert loaded.codes == {2: [("key-error", "pk")], 3: [("key-error", "pk")]}
    assert len(loaded.items) == 1


def test_a_part_may_hold_the_separator_where_the_contract_says_so(load: Any) -> None:
    value = {"name": "pk", "value": "{a}#{b}", "allow_separator": True}
    assert len(load(["a", "b"], "a,b\nx#y,z\n", load={"partition_key": value}).items) == 1


@pytest.mark.parametrize(("limit", "key"), [(2048, "partition_key"), (1024, "sort_key")])
def test_a_key_that_is_too_long_is_a_key_error(load: Any, limit: int, key: str) -> None:
    keys = {"partition_key": "id", "sort_key": "other"} | {key: "long"}
    right, wrong = "é" * (limit // 2), "é" * (limit // 2) + "x"
    loaded = load(["id", "other", "long"], f"id,other,long\na,b,{right}\na,b,{wrong}\n", load=keys)
    assert loaded.codes == {3: [("key-error", "long")]}


def test_an_empty_key_is_a_key_error(load: Any) -> None:
    loaded = load(["id", "x"], "id,x\n,1\n", schema={"missingValues": []})
    assert loaded.codes == {2: [("key-error", "id")]}


def test_an_absent_key_is_a_key_error(load: Any) -> None:
    assert load(["id", "x"], "id,x\n,1\n").codes == {2: [("key-error", "id")]}


def test_an_indexs_key_may_be_absent_and_must_not_be_empty(load: Any) -> None:
    indexes = [{"name": "by_x", "partition_key": "x"}]
    loaded = load(
        ["id", "x"],
        "id,x\na,NA\nb,\nc,1\n",
        load={"partition_key": "id", "indexes": indexes, "nulls": "write"},
        schema={"missingValues": ["NA"]},
    )
    assert loaded.items == [{"id": {"S": "a"}}, {"id": {"S": "c"}, "x": {"S": "1"}}]
    assert loaded.codes == {3: [("key-error", "x")]}


def test_an_item_over_400_kilobytes_is_an_item_error(load: Any) -> None:
    room = 400 * 1024 - len("id") - 1 - len("note")
    loaded = load(["id", "note"], f"id,note\na,{'x' * room}\nb,{'x' * (room + 1)}\n")
    assert loaded.codes == {3: [("item-error", None)]}
    assert loaded.report.counts.loaded == 1


def test_a_row_can_become_several_items(load: Any) -> None:
    items = [
        {
            "name": "thing",
            "partition_key": {"name": "pk", "value": "T#{id}"},
            "sort_key": {"name": "sk", "value": "T#{id}"},
        },
        {
            "name": "owner",
            "when": "owner is not null",
            "partition_key": {"name": "pk", "value": "O#{owner}"},
            "sort_key": {"name": "sk", "value": "T#{id}"},
            "set": {"kind": "'owner'"},
            "keep": ["owner"],
        },
    ]
    loaded = load(["id", "owner"], "id,owner\na,x\nb,\n", load={"items": items})
    assert loaded.items == [
        {"pk": {"S": "T#a"}, "sk": {"S": "T#a"}, "id": {"S": "a"}, "owner": {"S": "x"}},
        {"pk": {"S": "O#x"}, "sk": {"S": "T#a"}, "owner": {"S": "x"}, "kind": {"S": "owner"}},
        {"pk": {"S": "T#b"}, "sk": {"S": "T#b"}, "id": {"S": "b"}},
    ]
    assert loaded.report.counts.loaded == 2
    assert loaded.report.items.put == 3


def test_a_row_is_superseded_only_when_all_its_items_are(load: Any) -> None:
    items = [
        {"name": "a", "partition_key": {"name": "pk", "value": "A#{a}"}},
        {"name": "b", "partition_key": {"name": "pk", "value": "B#{b}"}},
    ]
    loaded = load(["a", "b"], "a,b\n1,1\n1,2\n1,1\n", load={"items": items})
    assert loaded.report.counts.superseded == 1
    assert [item["pk"]["S"] for item in loaded.items] == ["B#2", "A#1", "B#1"]


def test_a_row_can_delete_its_key(load: Any) -> None:
    loaded = load(
        ["id", SIZE, "op"],
        "id,size,op\na,1,\nb,2,D\n",
        load={"partition_key": "id", "delete_where": "op = 'D'"},
    )
    assert loaded.deletes == [{"id": {"S": "b"}}]
    assert loaded.report.counts.loaded == 2
    assert loaded.report.items.deleted == 1


def test_a_delete_needs_only_its_keys_and_its_own_fields_to_be_valid(load: Any) -> None:
    required = {"name": "size", "type": "integer", "constraints": {"required": True}}
    loaded = load(
        ["id", required, "op"],
        "id,size,op\na,,D\nb,x,D\nc,,\n,1,D\n",
        load={"partition_key": "id", "delete_where": "op = 'D'"},
    )
    assert loaded.deletes == [{"id": {"S": "a"}}, {"id": {"S": "b"}}]
    assert loaded.codes == {4: [("constraint-error", "size")], 5: [("key-error", "id")]}


def test_a_delete_and_a_put_of_one_key_are_decided_by_order(load: Any) -> None:
    loaded = load(["id", "op"], "id,op\na,\na,D\n", load={"partition_key": "id", "delete_where": "op = 'D'"})
    assert (loaded.items, loaded.deletes) == ([], [{"id": {"S": "a"}}])


def test_a_ttl_is_a_number_of_seconds(load: Any) -> None:
    when = {"name": "day", "type": "date"}
    load_part = {"partition_key": "id", "ttl": {"name": "expires", "value": "day + 1"}}
    assert load(["id", when], "id,day\na,1970-01-02\nb,\n", load=load_part).items == [
        {"id": {"S": "a"}, "day": {"S": "1970-01-02"}, "expires": {"N": "172800"}},
        {"id": {"S": "b"}},
    ]


def test_a_boolean_is_no_key(load: Any) -> None:
    with pytest.raises(ContractError, match="key"):
        load([{"name": "id", "type": "boolean"}], "id\ntrue\n")


def test_json_keeps_its_numbers(load: Any) -> None:
    cell = '{""a"": 1.10, ""b"": [123456789012345678901234567890, null, true]}'
    [item] = load(["id", {"name": "data", "type": "object"}], f'id,data\nx,"{cell}"\n').items
    assert item["data"]["M"]["a"] in ({"N": "1.10"}, {"N": "1.1"})
    assert item["data"]["M"]["b"]["L"][0] == {"N": "123456789012345678901234567890"}


def test_names_and_texts_that_sql_and_json_quote_come_through(load: Any) -> None:
    name = 'it\'s "a" \\ {name}'
    loaded = load(
        ["id", name], [f'id,"{name.replace(chr(34), chr(34) * 2)}"\na,"x\'; drop table cells; --\t😀"\n'][0]
    )
    assert loaded.items == [{"id": {"S": "a"}, name: {"S": "x'; drop table cells; --\t😀"}}]


def test_a_text_is_loaded_as_written_whatever_its_format(load: Any) -> None:
    upper = "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA"
    loaded = load([{"name": "id", "type": "string", "format": "uuid"}], f"id\n{upper}\n{upper.lower()}\n")
    assert loaded.items == [{"id": {"S": upper}}, {"id": {"S": upper.lower()}}], "two keys to DynamoDB"


def test_two_texts_of_one_binary_are_not_two_keys(load: Any) -> None:
    loaded = load([{"name": "id", "type": "string", "format": "binary"}], "id\nQQ==\nQR==\n")
    assert (loaded.items, loaded.codes) == ([{"id": {"B": "QQ=="}}], {3: [("type-error", "id")]})


@pytest.mark.parametrize("ttl", ["at", {"name": "at", "value": "at"}])
@pytest.mark.parametrize(
    "keys", [{"sort_key": "at"}, {"indexes": [{"name": "by_at", "partition_key": "id", "sort_key": "at"}]}]
)
def test_a_ttl_that_is_a_key_of_another_type_is_refused(load: Any, keys: dict[str, Any], ttl: Any) -> None:
    with pytest.raises(ContractError, match="a name of its own"):
        load(["id", {"name": "at", "type": "date"}], "", load={"partition_key": "id", "ttl": ttl, **keys})


def test_a_key_that_is_a_number_of_seconds_can_be_the_ttl(load: Any) -> None:
    keys = {"partition_key": "id", "sort_key": "at", "ttl": "at"}
    assert load(["id", {"name": "at", "type": "integer"}], "id,at\na,5\n", load=keys).items == [
        {"id": {"S": "a"}, "at": {"N": "5"}}
    ]


def test_a_field_that_no_item_has_need_not_be_what_an_item_can_hold(load: Any) -> None:
    fields, data = ["id", {"name": "more", "type": "object"}], 'id,more\na,"{"""":1}"\n'
    assert load(fields, data).codes == {2: [("item-error", "more")]}
    assert load(fields, data, transform={"drop": ["more"]}).items == [{"id": {"S": "a"}}]
    items = [{"name": "small", "partition_key": "id", "keep": ["id"]}]
    assert load(fields, data, load={"items": items}).items == [{"id": {"S": "a"}}]


def test_what_an_item_sets_matters_only_where_the_row_has_that_item(load: Any) -> None:
    large = {"name": "large", "partition_key": "id", "when": "size > 5", "set": {"less": "size - 2"}}
    loaded = load(
        ["id", SIZE],
        f"id,size\na,7\nb,-{'9' * 38}\n",  # 39 digits when two less
        load={"items": [large, {"name": "any", "partition_key": "id", "when": "size < 5"}]},
    )
    assert [item.get("less") for item in loaded.items] == [{"N": "5"}, None]


def test_a_cell_that_prepare_fails_at_has_that_one_error(load: Any) -> None:
    prepare = {"size": "cast(cast(size as integer) as varchar)"}
    required = SIZE | {"constraints": {"required": True}}
    loaded = load(
        ["id", required],
        "id,size\na,x\nc,5\n",
        transform={"prepare": prepare},
        load={"partition_key": {"name": "pk", "value": "{id}#{size}"}},
    )
    assert loaded.codes == {2: [("expression-error", "size")]}


def test_a_time_that_is_too_fine_for_expressions_is_told_as_one(load: Any) -> None:
    fields = ["id", {"name": "at", "type": "datetime"}]
    loaded = load(fields, "id,at\na,2024-01-01T00:00:00.1234567\n", load={"partition_key": "id", "ttl": "at"})
    assert loaded.codes == {2: [("expression-error", "at")]}
    assert "microsecond" in loaded.rejects[0].errors[0].message


def test_a_date_in_a_key_joined_by_what_every_date_holds_is_refused(load: Any) -> None:
    fields = ["id", {"name": "day", "type": "date"}]
    value = {"name": "pk", "value": "{day}-{id}"}
    with pytest.raises(ContractError, match="every date holds"):
        load(fields, "", load={"partition_key": value})
    loaded = load(fields, "id,day\na,2024-01-02\n", load={"partition_key": value | {"allow_separator": True}})
    assert loaded.items[0]["pk"] == {"S": "2024-01-02-a"}
