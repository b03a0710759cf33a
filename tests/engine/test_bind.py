import time

import pytest

from penstock.engine.bind import bind_by_order, bind_header
from penstock.errors import DataError
from penstock.plan.model import Dialect, Field, FieldsMatch, Plan


def plan(match: FieldsMatch, *, case_sensitive: bool = False, required: tuple[str, ...] = ()) -> Plan:
    made = object.__new__(Plan)  # only what binding looks at
    fields = tuple(Field(name, "string", required=name in required) for name in ("id", "name", "size"))
    for attribute, value in {
        "fields": fields,
        "fields_match": match,
        "dialect": Dialect(case_sensitive_header=case_sensitive),
    }.items():
        object.__setattr__(made, attribute, value)
    return made


def code(match: FieldsMatch, labels: list[str], *, required: tuple[str, ...] = ()) -> str:
    with pytest.raises(DataError) as caught:
        bind_header(plan(match, required=required), labels)
    return caught.value.code


@pytest.mark.parametrize("match", ["exact", "equal", "subset", "superset", "partial"])
def test_the_contracts_own_header_binds_in_every_mode(match: FieldsMatch) -> None:
    assert bind_header(plan(match), ["id", "name", "size"]).columns == (0, 1, 2)


@pytest.mark.parametrize("match", ["equal", "subset", "superset", "partial"])
def test_names_bind_in_any_order_but_in_exact(match: FieldsMatch) -> None:
    assert bind_header(plan(match), ["size", "id", "name"]).columns == (2, 0, 1)
    assert code("exact", ["size", "id", "name"]) == "incorrect-label"


@pytest.mark.parametrize("match", ["subset", "partial"])
def test_undeclared_columns_are_bound_to_nothing_and_named(match: FieldsMatch) -> None:
    binding = bind_header(plan(match), ["id", "more", "name", "size"])
    assert binding.columns == (0, None, 1, 2)
    assert binding.undeclared == ("more",)
    assert binding.width == 4


@pytest.mark.parametrize("match", ["exact", "equal", "superset"])
def test_undeclared_columns_are_refused_where_all_must_be_declared(match: FieldsMatch) -> None:
    assert code(match, ["id", "name", "size", "more"]) == "extra-label"


@pytest.mark.parametrize("match", ["superset", "partial"])
def test_fields_may_be_absent_where_the_mode_says_so(match: FieldsMatch) -> None:
    assert bind_header(plan(match), ["size", "id"]).columns == (2, 0)


@pytest.mark.parametrize("match", ["superset", "partial"])
def test_a_required_field_must_be_there_in_every_mode(match: FieldsMatch) -> None:
    assert code(match, ["size", "id"], required=("name",)) == "missing-label"


@pytest.mark.parametrize("match", ["exact", "equal", "subset"])
def test_an_absent_field_is_refused_where_all_must_be_there(match: FieldsMatch) -> None:
    assert code(match, ["id", "name"]) == "missing-label"


def test_a_header_with_none_of_the_fields_is_refused() -> None:
    assert code("partial", ["a", "b"]) == "missing-label"


@pytest.mark.parametrize("match", ["exact", "equal", "subset", "superset", "partial"])
@pytest.mark.parametrize("row", [["Smith", "Smith", ""], ["", "Smith", "Smith"]])
def test_a_row_in_the_place_of_a_header_is_not_quoted_whatever_else_is_wrong_with_it(
    match: FieldsMatch, row: list[str]
) -> None:
    with pytest.raises(DataError, match="none of the contract's fields") as caught:
        bind_header(plan(match), row)
    assert "Smith" not in str(caught.value)


def test_a_name_given_twice_is_refused_whatever_its_case() -> None:
    assert code("partial", ["id", "ID"]) == "duplicate-label"


def test_a_column_without_a_name_is_refused() -> None:
    assert code("partial", ["id", ""]) == "blank-label"
    assert code("partial", ["", ""]) == "blank-label"


@pytest.mark.parametrize("labels", [[], [""]])
def test_an_empty_line_is_no_header(labels: list[str]) -> None:
    assert code("partial", labels) == "blank-header"


def test_case_matters_only_where_the_dialect_says_so() -> None:
    assert bind_header(plan("exact"), ["ID", "Name", "size"]).columns == (0, 1, 2)
    with pytest.raises(DataError, match="column 1"):
        bind_header(plan("exact", case_sensitive=True), ["ID", "Name", "size"])


def test_a_long_label_is_cut_in_the_message() -> None:
    with pytest.raises(DataError) as caught:
        bind_header(plan("exact"), ["id", "name", "size", "x" * 10_000])
    assert len(str(caught.value)) < 300


def test_without_a_header_columns_are_the_fields_in_order() -> None:
    found = plan("exact")
    assert bind_by_order(found).columns == (0, 1, 2)
    assert bind_by_order(found).width == 3


def test_a_header_of_very_many_columns_takes_no_longer_for_each() -> None:
    labels = ["id", *(str(number) for number in range(4_990))]
    started = time.thread_time()  # of the processor, of which others on it take nothing
    assert code("subset", labels) == "missing-label"
    assert code("subset", [*labels, "7"]) == "duplicate-label"
    assert time.thread_time() - started < 1


def test_a_header_of_more_columns_than_memory_is_kept_for_is_refused() -> None:
    assert code("subset", ["id", "name", "size", *map(str, range(4_998))]) == "extra-label"


@pytest.mark.parametrize(
    ("match", "expected"),
    [("exact", "incorrect-label"), ("equal", "extra-label"), ("superset", "extra-label"),
     ("subset", "missing-label"), ("partial", "missing-label")],
)  # fmt: skip
@pytest.mark.parametrize("row", [["alice@example.com", "x", "5"], ["alice@example.com"] * 3])
def test_a_first_row_where_a_header_is_due_is_refused_and_not_quoted(
    match: FieldsMatch, expected: str, row: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        bind_header(plan(match), row)
    assert caught.value.code == expected
    assert "alice" not in str(caught.value)
    assert "header: false" in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (["size", "id", "name"], "equal"),
        (["more", "id", "name", "size"], "subset"),
        (["name", "size"], "superset"),
        (["name", "more"], "partial"),
    ],
)
def test_a_header_that_is_not_exact_is_told_the_mode_in_which_it_would_bind(
    labels: list[str], match: FieldsMatch
) -> None:
    with pytest.raises(DataError, match=f"set `fieldsMatch: {match}` if"):
        bind_header(plan("exact"), labels)
    bind_header(plan(match), labels)
