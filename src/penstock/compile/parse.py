"""The text of an expression read into sqlglot's syntax tree, within limits.

The parser is made to keep function calls as they are written: sqlglot's own classes of functions stand for many
dialects, and may come out as a call of another function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

from penstock.compile.terms import RefusedError

MAX_LENGTH: Final = 10_000
MAX_NESTING: Final = 20
MAX_DEPTH: Final = 100

_TOO_DEEP: Final = "the expression is nested too deeply; set a field to a part of it first"


class _Plain(DuckDB):
    """DuckDB's syntax with every function call kept as it is written."""

    class Parser(DuckDBParser):
        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            name: DuckDBParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT")
        }
        # DuckDB ignores the length of VARCHAR(3), and so does sqlglot: it is kept here, to be refused.
        TYPE_CONVERTERS: ClassVar[dict[exp.DType, Callable[[exp.DataType], exp.DataType]]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
            "CASE": DuckDBParser.NO_PAREN_FUNCTION_PARSERS["CASE"]
        }


DIALECT: Final = _Plain()
"""What expressions and queries are read by."""


def parse_expression(text: str) -> exp.Expr:
    """Read one expression.

    Raises :class:`~penstock.compile.terms.RefusedError` where the text is no expression, is more than one, or goes
    beyond the limits of length and nesting, which keep the recursion of the parser within Python's.
    """
    if len(text) > MAX_LENGTH:
        raise RefusedError(f"the expression is longer than {MAX_LENGTH:,} characters")
    try:
        _check_tokens(DIALECT.tokenize(text))
        trees = DIALECT.parse_into(exp.Condition, text)
    except ParseError as error:
        raise RefusedError(explain_error(error)) from error
    except SqlglotError as error:
        raise RefusedError("the expression can't be read: a quote is not closed") from error
    except (
        RecursionError
    ) as error:  # the caller is so deep already that what is within the limits does not fit
        raise RefusedError(_TOO_DEEP) from error
    except (AttributeError, TypeError, ValueError, LookupError) as error:  # as the parser fails of `{:}`
        raise RefusedError("the expression can't be read: it is not one SQL expression") from error
    tree = trees[0] if len(trees) == 1 else None
    if tree is None:  # a sign alone, or a word that only ends another expression, such as ELSE
        raise RefusedError("the expression is empty")
    assert isinstance(tree, exp.Expr)
    if depth_of(tree) > MAX_DEPTH:
        raise RefusedError(_TOO_DEEP)
    return tree


def _check_tokens(tokens: Sequence[Token]) -> None:
    if not tokens:
        raise RefusedError("the expression is empty")
    if any(token.comments for token in tokens):
        raise RefusedError("a comment can't be used inside an expression; write it in the YAML")
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise RefusedError("one expression is expected, without a semicolon")
    if nesting_of(tokens) > MAX_NESTING:
        raise RefusedError(_TOO_DEEP)


_OPENING: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
_PREFIXES: Final = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE})


def nesting_of(tokens: Sequence[Token]) -> int:
    """Give the depth to which the parser would have to descend."""
    depth = deepest = prefixes = 0
    for token in tokens:
        prefixes = prefixes + 1 if token.token_type in _PREFIXES else 0
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        deepest = max(deepest, depth + prefixes)
    return deepest


def depth_of(tree: exp.Expr) -> int:
    """Give how many levels a tree has."""
    deepest, level = 0, [tree]
    while level:
        deepest += 1
        level = [child for node in level for child in node.iter_expressions()]
    return deepest


def explain_error(error: ParseError, what: str = "the expression") -> str:
    """Say why ``what`` can't be read, and near which words."""
    found = error.errors[0] if error.errors else {}
    place = f" near `{found['highlight']}`" if found.get("highlight") else ""
    reason = found.get("description") or "it is not SQL"
    if "<class" in reason:  # the parser's own word for an operator that stands without its operand
        reason = "something is missing before or after it"
    return f"{what} can't be read{place}: {reason}"
