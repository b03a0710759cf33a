"""Numbers keep their digits, whatever way they are written. Python's Decimal judges."""

from __future__ import annotations

import json
import re
from decimal import Context, Decimal

from cell_harness import judge_cells, make_field
from hypothesis import given, settings
from hypothesis import strategies as st

EXACT = Context(prec=2_000, Emax=10**9, Emin=-(10**9))


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


SIGNS = st.sampled_from(["", "", "-", "+"])
PLAIN = st.builds("{}{}.{}".format, SIGNS, digits(1, 25), digits(0, 25)) | st.builds(
    "{}{}".format, SIGNS, digits(1, 45)
)
FRACTIONS = st.builds("{}.{}".format, SIGNS, digits(1, 45))
EXPONENTS = st.builds("{}{}{}{}".format, PLAIN | FRACTIONS, st.sampled_from("eE"), SIGNS, digits(1, 3))
NUMBERS = PLAIN | FRACTIONS | EXPONENTS
PRECISIONS = st.integers(1, 38).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, p)))
NOT_QUITE = st.text("0123456789+-.eE_ ,", max_size=12)


def holds(number: Decimal) -> bool:
    """DynamoDB's rule: 38 significant digits, 1E-130 to 9.99...E+125."""
    if not number:
        return True
    return len(number.normalize(EXACT).as_tuple().digits) <= 38 and -130 <= number.adjusted() <= 125


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=40))
def test_a_number_keeps_its_value_and_equal_values_have_one_text(cells: list[str]) -> None:
    judged = judge_cells(make_field(type="number"), cells)
    texts: dict[Decimal, str] = {}
    for cell in judged:
        value = EXACT.create_decimal(cell.cell or "")
        assert cell.valid is holds(value), cell
        if cell.valid:
            assert cell.text is not None
            assert cell.json is not None
            assert EXACT.create_decimal(cell.text) == value
            assert texts.setdefault(value, cell.text) == cell.text
            assert json.loads(cell.json) == {"N": cell.text}
    again = judge_cells(make_field(type="number"), list(texts.values()))
    assert [cell.text for cell in again] == list(texts.values())


@settings(max_examples=50, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=40), PRECISIONS)
def test_a_number_fits_its_decimal_exactly_where_the_value_is_the_number(
    cells: list[str], decimal: tuple[int, int]
) -> None:
    for cell in judge_cells(make_field(type="number", decimal=list(decimal)), cells):
        if not cell.valid:
            continue
        value = EXACT.create_decimal(cell.cell or "")
        precision, scale = decimal
        whole = value.scaleb(scale, EXACT)
        held = not value or (whole == whole.to_integral_value() and value.adjusted() < precision - scale)
        assert cell.fits is held, cell
        assert cell.value == value or not held


@settings(max_examples=50, deadline=None)
@given(st.lists(st.builds("{}{}".format, SIGNS, digits(1, 60)), min_size=1, max_size=40))
def test_an_integer_keeps_its_value(cells: list[str]) -> None:
    for cell in judge_cells(make_field(type="integer"), cells):
        value = int(cell.cell or "")
        assert cell.valid is holds(Decimal(value)), cell
        if cell.valid:
            assert Decimal(cell.text or "") == value
            assert cell.value == value if cell.fits else value >= 10**38 or value <= -(10**38)


@settings(max_examples=60, deadline=None)
@given(st.lists(NOT_QUITE, min_size=1, max_size=60))
def test_what_decimal_refuses_is_refused(cells: list[str]) -> None:
    for cell in judge_cells(make_field(type="number"), cells):
        text = cell.cell or ""
        try:
            value = EXACT.create_decimal(text)
        except ArithmeticError:
            assert cell.valid is False, cell
        else:
            # Python takes digits with underscores and with white space around them; a cell is taken as it is written.
            assert cell.valid is (holds(value) and "_" not in text and " " not in text), cell


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=40),
    st.sampled_from([",", ".", " ", "'", "\u202f"]),
)
def test_groups_of_three_are_read_as_they_were_written(values: list[int], group: str) -> None:
    cells = [f"{value:,}".replace(",", group) for value in values]
    judged = judge_cells(make_field(type="integer", groupChar=group), cells)
    assert [cell.value for cell in judged] == values


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=40),
    st.sampled_from(["€", "$ ", "EUR ", "CHF", "kr. "]),
    st.sampled_from(["", "%", " €", " USD"]),
)
def test_text_around_a_number_that_is_not_bare_is_dropped(
    values: list[Decimal], lead: str, trail: str
) -> None:
    cells = [f"{lead}{value}{trail}" for value in values]
    judged = judge_cells(make_field(type="number", bareNumber=False), cells)
    assert [Decimal(cell.text or "") for cell in judged] == values


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("0123456789-+(). €x", max_size=8), min_size=1, max_size=60))
def test_a_number_that_is_not_bare_is_never_read_as_another(cells: list[str]) -> None:
    """What is taken has exactly one run of digits and points, which is the number, and at most one sign, before it."""
    for cell in judge_cells(make_field(type="number", bareNumber=False), cells):
        if cell.valid:
            number = Decimal(cell.text or "")
            (run,) = re.findall(r"[.]?[0-9][0-9.]*", cell.cell or "")
            head, _, tail = (cell.cell or "").partition(run)
            assert abs(number) == Decimal(run.rstrip("."))
            assert head.count("-") + head.count("+") <= 1
            assert number == 0 or ("-" in head) == number.is_signed()
            assert not set(tail) & set("-+()")
            assert not set(head) & set("()")
