"""Checks of where the files are and how they are written."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.contract.model import DialectModel, SchemaModel, SourceModel
from penstock.contract.problem import Problem

DIALECT = ("source", "dialect")


def check_source(source: SourceModel, schema: SchemaModel) -> Iterator[Problem]:
    """The problems of ``source``."""
    yield from _check_prefix(source.prefix)
    if "*" in source.suffix:
        yield Problem(("source", "suffix"), "S3 knows no wildcards; write the ending alone, such as .csv")
    yield from check_characters(source.dialect)
    if not source.dialect.header and schema.fields_match != "exact":
        yield Problem(
            ("schema", "fieldsMatch"),
            f"{schema.fields_match} needs the names of the columns, and the dialect says that there is no header",
        )


def _check_prefix(prefix: str) -> Iterator[Problem]:
    path = ("source", "prefix")
    if prefix.startswith("/"):
        yield Problem(path, f'a key in S3 does not begin with "/"; write {prefix.lstrip("/") or "incoming/"}')
    elif not prefix.endswith("/"):
        # Without it `orders` would take the objects of `orders-archive/` too.
        yield Problem(path, f'must end with "/", so that it names one folder; write {prefix}/')
    if "*" in prefix:
        yield Problem(path, "S3 knows no wildcards; write the folder alone")
    if len(prefix.encode()) > 900:
        yield Problem(path, "is too long: a key in S3 has at most 1024 bytes, the file's name included")


def check_characters(dialect: DialectModel) -> Iterator[Problem]:
    """The problems of a dialect's characters, as of the source's."""
    taken: dict[str, str] = {}
    characters = {
        "delimiter": dialect.delimiter,
        "quoteChar": dialect.quote_char,
        "escapeChar": dialect.escape_char,
        "commentChar": dialect.comment_char,
    }
    for key, character in characters.items():
        if character is None:
            continue
        problem = _character_problem(key, character)
        if problem is not None:
            yield Problem((*DIALECT, key), problem)
        elif character in taken and {key, taken[character]} != {"quoteChar", "escapeChar"}:
            yield Problem((*DIALECT, key), f"is the same character as {taken[character]}")
        elif character in taken:
            yield Problem(
                (*DIALECT, key), "is the same character as quoteChar; leave it out, doubleQuote says that"
            )
        taken.setdefault(character, key)
    if dialect.skip_initial_space and dialect.delimiter == " ":
        yield Problem((*DIALECT, "skipInitialSpace"), "would skip the delimiter, which is a space")
    if dialect.quote_char is not None and not dialect.double_quote and dialect.escape_char is None:
        yield Problem(
            (*DIALECT, "doubleQuote"), "is false and there is no escapeChar; a cell could never hold a quote"
        )


def _character_problem(key: str, character: str) -> str | None:
    if not character:
        return "can't be empty" if key == "delimiter" else "can't be empty; write null for none"
    if len(character) > 1:
        return f'must be one character; a {key} of several, such as "{character}", is not supported'
    if character in "\r\n\0":
        return "can't be a newline or NUL"
    if not character.isascii():
        return "must be an ASCII character"
    return None
