"""Which expressions are accepted, with what type and value, and in which words the others are refused."""

import datetime
from decimal import Decimal
from typing import Any

import pytest

from penstock.compile.expressions import Column, Expression, compile_expression
from penstock.engine.database import open_database
from penstock.errors import ContractError

ROW: dict[str, tuple[str, str]] = {
    "quantity": ("HUGEINT", "3"),
    "big": ("HUGEINT", "99999999999999999999999999999999999999"),
    "unit_price": ("DECIMAL(18,2)", "19.99"),
    "ratio": ("DECIMAL(38,9)", "0.5"),
    "status": ("VARCHAR", "'PAID'"),
    "note": ("VARCHAR", "'  it''s  '"),
    "code": ("VARCHAR", "'1.5'"),
    "ordered": ("DATE", "'2024-02-29'"),
    "at": ("TIMESTAMP", "'2024-02-29 12:30:00.25'"),
    "opens": ("TIME", "'08:15:00'"),
    "tags": ("VARCHAR[]", "['a', 'b']"),
    "paid": ("BOOLEAN", "true"),
    "nothing": ("VARCHAR", "NULL"),
    "le heading": ("DECIMAL(38,9)", "1.25"),
    "Name": ("VARCHAR", "'N'"),
    "NAME": ("VARCHAR", "'n'"),
    "source.key": ("VARCHAR", "'incoming/a.csv'"),
    "source.line": ("HUGEINT", "7"),
    "source.last_modified": ("TIMESTAMP", "'2024-03-01 00:00:00'"),
}
SCOPE = {name: Column(name, f"f{i}", sql_type) for i, (name, (sql_type, _)) in enumerate(ROW.items())}
SOURCE = ", ".join(f"({value})::{sql_type} AS {SCOPE[name].sql}" for name, (sql_type, value) in ROW.items())


DATABASE = open_database(None)


def compiled(text: str, want: str | None = None) -> Expression:
    return compile_expression(text, SCOPE, "transform.set.total", want=want)


def value_of(expression: Expression) -> Any:
    row = DATABASE.execute(
        f"SELECT {expression.sql}, typeof({expression.sql}) FROM (SELECT {SOURCE})"
    ).fetchone()
    assert row is not None
    assert row[1] == expression.sql_type
    return row[0]


def problems(text: str, want: str | None = None) -> tuple[str, ...]:
    with pytest.raises(ContractError) as caught:
        compiled(text, want)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "sql_type", "value"),
    [
        ("quantity * unit_price", "DECIMAL(38,2)", Decimal("59.97")),
        ("status <> 'CANCELLED'", "BOOLEAN", True),
        ("coalesce(nullif(trim(nothing), ''), 'n/a')", "VARCHAR", "n/a"),
        ("trim(note)", "VARCHAR", "it's"),
        ("'it''s; -- not a comment'", "VARCHAR", "it's; -- not a comment"),
        ("case when quantity > 2 then 'many' when quantity = 1 then 'one' end", "VARCHAR", "many"),
        ("case status when 'PAID' then 1 else 2.5 end", "DECIMAL(38,1)", Decimal("1.0")),
        ("quantity between 1 and 5", "BOOLEAN", True),
        ("quantity not between 1 and 5", "BOOLEAN", False),
        ("status in ('NEW', 'PAID')", "BOOLEAN", True),
        ("quantity not in (1, 2.5)", "BOOLEAN", True),
        ("status like 'P%'", "BOOLEAN", True),
        ("status not ilike 'p%'", "BOOLEAN", False),
        ("status like 'P!%' escape '!'", "BOOLEAN", False),
        ("nothing is null and status is not null", "BOOLEAN", True),
        ("nothing is distinct from status", "BOOLEAN", True),
        ("paid is true or not paid", "BOOLEAN", True),
        ("regexp_matches(status, '^P')", "BOOLEAN", True),
        ("regexp_extract(status, 'P(.)', 1)", "VARCHAR", "A"),
        ("regexp_replace(note, '[^a-z]', '', 'g')", "VARCHAR", "its"),
        ("list_contains(tags, 'a')", "BOOLEAN", True),
        ("tags || ['c']", "VARCHAR[]", ["a", "b", "c"]),
        ("len(tags) + length(status)", "HUGEINT", 6),
        ("array_to_string(tags, '-')", "VARCHAR", "a-b"),
        ("string_split(status, 'A')", "VARCHAR[]", ["P", "ID"]),
        ('"le heading" + 1', "DECIMAL(38,9)", Decimal("2.250000000")),
        ("QUANTITY", "HUGEINT", 3),
        ("Name || NAME", "VARCHAR", "Nn"),
        ("source.key", "VARCHAR", "incoming/a.csv"),
        ("source.LINE + 1", "HUGEINT", 8),
        ("source.last_modified > at", "BOOLEAN", True),
        ("100000 * 100000", "HUGEINT", 10_000_000_000),
        ("length(status) * 9223372036854775807", "HUGEINT", 36893488147419103228),
        ("1e5", "HUGEINT", 100_000),
        ("0.1 + 0.2", "DECIMAL(38,1)", Decimal("0.3")),
        ("7 // 2 - 7 % 2", "HUGEINT", 2),
        ("decimal_division(quantity, 7, 4)", "DECIMAL(38,4)", Decimal("0.4286")),
        ("decimal_division(ratio, unit_price, 2)", "DECIMAL(38,2)", Decimal("0.03")),
        ("round(unit_price * ratio, 2)", "DECIMAL(38,2)", Decimal("10.00")),
        ("floor(big)", "HUGEINT", 99999999999999999999999999999999999999),
        ("cast(round(unit_price) as integer)", "HUGEINT", 20),
        ("unit_price::decimal(20, 4)", "DECIMAL(38,4)", Decimal("19.9900")),
        ("code::decimal(9, 1)", "DECIMAL(38,1)", Decimal("1.5")),
        ("try_cast(code as integer)", "HUGEINT", None),
        ("try_cast(status as date)", "DATE", None),
        ("cast('2024-12-31' as date) - ordered", "HUGEINT", 306),
        ("ordered > '2024-01-01'", "BOOLEAN", True),
        ("at < '2024-02-29T12:30:01'", "BOOLEAN", True),
        ("opens between '08:00' and '09:00'", "BOOLEAN", True),
        ("ordered + 1", "DATE", datetime.date(2024, 3, 1)),
        ("ordered + interval 1 month", "TIMESTAMP", datetime.datetime(2024, 3, 29)),
        ("at - interval (quantity) days", "TIMESTAMP", datetime.datetime(2024, 2, 26, 12, 30, 0, 250000)),
        ("at - source.last_modified < to_days(1)", "BOOLEAN", True),
        ("extract(year from ordered) * 100 + month(ordered)", "HUGEINT", 202402),
        ("date_diff('day', ordered, source.last_modified)", "HUGEINT", 1),
        ("cast(date_trunc('month', at) as date)", "DATE", datetime.date(2024, 2, 1)),
        ("strftime(at, '%d.%m.%Y')", "VARCHAR", "29.02.2024"),
        ("cast(strptime('31/12/2024', '%d/%m/%Y') as date)", "DATE", datetime.date(2024, 12, 31)),
        ("epoch_ms(at) // 1000", "HUGEINT", 1709209800),
        ("status || '-' || quantity || '-' || ratio || '-' || paid", "VARCHAR", "PAID-3-0.5-true"),
        ("concat(at, ' ', ordered, ' ', nothing)", "VARCHAR", "2024-02-29T12:30:00.25 2024-02-29 "),
        ("cast(unit_price * 100 as varchar)", "VARCHAR", "1999"),
        ("lpad(cast(quantity as varchar), 5, '0')", "VARCHAR", "00003"),
        ("substring(status, 2, 2)", "VARCHAR", "AI"),
        ("split_part(source.key, '/', -1)", "VARCHAR", "a.csv"),
        ("if(paid, quantity, null)", "HUGEINT", 3),
        ("greatest(quantity, ratio)", "DECIMAL(38,9)", Decimal("3.000000000")),
        ("cast(null as varchar)", "VARCHAR", None),
        ("- - quantity + +1", "HUGEINT", 4),
        ("not not paid", "BOOLEAN", True),
    ],
)  # fmt: skip
def test_an_accepted_expression_has_its_type_and_value(text: str, sql_type: str, value: Any) -> None:
    expression = compiled(text)
    assert expression.sql_type == sql_type
    assert value_of(expression) == value


def test_it_tells_which_names_it_reads() -> None:
    assert compiled('quantity * "le heading" + source.LINE').reads == {
        "quantity",
        "le heading",
        "source.line",
    }


def test_a_name_that_differs_in_case_only_must_be_unique() -> None:
    assert "`name` could be any of `Name`, `NAME`" in problems("name")[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("quantity; drop table b", "without a semicolon"),
        ("quantity;", "without a semicolon"),
        ("quantity -- why", "a comment can't be used"),
        ("quantity /* why */", "a comment can't be used"),
        ("quantity +", "can't be read near `+`"),
        ("quantity unit_price", "can't be read near `unit_price`"),
        ("'open", "a quote is not closed"),
        ("select 1", "can't be read"),
        ("(select 1)", "a subquery can't be used"),
        ("quantity in (select 1)", "a subquery can't be used"),
        ("exists(select 1)", "a subquery can't be used"),
        ("quantity > any(select 1)", "a subquery can't be used"),
        ("*", "`*` can't be used"),
        ("count(*)", "`count` can't be used: it needs more than one row"),
        ("sum(quantity)", "`sum` can't be used: it needs more than one row"),
        ("sum(quantity) over ()", "a window can't be used"),
        ("row_number() over ()", "a window can't be used"),
        ("sum(quantity) filter (where paid)", "FILTER can't be used"),
        ("?", "a parameter can't be used"),
        ("$1", "a parameter can't be used"),
        (":x", "a parameter can't be used"),
        ("now()", "`source.last_modified` is the file's own time"),
        ("current_date", "it depends on when it runs"),
        ("current_timestamp", "it depends on when it runs"),
        ("today()", "it depends on when it runs"),
        ("random()", "it gives another value each time"),
        ("uuid()", "it gives another value each time"),
        ("nextval('s')", "it gives another value each time"),
        ("getenv('HOME')", "it reads the settings"),
        ("current_setting('threads')", "it reads the settings"),
        ("read_csv('/etc/passwd')", "it reads more than the row"),
        ("read_text('/etc/passwd')", "it reads more than the row"),
        ("repeat(status, 1000000)", "larger than the memory"),
        ("range(1000000)", "larger than the memory"),
        ("generate_series(1, 10)", "larger than the memory"),
        ("lpad(status, 1000000, ' ')", "0 to 1000"),
        ("rpad(status, quantity, ' ')", "must be a number written out"),
        ("replace(status, 'a', note)", "larger than the memory"),
        ("regexp_replace(status, '', note, 'g')", "larger than the memory"),
        ("list_transform(tags, x -> x)", "a lambda can't be used"),
        ("list_transform(tags, lambda x: x)", "a lambda can't be used"),
        ("tags[1]", "write `list_extract(x, 1)`"),
        ("status[1:2]", "write `list_extract(x, 1)`"),
        ("{'a': 1}", "a structure can't be used"),
        ("struct_pack(a := 1)", "arguments can't be named"),
        ("quantity.x", "no field is called `quantity.x`"),
        ("status.lower()", "this syntax (Dot) can't be used"),
        ("main.lower(status)", "this syntax (Dot) can't be used"),
        ("status collate nocase", "COLLATE can't be used"),
        ("at at time zone 'UTC'", "AT TIME ZONE can't be used"),
        ("#1", "a column can't be named by its number"),
        ("(quantity, 1)", "a tuple can't be used"),
        ("quantity as q", "can't be read near `as`"),
        ("quantity ** 2", "write `x * x`"),
        ("quantity & 1", "this syntax (BitwiseAnd) can't be used"),
        ("status ~ 'P'", "write `regexp_full_match(x, '...')`"),
        ("status similar to 'P'", "write `regexp_full_match(x, '...')`"),
        ("status glob 'P*'", "GLOB can't be used"),
        ("'a' 'b'", "write `||` between them"),
        ("e'a'", "can't be used"),
        ("quantity between symmetric 5 and 1", "SYMMETRIC can't be used here"),
        ("position('a' in status)", "`contains(x, y)` for a text"),
        ("cast(quantity as double)", "a cast to DOUBLE can't be used"),
        ("quantity::float", "can't be used; the types are"),
        ("cast(status as json)", "a cast to JSON can't be used"),
        ("cast(status as varchar(3))", "write `left(x, n)`"),
        ("cast(status as timestamp with time zone)", "can't be used; the types are"),
        ("cast(ratio as decimal(9, 2))", "would drop digits; round first: `round(x, 2)`"),
        ("cast(ratio as integer)", "would drop digits; round first: `round(x, 0)`"),
        ("cast(quantity as date)", "a number can't be cast to DATE"),
        ("cast('2024-02-30' as date)", "is not a date"),
        ("cast('1_000' as integer)", "is not a whole number"),
        ("cast('infinity' as date)", "is not a date"),
        ("quantity / 2", "`decimal_division(a, b, 2)`"),
        ("cast(quantity / 2 as integer)", "`/` gives a floating-point number"),
        ("unit_price // 2", "`//` divides whole numbers only"),
        ("sqrt(quantity)", "a floating-point number, which loses digits"),
        ("epoch(at)", "write `epoch_ms(x) // 1000`"),
        ("hash(status)", "write `sha256(x)`"),
        ("0e", "a number can't be read"),
        ("1e400", "more than 38 digits"),
        ("0.000000000000000000000000000000000000001", "more than 38 digits"),
        ("123456789012345678901234567890123456789", "more than 38 digits"),
        ("ratio * ratio * ratio * ratio * ratio", "in `"),
        ("decimal_division(1, 3, 39)", "-38 to 38"),
        ("status = 5", "compares a number and text; cast one of them"),
        ("quantity = '5'", "compares a number and text"),
        ("ordered = status", "compares a date and text"),
        ("ordered > 'yesterday'", "is not a timestamp"),
        ("coalesce(quantity, 'none')", "`coalesce` mixes a number and text"),
        ("case when paid then 1 else 'x' end", "CASE chooses between a number and text"),
        ("['a', 1]", "a list mixes a number and text"),
        ("1 < quantity < 5", "comparisons can't be chained"),
        ("not quantity", "NOT takes a condition, not a number"),
        ("status and paid", "AND takes a condition, not text"),
        ("status + 1", "`+` can't be applied to text and a number"),
        ("ordered + 1.5", "`+` can't be applied to a date and a number"),
        ("lower(quantity)", "argument 1 of `lower` is a number, not text"),
        ("lower(status, 'x')", "`lower` takes (text), not 2 arguments"),
        ("substr(status, 1.5)", "argument 2 of `substr` is not a whole number"),
        ("regexp_matches(status, '(')", "the regular expression of `regexp_matches` is wrong: missing )"),
        ("regexp_matches(status, note)", "argument 2 of `regexp_matches` must be a text written out"),
        ("strftime(ordered, '%Q')", "%Q"),
        ("date_trunc('mnth', ordered)", "did you mean 'month'"),
        ("status like 'a!' escape '!'", "can't end the pattern"),
        ("status like note escape '!'", "must be texts written out"),
        ("list_contains(tags, 1)", "argument 2 of `list_contains` is not of the type"),
        ("interval 1 day", "the result is an interval"),
        ("[1, 2]", "the result is a list (HUGEINT[])"),
        ("null", "the result is always NULL"),
        ("LE_HEADING", "no field is called `LE_HEADING`; did you mean `le heading`?"),
        ("cast(status as decimal)", "write DECIMAL(precision, scale)"),
        ("qantity", "no field is called `qantity`; did you mean `quantity`?"),
        ('"PAID!"', "a text is written in single quotes"),
        ("lowr(status)", "the function `lowr` is not known, in `lowr(status)`; did you mean `lower`?"),
        ("'a\0b'", "a character that is not text"),
        ("'\ud800'", "a character that is not text"),
    ],
)  # fmt: skip
def test_a_refused_expression_is_told_why(text: str, words: str) -> None:
    found = problems(text)
    assert all(problem.startswith("transform.set.total: ") for problem in found)
    assert any(words in problem for problem in found), found
    assert not any("LINE 1" in problem or "^" in problem or "Traceback" in problem for problem in found)


def test_all_problems_of_an_expression_are_told_at_once() -> None:
    found = problems("sum(qty) + now() + case when unit_prize then tags[1] end")
    for words in ("`sum`", "`qty`", "`now`", "`unit_prize`; did you mean `unit_price`?", "brackets"):
        assert any(words in problem for problem in found), words


@pytest.mark.parametrize("want", ["BOOLEAN", "VARCHAR"])
def test_a_result_of_another_type_than_wanted_is_refused(want: str) -> None:
    assert "the result is a number, but" in problems("quantity + 1", want)[0]


def test_a_result_of_the_type_wanted_is_accepted() -> None:
    assert compiled("quantity > 1", "BOOLEAN").sql_type == "BOOLEAN"
    assert compiled("trim(status)", "VARCHAR").sql_type == "VARCHAR"
