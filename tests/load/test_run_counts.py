"""Every record of a file ends in exactly one count, and a bad row never stops a good one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from penstock.errors import ContractError

SIZE = {"name": "size", "type": "integer", "constraints": {"minimum": 1}}


def counts(loaded: Any) -> dict[str, int]:
    return {name: count for name, count in asdict(loaded.report.counts).items() if count}


def test_good_rows_are_loaded(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\na,1\nb,2\n")
    assert counts(loaded) == {"read": 2, "loaded": 2}
    assert loaded.items == [{"id": {"S": "a"}, "size": {"N": "1"}}, {"id": {"S": "b"}, "size": {"N": "2"}}]
    assert loaded.report.status == "done"


def test_a_bad_row_is_rejected_with_its_place_and_bytes(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\na,1\nb,x\nc,3\n")
    assert counts(loaded) == {"read": 3, "loaded": 2, "rejected": 1}
    [reject] = loaded.rejects
    assert (reject.line, reject.offset, reject.length, reject.raw) == (3, 12, 3, b"b,x")
    assert loaded.codes == {3: [("type-error", "size")]}


def test_all_errors_of_a_row_are_kept(load: Any) -> None:
    fields = [
        {"name": "id", "type": "string", "constraints": {"minLength": 2}},
        SIZE,
        SIZE | {"name": "depth"},
    ]
    loaded = load(fields, "id,size,depth\na,x,0\n")
    assert loaded.codes == {
        2: [("constraint-error", "id"), ("type-error", "size"), ("constraint-error", "depth")]
    }
    assert loaded.report.errors == {"constraint-error": 2, "type-error": 1}


def test_rejects_come_in_file_order_whatever_is_wrong_with_them(load: Any) -> None:
    loaded = load(["id", SIZE], 'id,size\na,x\nb"c,1\nc,y\nd\ne,5\nf,1,2\n')
    assert [r.line for r in loaded.rejects] == [2, 3, 4, 5, 7]
    assert [r.errors[0].code for r in loaded.rejects] == [
        "type-error", "quote-error", "type-error", "missing-cell", "extra-cell",
    ]  # fmt: skip


def test_empty_lines_and_rows_of_empty_cells_are_blank(load: Any) -> None:
    loaded = load(["id", SIZE], 'id,size\n\na,1\n,\n"",""\n\n')
    assert counts(loaded) == {"read": 5, "loaded": 1, "blank": 4}


def test_a_filtered_row_is_counted_apart(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\na,1\nb,2\nc,\n", transform={"where": "size > 1"})
    assert counts(loaded) == {"read": 3, "loaded": 1, "filtered": 2}


def test_a_row_with_an_error_is_rejected_even_where_it_would_be_filtered(load: Any) -> None:
    loaded = load(["id", SIZE, "kind"], "id,size,kind\na,x,out\n", transform={"where": "kind <> 'out'"})
    assert counts(loaded) == {"read": 1, "rejected": 1}


def test_a_filtered_row_goes_no_further(load: Any) -> None:
    loaded = load(
        ["id", SIZE],
        "id,size\na,1\nb,2\n",
        transform={"where": "size > 1", "set": {"share": "10 // (size - 1)"}},
        rules=[{"name": "large", "check": "size > 1"}],
    )
    assert counts(loaded) == {"read": 2, "loaded": 1, "filtered": 1}


def test_the_last_row_with_a_key_wins_unless_said_otherwise(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\na,1\nb,2\na,3\n")
    assert counts(loaded) == {"read": 3, "loaded": 2, "superseded": 1}
    assert [item["size"]["N"] for item in loaded.items] == ["2", "3"]


def test_the_first_row_with_a_key_wins_where_the_contract_says_so(load: Any) -> None:
    loaded = load(
        ["id", SIZE], "id,size\na,1\nb,2\na,3\n", load={"partition_key": "id", "on_duplicate": "first"}
    )
    assert [item["size"]["N"] for item in loaded.items] == ["1", "2"]


def test_a_repeated_key_is_rejected_where_the_contract_says_so(load: Any) -> None:
    loaded = load(
        ["id", SIZE], "id,size\na,1\nb,2\na,3\n", load={"partition_key": "id", "on_duplicate": "reject"}
    )
    assert counts(loaded) == {"read": 3, "loaded": 2, "rejected": 1}
    assert loaded.codes == {4: [("primary-key", None)]}


def test_a_rejected_row_supersedes_nothing(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\na,1\na,x\n")
    assert counts(loaded) == {"read": 2, "loaded": 1, "rejected": 1}


def test_numbers_that_dynamodb_calls_equal_are_one_key(load: Any) -> None:
    number = {"name": "id", "type": "number"}
    loaded = load([number, SIZE], "id,size\n1,1\n1.0,2\n0.1e1,3\n")
    assert counts(loaded) == {"read": 3, "loaded": 1, "superseded": 2}
    assert loaded.items == [{"id": {"N": "1"}, "size": {"N": "3"}}]


def test_a_file_past_its_limit_is_refused_whole(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\na,1\nb,x\nc,3\n", quality={"max_rejects": 0})
    assert loaded.report.status == "rejected"
    assert loaded.report.code == "reject-limit"
    assert counts(loaded) == {"read": 3, "rejected": 1, "withheld": 2}
    assert loaded.writes == ()
    assert list(loaded.codes) == [3], "its rejects are kept all the same"


@pytest.mark.parametrize(
    ("limit", "status"), [("50%", "done"), ("49.9%", "rejected"), (1, "done"), (0, "rejected")]
)
def test_a_limit_counts_what_was_read_less_blank(load: Any, limit: str | int, status: str) -> None:
    loaded = load(["id", SIZE], "id,size\n\n\n\na,1\nb,x\n", quality={"max_rejects": limit})
    assert loaded.report.status == status


def test_a_limit_is_the_share_that_is_written_not_the_float_below_it(load: Any) -> None:
    data = "id,size\n" + "".join(f"k{k},{'x' if k < 29 else 1}\n" for k in range(100))
    assert load(["id", SIZE], data, quality={"max_rejects": "29%"}).report.status == "done"
    assert load(["id", SIZE], data, quality={"max_rejects": "28.9%"}).report.reason == (
        "29 of 100 records were rejected, more than the limit of 28.9%; nothing was loaded"
    )


def test_a_file_of_which_nothing_is_loaded_and_something_rejected_is_no_success(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\na,x\n")
    assert (loaded.report.status, loaded.report.code) == ("rejected", "nothing-loaded")
    assert loaded.report.reason == "nothing was loaded, and 1 record was rejected"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a,x\n", "1 of 1 record was rejected, "),
        ("a,x\nb,1\n", "1 of 2 records was rejected, "),
        ("a,x\nb,x\n", "2 of 2 records were rejected, "),
    ],
)
def test_the_reason_of_a_refusal_counts_in_good_english(load: Any, rows: str, said: str) -> None:
    loaded = load(["id", SIZE], f"id,size\n{rows}", quality={"max_rejects": 0})
    assert loaded.report.reason.startswith(said)


def test_a_file_of_only_a_header_is_done(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\n")
    assert (loaded.report.status, counts(loaded)) == ("done", {})


@pytest.mark.parametrize("data", ["", "\ufeff"])
def test_an_empty_file_where_a_header_is_due_is_refused(load: Any, data: str) -> None:
    loaded = load(["id", SIZE], data)
    assert (loaded.report.status, loaded.report.code) == ("rejected", "source-error")


def test_an_empty_file_where_no_header_is_due_is_done(load: Any) -> None:
    assert load(["id", SIZE], "", dialect={"header": False}).report.status == "done"


def test_a_wrong_header_refuses_the_file_unread(load: Any) -> None:
    loaded = load(["id", SIZE], "id,length\na,1\n")
    assert (loaded.report.status, loaded.report.code) == ("rejected", "incorrect-label")
    assert counts(loaded) == {}
    assert loaded.report.errors == {"incorrect-label": 1}


def test_undeclared_columns_are_named_in_the_report(load: Any) -> None:
    loaded = load(["id", SIZE], "more,size,id\nx,1,a\n", schema={"fieldsMatch": "subset"})
    assert loaded.report.undeclared == ("more",)
    assert loaded.items == [{"id": {"S": "a"}, "size": {"N": "1"}}]


def test_rows_after_an_unclosed_quote_are_recovered_and_named(load: Any) -> None:
    loaded = load(["id", SIZE], 'id,size\n"a,1\nb,2\nc,3\n')
    assert counts(loaded) == {"read": 3, "loaded": 2, "rejected": 1}
    assert loaded.report.recovered == (3, 4)
    assert loaded.report.recovered_count == 2


def test_a_file_with_quote_errors_is_refused_where_the_contract_says_so(load: Any) -> None:
    loaded = load(["id", SIZE], 'id,size\n"a,1\nb,2\n', quality={"on_quote_error": "refuse"})
    assert (loaded.report.status, loaded.report.code) == ("rejected", "quote-error")
    assert loaded.writes == ()


def test_an_item_that_the_service_refuses_rejects_its_row(load: Any) -> None:
    loaded = load(["id", SIZE], "id,size\na,1\nb,2\nc,x\n", refuse=('"a"',))
    assert counts(loaded) == {"read": 3, "loaded": 1, "rejected": 2}
    assert loaded.codes == {2: [("item-error", None)], 4: [("type-error", "size")]}


def test_a_file_gives_the_same_at_every_chunk_size(load: Any) -> None:
    data = 'id,size\na,1\n\n"b\nc",2\nd,x\ne"f,1\ng,5\na,9\n,\n"unclosed,1\nh,7\n'
    whole = load(["id", SIZE], data)
    for chunk_size in (1, 2, 3, 7, 20, 64):
        cut = load(["id", SIZE], data, chunk_size=chunk_size)
        assert (cut.writes, cut.rejects, cut.report.counts) == (
            whole.writes,
            whole.rejects,
            whole.report.counts,
        )
        assert cut.report.recovered == whole.report.recovered


def test_a_row_whose_items_share_a_key_repeats_it(load: Any) -> None:
    items = [{"name": name, "partition_key": {"name": "pk", "value": f"{{{name}}}"}} for name in "ab"]
    data = "a,b\nx,x\ny,z\n"
    loaded = load(["a", "b"], data, load={"items": items, "on_duplicate": "reject"})
    assert loaded.codes == {2: [("primary-key", None)]}
    assert "another item of this row" in loaded.rejects[0].errors[0].message
    loaded = load(["a", "b"], data, load={"items": items})
    assert counts(loaded) == {"read": 2, "loaded": 2}
    assert loaded.report.items.put == 3


def test_a_contract_of_more_fields_than_memory_is_kept_for_is_refused(load: Any) -> None:
    with pytest.raises(ContractError, match="5001 fields, and 5000 are the most"):
        load([f"f{number}" for number in range(5_001)], "", load={"partition_key": "f0"})


def test_thousands_of_undeclared_columns_are_read_over(load: Any) -> None:
    header, row = ",".join(f"c{n}" for n in range(4_999)), ",1" * 4_999
    loaded = load(["id"], f"id,{header}\na{row}\n{',' * 4_999}\n", schema={"fieldsMatch": "subset"})
    assert counts(loaded) == {"read": 2, "loaded": 1, "blank": 1}
