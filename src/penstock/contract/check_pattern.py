"""Whether a regular expression is one that the engine has: RE2 (https://github.com/google/re2/wiki/Syntax)."""

from __future__ import annotations

import re
from functools import cache

import duckdb

_CONSTRUCTS = (
    (r"\(\?[=!]", "look-ahead"),
    (r"\(\?<[=!]", "look-behind"),
    (r"\(\?>", "an atomic group"),
    (r"\(\?<[A-Za-z_]", "a group named as (?<name>; write (?P<name>"),
    (r"\(\?#", "a comment"),
    (r"\(\?\(", "a conditional group"),
    (r"\(\?R\)|\(\?[0-9]", "recursion"),
    (r"[*+?}]\+", "a possessive quantifier"),
    (r"\\[1-9]", "a reference back to a group"),
    (r"\\k[<{']", "a reference back to a group"),
    (r"\\[ZG]", "an anchor other than \\A, \\z, ^ and $"),
    (r"\\[ic]", "XML Schema's \\i or \\c"),
    (r"\{[0-9,]*[0-9]{4,}[0-9,]*\}", "a repetition of more than 1000"),
)


def pattern_problem(pattern: str) -> str | None:
    """Why the engine can't match by ``pattern``, naming the construct that it lacks; None where it can."""
    if re.search(r"\[[^\]\\]*-\[", pattern):
        # RE2 would read `[a-z-[aeiou]]` without complaint, as something else.
        return "the engine's regular expressions (RE2) have no class subtraction, such as [a-z-[aeiou]]"
    try:
        _closed_database().execute("SELECT regexp_full_match('', ?)", [pattern]).fetchall()
    except duckdb.Error as error:
        bare = re.sub(r"\\\\", "", pattern)
        for construct, name in _CONSTRUCTS:
            if re.search(construct, bare):
                return f"the engine's regular expressions (RE2) do not have {name}"
        reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        return f"is not a regular expression that the engine has (RE2): {reason}"
    return None


@cache
def _closed_database() -> duckdb.DuckDBPyConnection:
    """A database that reads nothing and whose configuration is locked: the pattern is somebody's text."""
    return duckdb.connect(
        ":memory:", config={"enable_external_access": False, "lock_configuration": True, "threads": 1}
    )
