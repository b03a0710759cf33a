"""Functions of texts: by code points, and on bytes where that is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from penstock.compile.query.casts import cast_term
from penstock.compile.query.dialects import Dialect
from penstock.compile.query.signatures import Function
from penstock.compile.query.terms import Term, cast, make
from penstock.compile.query.types import BOOLEAN, COUNT, TEXT
from penstock.compile.terms import RefusedError

MAX_REPLACEMENT: Final = 100


def _texts(terms: Sequence[Term]) -> list[Term]:
    return [cast(term, TEXT) if term.kind == "null" else term for term in terms]


def _same(name: str, sql_type: str = TEXT, spark: str | None = None) -> Callable[[Sequence[Term]], Term]:
    """Give what writes a call, whose numbers are written as they are."""

    def build(terms: Sequence[Term]) -> Term:
        def write(d: Dialect, *xs: str) -> str:
            arguments = [
                str(t.literal) if isinstance(t.literal, int) else x for t, x in zip(terms, xs, strict=True)
            ]
            called = f"{(spark or name) if d.is_spark else name}({', '.join(arguments)})"
            return d.cast(called, sql_type) if sql_type == COUNT else called

        return make(sql_type, write, *_texts(terms))

    return build


def _concat(terms: Sequence[Term]) -> Term:
    texts = [cast_term(term, TEXT) for term in terms]

    def write(_: Dialect, *xs: str) -> str:
        parts = ", ".join(f"coalesce({x}, '')" for x in xs)
        return f"concat({parts})"

    return make(TEXT, write, *texts)


def _concat_ws(terms: Sequence[Term]) -> Term:
    texts = [cast_term(term, TEXT) for term in terms]
    return make(TEXT, lambda _, *xs: f"concat_ws({', '.join(xs)})", *texts)


def _trim(name: str, side: str) -> Function:
    def build(terms: Sequence[Term]) -> Term:
        def write(d: Dialect, x: str, characters: str) -> str:
            return f"trim({side} {characters} FROM {x})" if d.is_spark else f"{name}({x}, {characters})"

        return make(TEXT, write, *_texts(terms))

    return Function(("text", "'x'"), build)


def _replace(terms: Sequence[Term]) -> Term:
    replacement = terms[2].literal
    if not isinstance(replacement, str) or len(replacement) > MAX_REPLACEMENT:
        raise RefusedError(
            f"the replacement of `replace` must be a text written out, of at most {MAX_REPLACEMENT} characters"
        )
    return _same("replace")(terms)


def _sha256(terms: Sequence[Term]) -> Term:
    return make(TEXT, lambda d, x: f"sha2({x}, 256)" if d.is_spark else f"sha256({x})", *_texts(terms))


TEXTS: Final[Mapping[str, Function]] = {
    "concat": Function(("any",), _concat, repeats=True),
    "concat_ws": Function(("text", "any"), _concat_ws, repeats=True),
    "contains": Function(("text", "text"), _same("contains", BOOLEAN)),
    "ends_with": Function(("text", "text"), _same("ends_with", BOOLEAN, "endswith")),
    "instr": Function(("text", "'x'"), _same("instr", COUNT)),
    "left": Function(("text", "n"), _same("left")),
    "len": Function(("text",), _same("length", COUNT)),
    "length": Function(("text",), _same("length", COUNT)),
    "lpad": Function(("text", "width", "'x'"), _same("lpad")),
    "ltrim": _trim("ltrim", "LEADING"),
    "md5": Function(("text",), _same("md5")),
    "prefix": Function(("text", "text"), _same("starts_with", BOOLEAN, "startswith")),
    "replace": Function(("text", "'x'", "text"), _replace),
    "right": Function(("text", "n"), _same("right")),
    "rpad": Function(("text", "width", "'x'"), _same("rpad")),
    "rtrim": _trim("rtrim", "TRAILING"),
    "sha1": Function(("text",), _same("sha1")),
    "sha256": Function(("text",), _sha256),
    "split_part": Function(("text", "'x'", "1"), _same("split_part")),
    "starts_with": Function(("text", "text"), _same("starts_with", BOOLEAN, "startswith")),
    "strpos": Function(("text", "'x'"), _same("instr", COUNT)),
    "substr": Function(("text", "1", "n"), _same("substring"), optional=1),
    "substring": Function(("text", "1", "n"), _same("substring"), optional=1),
    "suffix": Function(("text", "text"), _same("ends_with", BOOLEAN, "endswith")),
    "trim": _trim("trim", "BOTH"),
}
