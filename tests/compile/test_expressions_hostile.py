"""Whatever is written in a contract or stands in a cell: no crash, no surprise, no statement that stops."""

import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.compile.expressions import Column, Expression, compile_expression
from penstock.compile.functions import ALLOWED, GROUPS
from penstock.engine.database import open_database
from penstock.errors import ContractError

CELLS: dict[str, tuple[str, list[str]]] = {
    "i": ("HUGEINT", [str(2**127 - 1), str(-(2**127)), str(10**38 - 1), str(2**63), str(-(2**63)), "0", "-1", "NULL"]),
    "n": ("DECIMAL(38,9)", ["9" * 29 + "." + "9" * 9, "-" + "9" * 29, "0", "0.000000001", "-0.5", "NULL"]),
    "s": (
        "VARCHAR",
        ["''", "'\0'", "'ab'", "'İß'", "'\\'", "'%'", "'infinity'", "'(a'", "repeat('x', 50000)", "'👩‍👩‍👧'", "NULL"],
    ),
    "d": ("DATE", ["'0001-01-01'", "'9999-12-31'", "'5881580-07-10'", "NULL"]),
    "ts": ("TIMESTAMP", ["'0001-01-01'", "'294247-01-10 04:00:54.775806'", "'290309-12-22 (BC) 00:00:00'", "NULL"]),
    "tm": ("TIME", ["'00:00'", "'23:59:59.999999'", "NULL"]),
    "l": ("VARCHAR[]", ["[]::VARCHAR[]", "['a', NULL]", "range(2000)::VARCHAR[]", "NULL"]),
    "b": ("BOOLEAN", ["true", "false", "NULL"]),
}  # fmt: skip
SCOPE = {name: Column(name, name, sql_type) for name, (sql_type, _) in CELLS.items()}

ARGUMENTS: dict[str, Sequence[str]] = {
    "text": ["s"],
    "integer": ["i"],
    "number": ["i", "n"],
    "boolean": ["b"],
    "moment": ["d", "ts"],
    "clock": ["d", "ts", "tm"],
    "list": ["l"],
    "list of text": ["l"],
    "text or list": ["s", "l"],
    "element": ["s"],
    "same": list(CELLS),
    "any": ["i", "n", "s", "d", "ts", "tm", "b"],
    "replacement": ["''", "'xyz'", r"'\9'", "s"],
    "separator": ["','"],
    "pattern": ["'a(b)?'", "'(?i)(x|é)*'", "''"],
    "options": ["'i'", "'g'", "'c'"],
    "group": ["0", "9"],
    "scale": ["0", "2", "-3", "20", "38", "-38"],
    "width": ["0", "1000"],
    "part": ["'year'", "'week'", "'isodow'", "'microsecond'"],
    "format": ["'%Y-%m-%d'", "'%d/%m/%y %H:%M:%S.%f'", "'%A %j'", "'abc'"],
}


def compiled(text: str) -> Expression:
    return compile_expression(text, SCOPE, "set.x")


def calls(name: str) -> Iterator[str]:
    signature = ALLOWED[name]
    most = len(signature.parameters)
    for count in range(most - signature.optional, most + 1 + signature.repeats):
        kinds = [signature.parameter(i) for i in range(count)]
        alone = kinds.count("any") < 2
        for arguments in itertools.product(*(ARGUMENTS[kind][: None if alone else 2] for kind in kinds)):
            yield f'"{name}"({", ".join(arguments)})'


DATABASE = open_database(None)


def run(expression: Expression) -> None:
    rows = [
        f"(SELECT unnest([{', '.join(CELLS[name][1])}]::{CELLS[name][0]}[]) AS {name})"
        for name in sorted(expression.reads)
    ]
    DATABASE.execute(
        f"SELECT count(v), count(v.v), count(typeof(v.v)) FROM "
        f"(SELECT TRY(struct_pack(v := {expression.sql})) AS v FROM {', '.join(rows) or '(SELECT 1)'})"
    ).fetchall()


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_an_allowed_function_fails_by_row_and_never_the_statement(name: str) -> None:
    accepted = 0
    for text in calls(name):
        try:
            expression = compiled(text)
        except ContractError as error:
            if "INTERVAL" not in str(error):
                continue
            expression = compiled(f"ts + {text}")
        accepted += 1
        run(expression)
    assert accepted


@pytest.mark.parametrize(
    "text",
    [
        "i + i", "i - i", "i * i", "i // i", "i % i", "-i", "n + n", "n - i", "n * n", "n * i", "n % n", "i + 1",
        "i = n", "i between n and 0.5", "i in (n, 0.000000000000000001)", "i * i > 0 and i * i < 5",
        "case when i * i > 0 then i * i else i + i end", "nullif(i * 2, n)",
        "d + i", "d - i", "d - d", "ts - ts < to_days(1)", "ts + (ts - ts)", "d + to_years(i)", "tm + to_hours(i)",
        "cast(i as tinyint)", "cast(i as bigint)", "cast(i as decimal(38, 9))", "cast(s as hugeint)",
        "cast(s as smallint)", "cast(s as decimal(38, 9))", "cast(s as date)", "cast(s as timestamp)",
        "cast(s as time)", "cast(s as boolean)", "cast(d as timestamp)", "cast(ts as date)", "cast(ts as time)",
        "cast(ts as varchar)", "cast(n as varchar)", "s like s", "s ilike s", "s like 'a!%' escape '!'", "s || i || n",
        "try_cast(s as date)", "try_cast(i as integer)", "[s, s]", "l || l", "l = ['a']", "s < s", "b or s is null",
    ],
)  # fmt: skip
def test_an_allowed_form_of_syntax_fails_by_row_and_never_the_statement(text: str) -> None:
    run(compiled(text))


def test_every_function_of_the_catalogue_that_is_not_allowed_is_refused() -> None:
    names = {row[0] for row in DATABASE.execute("SELECT function_name FROM duckdb_functions()").fetchall()}
    assert len(names) > 500
    for name in sorted(names - ALLOWED.keys()):
        for text in (f'"{name}"()', f'"{name}"(s)', f'"{name}"(s, s)'):
            with pytest.raises(ContractError, match="the function"):
                compiled(text)


@pytest.mark.parametrize(
    "text",
    [
        "(select 1)", "exists(select 1)", "exists(from x)", "i in (select 1)", "i = any(select 1)", "i = all(select 1)",
        "array(select 1)", "(table x)", "i is not distinct from (table x)", "(values (1))", "i between (select 1) and 2",
        "case when (select true) then 1 end", "(select content from read_text('/etc/passwd'))", "(from duckdb_settings())",
        "with x as (select 1) select 1", "i union select 1", "select 1", "from x", "(show tables)", "(describe x)",
        "(pragma database_list)", "pragma version", "call x()", "copy x to 'y'", "attach 'x'", "install httpfs", "load httpfs",
        "set x = 1", "i; pragma version", "i /* ; */; attach 'x'", "i -- \n", "i /**/", "/*", "i --",
        "READ_TEXT('/etc/passwd')", '"read_text"(\'/etc/passwd\')', "main.read_text('x')", "system.main.getenv('HOME')",
        "getenv ('HOME')", "getenv/**/('HOME')", "current_setting('home_directory')", "getvariable('x')", "duckdb_secrets()",
        "which_secret('a', 's3')", "current_user", "session_user", "current_date", "current_timestamp", "current_schema",
        "\uff47\uff45\uff54\uff45\uff4e\uff56('HOME')", "g\u0435tenv('HOME')", "getenv\u200b('HOME')", "\ufeffgetenv('HOME')", "\u017felect", "lower\u0301(s)",
        "rowid", "s.rowid", "i.*", "*", "columns('.*')", "columns(*)", "s.content", "i.s", "(i).x", "$1", "?", "#1", ":x", "@x",
        "$$x$$", "e'\\x41'", "U&'\\0041'", "x'41'", "[x for x in l]", "list_transform(l, x -> x)", "list_transform(l, lambda x: x)",
        "{'a': 1}", "map {'a': 1}", "row(1, 2)", "sum(i)", "sum(i) over ()", "count(*)", "sum(i) filter (where b)", "lower(s) over ()",
        "s collate nocase", "ts at time zone 'UTC'", "s::json", "s::blob", "s::struct(a int)", "s::enum('a')", "s::main.x",
        "timestamp 'now'", "unnest(l)", "generate_series(1, 10)", "lower(s => 'a')", "lower(distinct s)", "lower(s order by s)",
        "s\0", "s\x1b", "`i`", "' unterminated", '"unterminated', "s -> 'a'", "s ->> 'a'", "s glob 'a*'", "a := 1",
    ],
)  # fmt: skip
def test_what_reads_more_than_the_row_is_refused(text: str) -> None:
    with pytest.raises(ContractError) as caught:
        compiled(text)
    assert all(problem.startswith("set.x: ") for problem in caught.value.problems)


@pytest.mark.parametrize("pattern", ["(a{1000}){1000}", "((a{100}){100}){100}", "(?=a)", "x{1001}"])
def test_a_pattern_that_would_take_the_memory_is_refused(pattern: str) -> None:
    with pytest.raises(ContractError):
        compiled(f"regexp_matches(s, '{pattern}')")


@pytest.mark.parametrize("pattern", ["(a|a)*b", "(a*)*b", "(.*a){25}", "(x+x+)+y", "a?" * 500 + "a" * 500])
def test_no_pattern_takes_more_than_linear_time(pattern: str) -> None:
    expression = compiled(f"regexp_matches(s, '{pattern}')")
    began = time.process_time()
    DATABASE.execute(f"SELECT {expression.sql} FROM (SELECT repeat('ax', 20000) AS s)").fetchall()
    assert time.process_time() - began < 10


def test_no_allowed_function_is_volatile_or_unknown_to_the_database() -> None:
    known = dict(
        DATABASE.execute(
            "SELECT function_name, bool_and(coalesce(stability, 'CONSISTENT') = 'CONSISTENT') "
            "FROM duckdb_functions() WHERE function_type IN ('scalar', 'macro') GROUP BY ALL"
        ).fetchall()
    )
    without_entry = {"coalesce", "ifnull"}  # DuckDB's parser knows these
    assert {name for name in ALLOWED if not known.get(name)} - without_entry == set()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "i" + ")" * 5000,
        "(" * 9000,
        "not " * 2000 + "b",
        "- " * 4000 + "i",
        "!" * 4000 + "b",
        "lower(" * 500 + "s" + ")" * 500,
        "case when " * 500 + "b" + " then 1 end" * 500,
        "[" * 500 + "i" + "]" * 500,
        " + ".join(["i"] * 1000),
        "b" + " and b" * 1000,
        "i" + "::bigint" * 800,
        "i" + ".i" * 3000,
        "b" + " is null" * 900,
        "interval " * 900 + "1 day",
        "i between " * 400 + "1" + " and 2" * 400,
        "'" + "a" * 20_000 + "'",
    ],
)
def test_nesting_and_length_are_bounded(text: str) -> None:
    with pytest.raises(ContractError):
        compiled(text)


def test_long_flat_expressions_are_fine() -> None:
    assert compiled("s in (" + ", ".join(f"'{i}'" for i in range(1000)) + ")").sql_type == "BOOLEAN"
    assert (
        compiled("case " + " ".join(f"when i = {i} then '{i}'" for i in range(200)) + " end").sql_type
        == "VARCHAR"
    )
    assert compiled(" || ".join(["s"] * 90)).sql_type == "VARCHAR"


@given(st.text(max_size=60) | st.text(alphabet="isnb'\"();,.-+*/%|<>= \n[]{}:?$@#!~^&\\0129eE_", max_size=60))
@example("ELSE")  # the parser gives no expression at all
@example("{:}")  # the parser fails
@settings(max_examples=200, deadline=None)
def test_any_text_is_compiled_or_refused_with_its_path(text: str) -> None:
    problems: tuple[str, ...] = ()
    try:
        run(compiled(text))
    except ContractError as error:
        problems = error.problems
    assert all(problem.startswith("set.x: ") for problem in problems)


@given(st.text().filter(lambda text: "\0" not in text))
@settings(max_examples=100, deadline=None)
def test_a_text_comes_back_as_it_was_written(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    expression = compiled("'" + text.replace("'", "''") + "'")
    assert DATABASE.execute(f"SELECT {expression.sql}").fetchone() == (text,)


def test_the_documentation_lists_exactly_the_functions_there_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "expressions.md").read_text()
    listed = page.partition("<!-- functions -->\n")[2].partition("<!-- /functions -->")[0]
    wanted = "\n".join(
        f"**{group}**: " + ", ".join(f"`{name}({signature})`" for name, signature in members.items()) + "\n"
        for group, members in GROUPS.items()
    )
    assert listed == wanted
