"""The text of a query read into sqlglot's syntax tree, within limits."""

from __future__ import annotations

from typing import Final

from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from penstock.compile.parse import DIALECT, depth_of, explain_error, nesting_of
from penstock.compile.terms import RefusedError

MAX_LENGTH: Final = 20_000
MAX_NESTING: Final = 30
MAX_DEPTH: Final = 150

_TOO_DEEP: Final = "the query is nested too deeply; name a part of it by WITH first"


def parse_query(text: str) -> exp.Query:
    """Read one SELECT, perhaps with WITH before it. Comments are left out.

    Raises :class:`~penstock.compile.terms.RefusedError` where the text is none, is more than one, or goes beyond the limits
    of length and nesting, which keep the recursion of the parser within Python's.
    """
    if len(text) > MAX_LENGTH:
        raise RefusedError(f"the query is longer than {MAX_LENGTH:,} characters")
    try:
        trees = DIALECT.parser().parse(_tokenize(text), text)
    except ParseError as error:
        raise RefusedError(explain_error(error, "the query")) from error
    except SqlglotError as error:
        raise RefusedError("the query can't be read: a quote or a comment is not closed") from error
    except RecursionError as error:
        raise RefusedError(_TOO_DEEP) from error
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        raise RefusedError("the query can't be read: it is not one SELECT") from error
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Query):
        raise RefusedError("the query is one SELECT, and nothing else" if tree else "the query is empty")
    if depth_of(tree) > MAX_DEPTH:
        raise RefusedError(_TOO_DEEP)
    return tree


def _tokenize(text: str) -> list[Token]:
    tokens = DIALECT.tokenize(text)
    if nesting_of(tokens) > MAX_NESTING:
        raise RefusedError(_TOO_DEEP)
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise RefusedError("one SELECT is expected, not several statements")
    return tokens
