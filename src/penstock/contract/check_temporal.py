"""Whether a format of dates and times says which moment a text means: strptime's directives that leave no guess.

https://docs.python.org/3/library/datetime.html#strftime-and-strptime-behavior
"""

from __future__ import annotations

import re

YEAR = {"%Y", "%y"}
MONTH = {"%m", "%b", "%B", "%h"}
DAY = {"%d", "%e", "%j"}
HOUR = {"%H", "%I"}
REST_OF_TIME = {"%M", "%S", "%f", "%p", "%z"}
WEEKDAY = {"%a", "%A"}
KNOWN = YEAR | MONTH | DAY | HOUR | REST_OF_TIME | WEEKDAY | {"%%"}

_REFUSED = {
    "%c": "is the locale's own; write the directives out",
    "%x": "is the locale's own; write the directives out",
    "%X": "is the locale's own; write the directives out",
    "%Z": "names a time zone, and the names are ambiguous; use %z",
    "%U": "counts weeks; use month and day",
    "%W": "counts weeks; use month and day",
    "%V": "counts weeks; use month and day",
    "%G": "counts weeks; use month and day",
    "%u": "is a day of the week; use month and day",
    "%w": "is a day of the week; use month and day",
}


def format_problem(kind: str, form: str) -> str | None:
    """What is wrong with the format of a ``date``, ``time`` or ``datetime``; None where it is well."""
    if form == "default":
        return None
    if form == "any":
        return 'refused: "any" would be a guess for each cell; write the format, such as %d/%m/%Y'
    if "%" not in form:
        return f'"{form}" is neither default nor a pattern such as %d/%m/%Y'
    directives = re.findall(r"%.?", form, flags=re.DOTALL)
    for directive in directives:
        if directive not in KNOWN:
            return f"{directive} {_REFUSED.get(directive, 'is not a directive of strptime')}"
        if directive != "%%" and directives.count(directive) > 1:
            return f"{directive} stands twice"
    return _combination_problem(kind, set(directives))


def _combination_problem(kind: str, used: set[str]) -> str | None:
    dated, timed = used & (YEAR | MONTH | DAY | WEEKDAY), used & (HOUR | REST_OF_TIME)
    if kind == "date" and timed:
        return f"{min(timed)} is part of a time, and this is a date; use type datetime"
    if kind == "time" and dated:
        return f"{min(dated)} is part of a date, and this is a time; use type datetime"
    for group, name in ((YEAR, "year"), (MONTH, "month"), (DAY, "day"), (HOUR, "hour")):
        if len(used & group) > 1:
            return f"gives the {name} twice"
    problem = None if kind == "time" else _date_problem(used)
    # A datetime without a time is the beginning of its day.
    return problem or (_time_problem(used) if timed or kind == "time" else None)


def _date_problem(used: set[str]) -> str | None:
    has = {"year": used & YEAR, "month": used & (MONTH | {"%j"}), "day": used & DAY}
    for name, directives in has.items():
        if not directives:
            return f"has no {name}"
    return "%j is the day of the year, and there is a month too" if "%j" in used and used & MONTH else None


def _time_problem(used: set[str]) -> str | None:
    if not used & HOUR:
        return "has no hour"
    if ("%I" in used) != ("%p" in used):
        return "%I and %p belong together: twelve hours and their half of the day"
    if "%S" in used and "%M" not in used:
        return "has seconds without minutes"
    return "has a fraction without seconds" if "%f" in used and "%S" not in used else None
