"""A contract proposed from a sample file, with what was unsure of said in comments."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.contract.guess import Column, Guess, guess_column
from penstock.contract.sniff import Sniffed, sniff
from penstock.errors import UsageError

_FEED_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_PLAIN = re.compile(r"\.?[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_PLAIN = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"}
_KEY_NAMES = ("id", "key", "uuid", "guid", "code", "number", "no", "nr", "ident", "identifier", "sku", "ref")
_KEY_TYPES = ("string", "integer", "date", "datetime", "time", "number")
_KEY_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class _Key:
    columns: tuple[str, ...]
    unsure: str | None = None


def propose_contract(sample: Path, name: str | None = None) -> str:
    """A commented contract (YAML) for files like ``sample``, of which at most 10 MB are read.

    ``name`` is the feed's name, made from the file's unless given. Raises UsageError if the sample can't be read or
    holds nothing, or the name is no feed's name.
    """
    if name is not None and not _FEED_NAME.fullmatch(name):
        raise UsageError(
            f"{name}: a feed's name is lowercase letters, digits and hyphens, begins with a letter, and has at most 40"
        )
    sniffed = sniff(sample)
    names, doubts = _field_names(sniffed.names)
    columns = [guess_column(field, (row[index] for row in sniffed.rows)) for index, field in enumerate(names)]
    key = _find_key(columns, sniffed.rows)
    columns = [_usable_key(column) if column.name in key.columns else column for column in columns]
    feed = name or _feed_name(sample.name)
    exact = len({field.casefold() for field in names}) < len(names)
    lines = [
        *_write_head(sample, sniffed),
        f"penstock: 1\nname: {feed}",
        *_write_source(feed, sample.name, sniffed, exact=exact),
        "schema:\n  fields:",
        *itertools.chain.from_iterable(
            _write_field(column, doubts.get(index, ())) for index, column in enumerate(columns)
        ),
        *_write_load(feed, key),
        "quality:\n  max_rejects: 5%  # past this share of the records nothing of a file is loaded",
    ]
    return "\n".join(lines) + "\n"


def _field_names(labels: Sequence[str]) -> tuple[list[str], dict[int, list[str]]]:
    """A name for each column, and what is to be said of those whose label is none or not its own."""
    names: list[str] = []
    doubts: dict[int, list[str]] = {}
    for index, label in enumerate(labels):
        name = label
        if not label.strip():
            name = f"column_{index + 1}"
            doubts.setdefault(index, []).append(
                "the header has no name here; a file with such a header is refused"
            )
        elif label in names:
            doubts.setdefault(index, []).append(
                "the header has this name twice; a file with such a header is refused"
            )
        number = 2
        while name in names or (name != label and name in labels):
            name = f"{label.strip() or 'column'}_{number}"
            number += 1
        names.append(name)
    return names, doubts


def _feed_name(file: str) -> str:
    stem = re.sub(r"(\.(csv|tsv|txt|gz|dat))+$", "", file.lower())
    stem = re.sub(r"[-_. ]?(19|20)[0-9]{2}[-_.]?[0-9]{2}[-_.]?[0-9]{2}([-_.t]?[0-9]+)*$", "", stem)
    name = re.sub(r"[^a-z0-9]+", "-", stem).strip("-").lstrip("0123456789-")[:40].rstrip("-")
    return name or "feed"


def _find_key(columns: Sequence[Column], rows: Sequence[tuple[str, ...]]) -> _Key:
    """The column, or the pair of columns, that is different in every record; the likeliest by name first."""
    named = [
        (index, column)
        for index, column in enumerate(columns)
        if len(column.name.encode()) <= _KEY_NAME_BYTES
    ]
    if not named:
        raise UsageError("every column's name is longer than a key's can be (255 bytes); is this a CSV file?")
    usable = [
        (index, column)
        for index, column in named
        if column.guess.type in _KEY_TYPES and (column.required or not rows)
    ]
    usable.sort(key=lambda item: (_rank(item[1]), item[0]))
    for index, column in usable:
        if _unique(rows, (index,)):
            doubt = (
                None if _rank(column) < 2 else "this column has no value twice in the sample; is it the key?"
            )
            return _Key((column.name,), doubt or _few(rows))
    for (one, first), (two, second) in itertools.combinations(usable[:12], 2):
        if _unique(rows, (one, two)):
            pair = sorted((first, second), key=lambda column: len(column.distinct))
            doubt = "no column, but this pair has no values twice in the sample; is it the key?"
            return _Key(tuple(column.name for column in pair), doubt)
    doubt = (
        "no column or pair of columns is different in every record; of rows with one key the last is loaded"
    )
    return _Key(((usable or named)[0][1].name,), doubt)


def _rank(column: Column) -> int:
    words = re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", column.name).lower())
    if words[-1] not in _KEY_NAMES:
        return 2 if column.guess.type in {"string", "integer"} else 3
    return 0 if len(words) == 1 else 1


def _unique(rows: Sequence[tuple[str, ...]], indexes: tuple[int, ...]) -> bool:
    return len({tuple(row[index] for index in indexes) for row in rows}) == len(rows)


def _few(rows: Sequence[tuple[str, ...]]) -> str | None:
    return f"the sample has only {len(rows)} records; is it the key?" if len(rows) < 20 else None


def _usable_key(column: Column) -> Column:
    """The column with a type that a key can have."""
    if column.guess.type in _KEY_TYPES:
        return column
    doubt = f"its values look like type {column.guess.type}, which can't be a key"
    guess = Guess("string", {}, (doubt, *column.guess.unsure))
    return Column(column.name, guess, column.missing, column.required, column.distinct)


def _write_head(sample: Path, sniffed: Sniffed) -> Iterator[str]:
    extent = "all of it" if sniffed.whole else "its first 10 MB"
    yield from _comment(
        f"Proposed from {sample.name} ({extent}: {len(sniffed.rows)} records). Read it, decide what is", ""
    )
    yield "# marked `unsure`, then judge files by it: penstock check CONTRACT FILE"


def _write_source(feed: str, file: str, sniffed: Sniffed, *, exact: bool) -> Iterator[str]:
    yield f"source:\n  prefix: incoming/{feed}/  # a folder of the landing bucket"
    found = re.search(r"\.[a-z0-9]{1,8}(\.gz)?$", file, re.IGNORECASE)
    yield f"  suffix: {_scalar(found[0] if found else '.csv')}"
    for doubt in sniffed.unsure:
        yield from _comment(f"unsure: {doubt}", "  ")
    if not sniffed.header:
        yield from _comment("unsure: the first record looks like data, so that there is no header", "  ")
    dialect: dict[str, Any] = {"delimiter": sniffed.delimiter}
    if sniffed.quote != '"':
        dialect["quoteChar"] = sniffed.quote
    dialect |= {"header": sniffed.header, "encoding": sniffed.encoding}
    if exact:
        dialect["caseSensitiveHeader"] = True
    yield f"  dialect: {_mapping(dialect)}"


def _write_field(column: Column, doubts: Iterable[str]) -> Iterator[str]:
    for doubt in (*doubts, *column.guess.unsure):
        yield from _comment(f"unsure: {doubt}", "    ")
    field: dict[str, Any] = {"name": column.name, "type": column.guess.type, **column.guess.properties}
    if column.missing:
        field["missingValues"] = ["", *column.missing]
    if column.required:
        field["constraints"] = {"required": True}
    yield f"    - {_mapping(field)}"


def _write_load(feed: str, key: _Key) -> Iterator[str]:
    yield f"load:\n  table: {feed if len(feed) > 2 else f'{feed}-table'}"
    if key.unsure:
        yield from _comment(f"unsure: {key.unsure}", "  ")
    for kind, name in zip(("partition_key", "sort_key"), key.columns, strict=False):
        yield f"  {kind}: {_scalar(name)}"


def _comment(text: str, indent: str) -> Iterator[str]:
    safe = "".join(
        character if character.isprintable() else json.dumps(character)[1:-1] for character in text
    )
    yield f"{indent}# {safe}"


def _mapping(values: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in values.items()) + "}"


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return _mapping(value)
        case list():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case _:
            return _scalar(str(value))


def _scalar(text: str) -> str:
    """The text in YAML, plain where nothing could take it for anything else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
        return text
    # JSON's quoted texts are YAML's, if what YAML would fold or refuse is escaped.
    return json.dumps(text, ensure_ascii=not text.isprintable())
