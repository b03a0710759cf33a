"""Numbers in expressions: exactly Python's int and Decimal, or a failure; never other digits."""

from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.compile.expressions import Column, compile_expression
from penstock.engine.database import open_database
from penstock.errors import ContractError

WIDE = Context(prec=200)
SCOPE = {
    "i": Column("i", "i", "HUGEINT"),
    "j": Column("j", "j", "HUGEINT"),
    "m": Column("m", "m", "DECIMAL(38,9)"),
    "p": Column("p", "p", "DECIMAL(18,2)"),
    "t": Column("t", "t", "VARCHAR"),
}
FAILED = "failed"
DATABASE = open_database(None)


def evaluate(text: str, **cells: Any) -> Any:
    """Give the value of an expression over one row, or FAILED."""
    expression = compile_expression(text, SCOPE, "set.x")
    row = {"i": 0, "j": 0, "m": Decimal(0), "p": Decimal(0), "t": "", **cells}
    sql = (
        f"SELECT TRY(struct_pack(v := {expression.sql})) AS v FROM (SELECT ?::VARCHAR::HUGEINT AS i, "
        "?::VARCHAR::HUGEINT AS j, ?::VARCHAR::DECIMAL(38,9) AS m, ?::VARCHAR::DECIMAL(18,2) AS p, ?::VARCHAR AS t)"
    )
    values = [f"{value:f}" if isinstance(value, Decimal) else str(value) for value in row.values()]
    first, second = (DATABASE.execute(sql, values).fetchone() for _ in range(2))
    assert first == second
    assert first is not None
    return FAILED if first[0] is None else first[0]["v"]


def divided(a: Decimal, b: Decimal) -> Decimal:
    return (a / b).to_integral_value(ROUND_DOWN)


Computation = tuple[str, Callable[[dict[str, Decimal]], Decimal]]

integers = st.sampled_from(["i", "j"]).map(lambda name: (name, lambda row: row[name])) | st.integers(
    0, 10**6
).map(lambda n: (str(n), lambda _: Decimal(n)))
decimals = st.sampled_from(["m", "p"]).map(lambda name: (name, lambda row: row[name])) | st.decimals(
    0, 1000, places=2
).map(lambda d: (f"{d:f}", lambda _: d))

OPERATORS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}
WHOLE_OPERATORS = {**OPERATORS, "//": divided, "%": lambda a, b: a - b * divided(a, b)}


def combined(
    operators: dict[str, Callable[[Decimal, Decimal], Decimal]],
) -> Callable[..., st.SearchStrategy[Computation]]:
    def build(parts: st.SearchStrategy[Computation]) -> st.SearchStrategy[Computation]:
        def join(left: Computation, symbol: str, right: Computation) -> Computation:
            return f"({left[0]} {symbol} {right[0]})", lambda row: operators[symbol](
                left[1](row), right[1](row)
            )

        return st.builds(join, parts, st.sampled_from(sorted(operators)), parts)

    return build


whole = st.recursive(integers, combined(WHOLE_OPERATORS), max_leaves=6)
exact = st.recursive(integers | decimals, combined(OPERATORS), max_leaves=4)
rows = st.fixed_dictionaries(
    {
        "i": st.integers(-(10**38) + 1, 10**38 - 1) | st.integers(-1000, 1000),
        "j": st.integers(-(2**70), 2**70) | st.integers(-1000, 1000),
        "m": st.decimals(-(10**29) + 1, 10**29 - 1, places=9) | st.decimals(-1000, 1000, places=9),
        "p": st.decimals(-(10**16) + 1, 10**16 - 1, places=2),
    }
)


@given(whole | exact, rows)
@settings(max_examples=150, deadline=None)
def test_a_computation_gives_exactly_what_python_gives_or_fails(
    computation: Computation, row: dict[str, Any]
) -> None:
    text, expected = computation
    try:
        found = evaluate(text, **row)
    except ContractError as error:
        found = FAILED if "DECIMAL" in str(error) else None  # a product of more than 38 places
    if found != FAILED:
        with localcontext(WIDE):
            assert Decimal(found) == expected({name: Decimal(value) for name, value in row.items()})


@given(whole, st.fixed_dictionaries({"i": st.integers(1, 9), "j": st.integers(1, 9)}))
@settings(max_examples=100, deadline=None)
def test_a_computation_that_fits_does_not_fail(computation: Computation, row: dict[str, Any]) -> None:
    text, expected = computation
    with localcontext(WIDE):
        try:
            wanted: Any = expected({name: Decimal(value) for name, value in row.items()})
        except ArithmeticError:
            wanted = FAILED
    assert evaluate(text, **row) == (wanted if wanted == FAILED else int(wanted))


@given(st.decimals(-(10**29) + 1, 10**29 - 1, places=9) | st.decimals(-5, 5, places=9), st.integers(-5, 12))
@settings(max_examples=60, deadline=None)
def test_rounding_is_exact(value: Decimal, places: int) -> None:
    step = Decimal(1).scaleb(-min(places, 9))
    with localcontext(WIDE):
        for name, rounding in (
            ("round", ROUND_HALF_UP),
            ("round_even", ROUND_HALF_EVEN),
            ("trunc", ROUND_DOWN),
        ):
            found = evaluate(f"{name}(m, {places})", m=value)
            assert found in (FAILED, value.quantize(step, rounding)), name
            assert found != FAILED or places < 0, name


@given(st.decimals(-(10**29) + 1, 10**29 - 1, places=9), st.integers(-(10**38) + 1, 10**38 - 1))
@settings(max_examples=100, deadline=None)
def test_functions_of_numbers_are_exact(value: Decimal, number: int) -> None:
    with localcontext(WIDE):
        assert evaluate("floor(m)", m=value) == value.to_integral_value("ROUND_FLOOR")
        assert evaluate("ceil(m)", m=value) == value.to_integral_value("ROUND_CEILING")
        assert evaluate("abs(m)", m=value) == abs(value)
        assert evaluate("sign(m)", m=value) == (value > 0) - (value < 0)
        assert evaluate("abs(i) + sign(i)", i=number) == abs(number) + (number > 0) - (number < 0)
        assert evaluate("ceil(i) = i and floor(i) = i and round(i, 2) = i", i=number) is True
        assert evaluate("i > m", i=number, m=value) in (number > value, FAILED)
        assert evaluate("m || ''", m=value) == f"{value.normalize():f}"


@given(
    st.decimals(-(10**20) + 1, 10**20 - 1, places=9),
    st.decimals(-(10**9), 10**9, places=9).filter(bool),
    st.integers(0, 6),
)
@settings(max_examples=150, deadline=None)
def test_a_division_is_exact_and_rounds_half_to_even(value: Decimal, divisor: Decimal, places: int) -> None:
    with localcontext(WIDE):
        wanted = (value / divisor).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
        assert evaluate(
            f"decimal_division(m, cast(t as decimal(38, 9)), {places})", m=value, t=f"{divisor:f}"
        ) in (
            wanted,
            FAILED if abs(value) >= 10**14 else wanted,
        )


@pytest.mark.parametrize(
    "text", ["i // 0", "i % 0", "decimal_division(i, 0, 2)", "decimal_division(m, p, 2)", "m % p"]
)
def test_a_division_by_zero_fails(text: str) -> None:
    assert evaluate(text, i=1, m=Decimal(1)) == FAILED


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("cast(t as hugeint)", "1.5"),
        ("cast(t as hugeint)", "1_000"),
        ("cast(t as hugeint)", "0x10"),
        ("cast(t as hugeint)", "1e3"),
        ("cast(t as hugeint)", " 1"),
        ("cast(t as hugeint)", "1\n"),
        ("cast(t as hugeint)", ""),
        ("cast(t as smallint)", "40000"),
        ("cast(t as decimal(9, 2))", "1.234"),
        ("cast(t as decimal(9, 2))", "12345678.00"),
        ("cast(t as decimal(9, 2))", "1e2"),
        ("cast(t as decimal(9, 2))", ""),
        ("cast(t as date)", "infinity"),
        ("cast(t as date)", "epoch"),
        ("cast(t as date)", "2024-1-1"),
        ("cast(t as date)", "2023-02-29"),
        ("cast(t as date)", ""),
        ("cast(t as timestamp)", "2024-01-01 00:00:00+01:00"),
        ("cast(t as timestamp)", "-infinity"),
        ("cast(t as time)", "25:00"),
        ("cast(t as boolean)", "yes"),
        ("cast(t as boolean)", "1"),
        ("strptime(t, '%Y')", "infinity"),
        ("strptime(t, '%Y')", " -Infinity "),
        ("strptime(t, '%Y')", "epoch"),
        ("strptime(t, '%Y')", ""),
        ("strptime(t, '%Y-%m-%d')", "2024-01-01 and more"),
    ],
)
def test_a_text_that_is_not_wholly_of_the_type_fails(text: str, cell: str) -> None:
    assert evaluate(text, t=cell) == FAILED
    if "cast" in text:
        assert evaluate(f"try_{text}", t=cell) is None


@pytest.mark.parametrize(
    ("text", "cell", "value"),
    [
        ("cast(t as hugeint)", "-00170141183460469231731687303715884105727", -(2**127 - 1)),
        ("cast(t as decimal(9, 2))", "+1.2300", Decimal("1.23")),
        ("cast(t as boolean)", "True", True),
    ],
)
def test_a_text_that_is_of_the_type_is_cast(text: str, cell: str, value: Any) -> None:
    assert evaluate(text, t=cell) == value


def test_bringing_decimals_together_drops_no_digit() -> None:
    finer = "0.00000000000000000001"
    assert evaluate(f"coalesce(m, {finer}) = 1.5", m=Decimal("1.5")) is True
    assert evaluate(f"m + {finer}", m=Decimal(1)) == Decimal("1.00000000000000000001")
    assert evaluate(f"m < 1 + {finer}", m=Decimal(1)) is True
    assert evaluate(f"greatest(m, {finer})", m=Decimal(0)) == Decimal(finer)


@pytest.mark.parametrize(
    "text",
    [
        "1 - 2 - 3", "2 + 3 * 4", "7 // 2 * 2", "7 % 4 * 3", "2 * 7 % 4", "-7 % 3", "- 2 + 5", "1 + 2 = 3 and 2 > 1",
        "not 1 = 2", "not true and false", "true or true and false", "not true or true", "1 = 1 is true",
        "2 in (1, 2) and false", "not 2 in (1, 2)", "2 between 1 and 3 and false", "1 + 1 between 2 and 2",
        "not 2 between 1 and 3", "1 is null or true", "not null is null", "'a' || 'b' = 'ab'", "'ab' like 'a' || '%'",
        "case when 1 = 2 or true then 1 + 1 else 2 end * 3", "-1 - -1", "10 - 2 * 3 // 2 + 1", "3 > 2 is not null",
        "'1' || 2 + 3",
    ],
)  # fmt: skip
def test_operators_bind_as_they_do_in_the_database(text: str) -> None:
    row = DATABASE.execute(f"SELECT {text}").fetchone()
    assert row is not None
    assert evaluate(text) == row[0]
