"""Typed pieces of a query, each written for both engines at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from penstock.compile.query.dialects import DUCKDB, SPARK, Dialect
from penstock.compile.query.types import (
    BOOLEAN,
    DATE,
    MOST_DIGITS,
    NAMES,
    TEXT,
    TIMESTAMP,
    UNKNOWN,
    common_type,
    decimal,
    digits_of,
    holds_all,
    kind_of,
)
from penstock.compile.sql_types import ask_failure
from penstock.compile.terms import RefusedError, from_text
from penstock.compile.terms import text_literal as text_term


@dataclass(frozen=True, slots=True)
class Term:
    """A piece of SQL (atomic or in parentheses) of a type, as DuckDB and as Spark take it.

    ``literal`` is its value where it is one. ``sensitive``: a sensitive field's cells are in it. ``refused`` are the
    reasons why Spark can't be trusted with it; its text for Spark is no use then. ``constant``: it is made of literals alone.
    """

    duckdb: str
    spark: str
    sql_type: str
    literal: str | int | None = None
    sensitive: bool = False
    refused: frozenset[str] = frozenset()
    constant: bool = False

    @property
    def kind(self) -> str:
        """The kind of its type."""
        return kind_of(self.sql_type)

    def text(self, dialect: Dialect) -> str:
        """Give its SQL for a dialect."""
        return self.spark if dialect.is_spark else self.duckdb


MOST_CHARACTERS: Final = 100_000
"""As long as the SQL of one expression may become."""

Build = Callable[..., str]
"""Writes SQL for a dialect, its first argument, of the texts of terms."""


def make(sql_type: str, build: Build, *terms: Term, refused: str | None = None) -> Term:
    """Make a term of others. ``refused`` is why Spark can't be trusted with what is made of them, if it can't.

    Raises :class:`RefusedError` for one that is made of literals and fails: over no rows one engine would not compute it.
    """
    reasons = frozenset().union(*(term.refused for term in terms), () if refused is None else (refused,))
    duckdb = build(DUCKDB, *(term.duckdb for term in terms))
    spark = build(SPARK, *(term.spark for term in terms))
    if max(len(duckdb), len(spark)) > MOST_CHARACTERS:  # exact arithmetic says its operands several times
        raise RefusedError(
            "the expression becomes too long: compute a part of it in a subquery, and name that"
        )
    constant = bool(terms) and all(term.constant for term in terms)
    if constant and (failure := ask_failure(duckdb)) is not None:
        raise RefusedError(f"it always fails: {failure.partition(' in expression')[0]}")
    return Term(
        duckdb,
        spark,
        sql_type,
        None,
        any(term.sensitive for term in terms),
        reasons,
        constant,
    )


def varying(term: Term) -> Term:
    """Give a term that is asked for each row, be it the same in all: an aggregate of a constant is none."""
    return replace(term, literal=None, constant=False)


NULL: Final = Term("NULL", "NULL", UNKNOWN, constant=True)


def text_literal(text: str) -> Term:
    """Make the term of a text. Raises :class:`RefusedError` where it is no text."""
    text_term(text)
    return replace(make(TEXT, lambda d: d.literal(text)), literal=text, constant=True)


def number_literal(written: str) -> Term:
    """Make the term of a number, given in digits, perhaps with a point: it has just those digits."""
    whole, _, fraction = written.lstrip("-").partition(".")
    precision = max(len(whole.lstrip("0")) + len(fraction), 1)
    if precision > MOST_DIGITS:
        raise RefusedError("a number has more than 38 digits")
    sql_type = decimal(precision, len(fraction))
    term = make(sql_type, lambda d: d.number(written, sql_type))
    return replace(term, literal=None if fraction else int(written), constant=True)


def cast(term: Term, sql_type: str) -> Term:
    """Cast a term to a type of its kind, or a date to a timestamp. What the type can't hold fails."""
    if term.sql_type == sql_type:
        return term
    if isinstance(term.literal, int) and holds_all(sql_type, term.sql_type):
        return replace(make(sql_type, lambda d: d.number(str(term.literal), sql_type)), constant=True)
    return make(sql_type, lambda d, x: d.cast(x, sql_type), term)


def align(terms: Sequence[Term], verb: str) -> list[Term]:
    """Bring terms to one type; a text literal beside a date or timestamp is read as one. A NULL gets the type, too."""
    terms = read_moments(terms)
    found = common_type([term.sql_type for term in terms], verb)
    return [term if found == UNKNOWN else cast(term, found) for term in terms]


def read_moments(terms: Sequence[Term]) -> list[Term]:
    """Read text literals that stand beside a date or a timestamp as such."""
    moments = {term.kind for term in terms} & {"date", "timestamp"}
    if not moments:
        return list(terms)
    return [_read_moment(term) if isinstance(term.literal, str) else term for term in terms]


def _read_moment(term: Term) -> Term:
    sql_type = DATE if len(str(term.literal)) == len("2000-01-01") else TIMESTAMP
    return moment_literal(str(term.literal), sql_type)


def moment_literal(text: str, sql_type: str) -> Term:
    """Make the term of a date or a timestamp that is written out. Raises :class:`RefusedError` where it is none."""
    from_text(text_term(text), sql_type)
    if text.startswith("0000"):
        raise RefusedError(f"the year of '{text}' is none: years are 0001 to 9999")
    plain = text.replace("T", " ").removesuffix("Z")
    return replace(make(sql_type, lambda d: d.cast(d.literal(plain), sql_type)), constant=True)


def condition(term: Term, where: str) -> Term:
    """Give a term that must be a condition. Raises :class:`RefusedError` where it is none."""
    if term.kind not in ("boolean", "null"):
        raise RefusedError(f"{where} takes a condition, not {NAMES[term.kind]}")
    return cast(term, BOOLEAN) if term.kind == "null" else term


def compare(symbol: str, left: Term, right: Term) -> Term:
    """Compare two terms. It never fails: numbers too large for a common type are told apart by their signs."""
    left, right = read_moments((left, right))
    found = common_type((left.sql_type, right.sql_type), "compares")
    for term in (left, right):
        if found != UNKNOWN and term.kind == "number" and not holds_all(found, term.sql_type):
            return _compare_large(symbol, left, right, found)
    if found != UNKNOWN:
        left, right = cast(left, found), cast(right, found)
    return make(BOOLEAN, lambda d, a, b: _comparison(d, symbol, a, b), left, right)


def _comparison(dialect: Dialect, symbol: str, left: str, right: str) -> str:
    if dialect.is_spark and symbol == "IS NOT DISTINCT FROM":
        return f"({left} <=> {right})"
    if dialect.is_spark and symbol == "IS DISTINCT FROM":
        return f"(NOT ({left} <=> {right}))"
    return f"({left} {symbol} {right})"


def _compare_large(symbol: str, left: Term, right: Term, found: str) -> Term:
    """Compare numbers of which one may be too large for the common type, and then is beyond all that the other can be."""
    large = right if holds_all(found, left.sql_type) else left
    precision, scale = digits_of(found)
    limit = "1" + "0" * (precision - scale)
    limit_type = decimal(precision - scale + 1, 0)

    def build(d: Dialect, a: str, b: str, x: str) -> str:
        most, least, zero = (d.number(text, limit_type) for text in (limit, f"-{limit}", "0"))
        beyond = f"({x} >= {most} OR {x} <= {least})"
        far = _comparison(d, symbol, *((x, zero) if large is left else (zero, x)))
        if symbol in ("=", "<>"):  # NULL where the other is
            same = "FALSE" if symbol == "=" else "TRUE"
            far = f"CASE WHEN {b if large is left else a} IS NOT NULL THEN {same} END"
        elif symbol.endswith("DISTINCT FROM"):
            far = "FALSE" if symbol.startswith("IS NOT") else "TRUE"
        else:
            far = f"CASE WHEN {b if large is left else a} IS NOT NULL THEN {far} END"
        near = _comparison(d, symbol, *(f"TRY_CAST({side} AS {found})" for side in (a, b)))
        return f"(CASE WHEN {beyond} THEN {far} ELSE {near} END)"

    return make(BOOLEAN, build, left, right, large)
