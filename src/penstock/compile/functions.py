"""The functions that an expression may call: scalar, deterministic, exact, and unable to stop a statement.

Each is DuckDB's own function of that name. A function is here only if its value depends on its arguments alone, it
never gives a floating-point number, its memory is bounded by its arguments, and whatever it can fail with, TRY catches.
Anything else is refused by name; :data:`REFUSED` has the reasons worth telling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Parameter = Literal[
    "text",  # text
    "integer",  # a whole number; DuckDB takes it in 64 bits
    "number",  # a whole number or a decimal
    "boolean",
    "moment",  # a date or a timestamp
    "clock",  # a date, a timestamp or a time
    "list",
    "list of text",
    "text or list",
    "element",  # what the list before it holds
    "same",  # all of a call's are of one kind
    "any",  # anything that has a text form
    "replacement",  # text that takes the place of other text
    "separator",  # literals from here on: a text
    "pattern",
    "options",
    "group",
    "scale",
    "width",
    "part",
    "format",
]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes. Of ``parameters`` the last ``optional`` may be left out; ``repeats``: the last may repeat."""

    parameters: tuple[Parameter, ...]
    optional: int = 0
    repeats: bool = False

    def fits(self, count: int) -> bool:
        """Tell whether a call with this many arguments is one of this function."""
        least = len(self.parameters) - self.optional
        return count >= least if self.repeats else least <= count <= len(self.parameters)

    def parameter(self, index: int) -> Parameter:
        """Give the kind of the argument at an index."""
        return self.parameters[min(index, len(self.parameters) - 1)]

    def __str__(self) -> str:
        least = len(self.parameters) - self.optional
        shown = [f"[{name}]" if i >= least else name for i, name in enumerate(self.parameters)]
        return ", ".join([*shown, "..."] if self.repeats else shown)


_CHOICE: Final = {
    "coalesce": Signature(("same",), repeats=True),
    "greatest": Signature(("same",), repeats=True),
    "if": Signature(("boolean", "same", "same")),
    "ifnull": Signature(("same", "same")),
    "least": Signature(("same",), repeats=True),
    "nullif": Signature(("same", "same")),
}

_NUMBERS: Final = {
    "abs": Signature(("number",)),
    "ceil": Signature(("number",)),
    "ceiling": Signature(("number",)),
    "decimal_division": Signature(("number", "number", "scale")),
    "floor": Signature(("number",)),
    "mod": Signature(("number", "number")),
    "round": Signature(("number", "scale"), optional=1),
    "round_even": Signature(("number", "scale")),
    "sign": Signature(("number",)),
    "trunc": Signature(("number", "scale"), optional=1),
}

_TEXT: Final = {
    "array_to_string": Signature(("list of text", "separator")),
    "concat": Signature(("any",), repeats=True),
    "concat_ws": Signature(("text", "any"), repeats=True),
    "contains": Signature(("text", "text")),
    "ends_with": Signature(("text", "text")),
    "instr": Signature(("text", "text")),
    "lcase": Signature(("text",)),
    "left": Signature(("text", "integer")),
    "len": Signature(("text or list",)),
    "length": Signature(("text or list",)),
    "lower": Signature(("text",)),
    "lpad": Signature(("text", "width", "text")),
    "ltrim": Signature(("text", "text"), optional=1),
    "md5": Signature(("text",)),
    "nfc_normalize": Signature(("text",)),
    "prefix": Signature(("text", "text")),
    "replace": Signature(("text", "text", "replacement")),
    "reverse": Signature(("text",)),
    "right": Signature(("text", "integer")),
    "rpad": Signature(("text", "width", "text")),
    "rtrim": Signature(("text", "text"), optional=1),
    "sha1": Signature(("text",)),
    "sha256": Signature(("text",)),
    "split_part": Signature(("text", "text", "integer")),
    "starts_with": Signature(("text", "text")),
    "string_split": Signature(("text", "text")),
    "strip_accents": Signature(("text",)),
    "strlen": Signature(("text",)),
    "strpos": Signature(("text", "text")),
    "substr": Signature(("text", "integer", "integer"), optional=1),
    "substring": Signature(("text", "integer", "integer"), optional=1),
    "suffix": Signature(("text", "text")),
    "translate": Signature(("text", "text", "text")),
    "trim": Signature(("text", "text"), optional=1),
    "ucase": Signature(("text",)),
    "unicode": Signature(("text",)),
    "upper": Signature(("text",)),
    "url_encode": Signature(("text",)),
}

_PATTERNS: Final = {
    "regexp_escape": Signature(("text",)),
    "regexp_extract": Signature(("text", "pattern", "group", "options"), optional=2),
    "regexp_full_match": Signature(("text", "pattern", "options"), optional=1),
    "regexp_matches": Signature(("text", "pattern", "options"), optional=1),
    "regexp_replace": Signature(("text", "pattern", "replacement", "options"), optional=1),
    "regexp_split_to_array": Signature(("text", "pattern", "options"), optional=1),
}

_TIMES: Final = {
    "date_diff": Signature(("part", "moment", "moment")),
    "date_part": Signature(("part", "clock")),
    "date_trunc": Signature(("part", "moment")),
    "day": Signature(("moment",)),
    "dayname": Signature(("moment",)),
    "dayofweek": Signature(("moment",)),
    "dayofyear": Signature(("moment",)),
    "epoch_ms": Signature(("moment",)),
    "epoch_us": Signature(("moment",)),
    "hour": Signature(("clock",)),
    "isodow": Signature(("moment",)),
    "isoyear": Signature(("moment",)),
    "last_day": Signature(("moment",)),
    "make_date": Signature(("integer", "integer", "integer")),
    "make_timestamp": Signature(("integer",)),
    "make_timestamp_ms": Signature(("integer",)),
    "microsecond": Signature(("clock",)),
    "millisecond": Signature(("clock",)),
    "minute": Signature(("clock",)),
    "month": Signature(("moment",)),
    "monthname": Signature(("moment",)),
    "quarter": Signature(("moment",)),
    "second": Signature(("clock",)),
    "strftime": Signature(("moment", "format")),
    "strptime": Signature(("text", "format")),
    "to_days": Signature(("integer",)),
    "to_hours": Signature(("integer",)),
    "to_minutes": Signature(("integer",)),
    "to_months": Signature(("integer",)),
    "to_weeks": Signature(("integer",)),
    "to_years": Signature(("integer",)),
    "try_strptime": Signature(("text", "format")),
    "week": Signature(("moment",)),
    "weekofyear": Signature(("moment",)),
    "year": Signature(("moment",)),
    "yearweek": Signature(("moment",)),
}

_LISTS: Final = {
    "list_concat": Signature(("list", "list")),
    "list_contains": Signature(("list", "element")),
    "list_extract": Signature(("list", "integer")),
    "list_has_all": Signature(("list", "list")),
    "list_has_any": Signature(("list", "list")),
    "list_position": Signature(("list", "element")),
    "list_reverse_sort": Signature(("list",)),
    "list_sort": Signature(("list",)),
}

GROUPS: Final[dict[str, dict[str, Signature]]] = {
    "Choice": _CHOICE,
    "Numbers": _NUMBERS,
    "Text": _TEXT,
    "Regular expressions": _PATTERNS,
    "Dates and times": _TIMES,
    "Lists": _LISTS,
}

ALLOWED: Final[dict[str, Signature]] = {
    name: signature for group in GROUPS.values() for name, signature in group.items()
}

DATE_PARTS: Final = frozenset(
    [
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "dayofweek",
        "isodow",
        "dayofyear",
        "isoyear",
        "hour",
        "minute",
        "second",
        "millisecond",
        "microsecond",
    ]
)

_CLOCK: Final = "it depends on when it runs; `source.last_modified` is the file's own time, which a query has by `transform.set`"
_CHANCE: Final = "it gives another value each time"
_MEMORY: Final = "its result can be larger than the memory"
_FLOAT: Final = "its result is a floating-point number, which loses digits"

REFUSED: Final[dict[str, str]] = {
    **dict.fromkeys(
        [
            "age",
            "ago",
            "current_date",
            "current_datetime",
            "current_localtime",
            "current_localtimestamp",
            "current_time",
            "current_timestamp",
            "get_current_time",
            "get_current_timestamp",
            "localtime",
            "localtimestamp",
            "now",
            "today",
            "transaction_timestamp",
        ],
        _CLOCK,
    ),
    **dict.fromkeys(
        ["currval", "gen_random_uuid", "nextval", "random", "setseed", "setval", "uuid", "uuidv4", "uuidv7"],
        _CHANCE,
    ),
    **dict.fromkeys(
        [
            "current_catalog",
            "current_database",
            "current_query",
            "current_role",
            "current_schema",
            "current_schemas",
            "current_setting",
            "current_user",
            "getenv",
            "getvariable",
            "session_user",
            "user",
            "version",
        ],
        "it reads the settings of the machine it runs on",
    ),
    **dict.fromkeys(["array_resize", "bar", "generate_series", "list_resize", "range", "repeat"], _MEMORY),
    **dict.fromkeys(
        [
            "acos",
            "asin",
            "atan",
            "atan2",
            "cbrt",
            "cos",
            "degrees",
            "exp",
            "fdiv",
            "fmod",
            "ln",
            "log",
            "log10",
            "log2",
            "pi",
            "pow",
        ],
        _FLOAT,
    ),
    **dict.fromkeys(["power", "radians", "sin", "sqrt", "tan"], _FLOAT),
    "divide": "write `//` for whole numbers, or `decimal_division(a, b, 2)` with the number of decimal places",
    "epoch": f"{_FLOAT}; write `epoch_ms(x) // 1000`",
    "to_timestamp": "its result has a time zone; write `make_timestamp_ms(x * 1000)`",
    "chr": "it can make characters that are not text",
    "hash": "its value can change with the version of the database; write `sha256(x)`",
    "error": "it can't be caught; write a rule",
    "lag": "it needs more than one row",
    "lead": "it needs more than one row",
    "try": "an expression that fails rejects its row; that is decided for the whole expression",
}
