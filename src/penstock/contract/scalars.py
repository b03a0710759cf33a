"""The small types of the contract's values: texts with a syntax, and limits that keep their digits."""

from __future__ import annotations

import math
import re
import zoneinfo
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    Tag,
    WithJsonSchema,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from penstock.contract.problem import suggest

T = TypeVar("T")

Many = Annotated[tuple[T, ...], Strict(strict=False)]
"""A sequence; a list is taken as well as a tuple, its members stay strict."""

UNION_TAGS = frozenset(
    {"(text)", "(list)", "(word)", "(value)", "(labelled)", "(field)", "(template)", "(timed)"}
)
"""The names of unions' branches: steps of pydantic's error paths that the document does not have."""

OneOrMany = Annotated[
    Annotated[str, Tag("(text)")] | Annotated[Many[str], Tag("(list)")],
    Discriminator(lambda value: "(list)" if isinstance(value, list | tuple) else "(text)"),
]
"""A name or a list of names."""

ENCODINGS: dict[str, Literal["utf-8", "latin-1", "cp1252"]] = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-1": "latin-1",
    "iso8859-1": "latin-1",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
}
"""The encodings by their usual spellings, and the one name each has in the model and the plan."""

LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""What CloudWatch Logs takes as a retention (PutRetentionPolicy)."""


def _keep_digits(value: Any) -> Any:
    """A number becomes its source text; what has none becomes the shortest text of its value."""
    if isinstance(value, bool | str):
        return value
    written = getattr(value, "written", None)
    if isinstance(written, str):
        return written
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        raise ValueError("a float does not keep its digits; give a text or a Decimal")  # noqa: TRY004 - pydantic's way
    raise ValueError(
        "must be a text, a number or a boolean; write a list or an object as the text of its JSON"
    )


def _canonical_encoding(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    name = ENCODINGS.get(value.strip().lower().replace("_", "-"))
    if name is not None:
        return name
    if value.lower().startswith(("utf-16", "utf16", "utf-32", "utf32")):
        raise ValueError(f'"{value}" is not a superset of ASCII; convert the files to UTF-8 before they land')
    raise ValueError(f'"{value}" is not supported; the encodings are utf-8, latin-1 and cp1252')


def _reject_limit(value: Any) -> Any:
    message = 'must be a count such as 100, or a share such as "5%" or "0.5%"'
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(message)  # noqa: TRY004 - pydantic turns a ValueError into a problem, a TypeError it lets through
    if isinstance(value, int):
        if value < 0:
            raise ValueError("can't be negative")
        return int(value)
    if not re.fullmatch(_SHARE, value):
        raise ValueError(message)
    if Decimal(value[:-1]) > 100:
        raise ValueError("can't be more than 100%")
    return value


def _share(value: Any) -> Any:
    if not isinstance(value, str) or not value.endswith("%"):
        raise ValueError('must be a share such as "1%" or "0.5%"')
    return _reject_limit(value)


def _megabytes(value: Any) -> Any:
    """A number of the document keeps its digits as text; here its value counts."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number of MB, such as 64 or 0.5")  # noqa: TRY004 - pydantic's way
    try:
        size = float(getattr(value, "written", value)) if isinstance(value, float) else value
    except ValueError:
        size = math.nan  # `.inf` and `.nan`, as YAML writes them
    if not 0.001 <= size <= 50_000_000:
        raise ValueError("must be 0.001 to 50000000 MB")
    return size


def _count_or_off(value: Any) -> Any:
    if isinstance(value, bool) or not (value == "off" or (isinstance(value, int) and value >= 1)):
        raise ValueError("must be a count such as 1, or off")
    return value if value == "off" else int(value)


def _share_or_off(value: Any) -> Any:
    written = isinstance(value, str) and re.fullmatch(_SHARE, value)
    if value != "off" and not (written and 0 < Decimal(value[:-1]) <= 100):
        raise ValueError('must be a share such as "5%", or off')
    return value


def _duration_or_off(value: Any) -> Any:
    if value != "off" and not (isinstance(value, str) and re.fullmatch(_DURATION, value)):
        raise ValueError("must be a number of minutes, hours or days such as 26 hours, or off")
    if value != "off" and not 600 <= duration_seconds(value) <= 366 * 86_400:
        raise ValueError("must be 10 minutes to 366 days, or off")
    return value


_SHARE = r"[0-9]{1,3}(\.[0-9]{1,9})?%"
_DURATION = "[1-9][0-9]{0,5} (minute|hour|day)s?"
_UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}


def duration_seconds(duration: str) -> int:
    """Give the seconds of a duration as a contract has it, such as ``26 hours``."""
    number, unit = duration.split(" ")
    return int(number) * _UNIT_SECONDS[unit.removesuffix("s")]


@dataclass(frozen=True, slots=True)
class _Matching:
    """Marks a text that a pattern must match as a whole, with a message for people where it does not."""

    pattern: str
    message: str

    def check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.message)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^{self.pattern}$"}


def _schedule(value: str) -> str:
    """Amazon EventBridge Scheduler's ``rate()`` and ``cron()`` (User Guide, "Schedule types")."""
    rate = re.fullmatch(r"rate\(([1-9][0-9]*) (minute|hour|day)(s?)\)", value)
    if rate:
        if (int(rate[1]) == 1) == bool(rate[3]):
            raise ValueError(f"{value} mixes singular and plural; write rate(1 hour) or rate(2 hours)")
        return value
    cron = re.fullmatch(r"cron\(([^()]*)\)", value)
    if not cron:
        raise ValueError("must be like rate(1 hour) or cron(0 6 * * ? *)")
    fields = cron[1].split()
    if len(fields) != 6:
        raise ValueError(
            f"cron() takes six fields (minutes hours day-of-month month day-of-week year), not {len(fields)}"
        )
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError("exactly one of cron()'s day-of-month and day-of-week must be ?")
    for field, kind in zip(fields, _CRON_FIELDS, strict=True):
        if not re.fullmatch(_CRON_FIELDS[kind], field):
            raise ValueError(f"cron()'s {kind} can't be {field}")
    return value


def _cron_field(value: str, extra: str = "") -> str:
    one = rf"{value}(?:-{value})?(?:/[1-9][0-9]*)?"
    return rf"(?:\*(?:/[1-9][0-9]*)?{extra}|{one}(?:,{one})*)"


_DAY = "(?:0?[1-9]|[12][0-9]|3[01])"
_MONTH = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_CRON_FIELDS = {
    "minutes": _cron_field("[0-5]?[0-9]"),
    "hours": _cron_field("(?:[01]?[0-9]|2[0-3])"),
    "day-of-month": _cron_field(_DAY, rf"|\?|L|LW|{_DAY}W"),
    "month": _cron_field(f"(?:0?[1-9]|1[0-2]|{_MONTH})"),
    "day-of-week": _cron_field("(?:[1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)", r"|\?|L|[1-7]L|[1-7]#[1-5]"),
    "year": _cron_field("(?:19[7-9][0-9]|2[01][0-9][0-9])"),
}


def _time_zone(value: str) -> str:
    """A name of the IANA Time Zone Database, which is what Scheduler takes."""
    known = zoneinfo.available_timezones() - {"Factory", "localtime"}
    if value not in known:
        raise ValueError(f"is no time zone of the IANA database such as Europe/Berlin{suggest(value, known)}")
    return value


Name = Annotated[str, Field(min_length=1)]
Limit = Annotated[
    str | bool, BeforeValidator(_keep_digits), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
"""A value of the field's own type. A number is kept as the text it was written with."""

Encoding = Annotated[Literal["utf-8", "latin-1", "cp1252"], BeforeValidator(_canonical_encoding),
                     WithJsonSchema({"enum": [*ENCODINGS, *map(str.upper, ENCODINGS)]})]  # fmt: skip
RejectLimit = Annotated[str | int, BeforeValidator(_reject_limit),
                        WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0},
                                                  {"type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]+)?%$"}]})]  # fmt: skip
Share = Annotated[str, BeforeValidator(_share),
                  WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]+)?%$"})]  # fmt: skip
Megabytes = Annotated[float, BeforeValidator(_megabytes),
                      WithJsonSchema({"type": "number", "minimum": 0.001, "maximum": 50_000_000})]  # fmt: skip
"""A size in MB of 2**20 bytes, from about a kilobyte, which trying it needs, to the largest object of S3 (50 TB)."""
Off = Literal["off"]
CountOrOff = Annotated[int | Off, BeforeValidator(_count_or_off),
                       WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "off"}]})]  # fmt: skip
ShareOrOff = Annotated[str, BeforeValidator(_share_or_off),
                       WithJsonSchema({"type": "string", "pattern": f"^({_SHARE}|off)$"})]  # fmt: skip
DurationOrOff = Annotated[str, BeforeValidator(_duration_or_off),
                          WithJsonSchema({"type": "string", "pattern": f"^({_DURATION}|off)$"})]  # fmt: skip
"""The threshold of an alarm, or ``off`` where there is to be none."""
Schedule = Annotated[str, AfterValidator(_schedule)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
FeedName = Annotated[
    str,
    _Matching(
        "[a-z][a-z0-9-]{0,39}",
        "must be lowercase letters, digits and hyphens, begin with a letter, at most 40",
    ),
]
TableName = Annotated[
    str, _Matching("[A-Za-z0-9_.-]{3,255}", "must be 3 to 255 letters, digits, underscores, dots and hyphens")
]
ProjectName = Annotated[
    str,
    _Matching(
        "[a-z][a-z0-9-]{0,29}",
        "must be lowercase letters, digits and hyphens, begin with a letter, at most 30",
    ),
]
REGION = _Matching(r"[a-z]{2,4}(-[a-z]+)+-[0-9]", "must be a region's name, like eu-central-1")
RegionName = Annotated[str, REGION]
BucketName = Annotated[
    str,
    _Matching(
        "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "must be a bucket's name: 3 to 63 lowercase letters, digits, dots and hyphens",
    ),
]
KeyArn = Annotated[
    str,
    _Matching(
        "arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+",
        "must be the ARN of a KMS key, like arn:aws:kms:eu-central-1:123456789012:key/...",
    ),
]
PolicyArn = Annotated[
    str,
    _Matching(
        r"arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+",
        "must be the ARN of a managed policy, like arn:aws:iam::123456789012:policy/boundary",
    ),
]
SubnetId = Annotated[str, _Matching("subnet-[0-9a-f]{8,17}", "must be a subnet's id, like subnet-0a1b2c3d")]
SecurityGroupId = Annotated[
    str, _Matching("sg-[0-9a-f]{8,17}", "must be a security group's id, like sg-0a1b2c3d")
]
EmailAddress = Annotated[str, _Matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "must be an e-mail address")]


def _without_fmt(value: str) -> str:
    """Table Schema: "an implementation MUST remove the prefix" of the standard's version 0."""
    return value.removeprefix("fmt:")


Format = Annotated[str, AfterValidator(_without_fmt)]


def _retention(value: int) -> int:
    if value not in LOG_RETENTION_DAYS:
        nearest = min(LOG_RETENTION_DAYS, key=lambda days: abs(days - value))
        raise ValueError(
            f"CloudWatch Logs does not keep logs for {value} days; the nearest that it takes is {nearest}"
        )
    return value


RetentionDays = Annotated[int, AfterValidator(_retention)]


def canonical_encoding(name: str) -> Literal["utf-8", "latin-1", "cp1252"]:
    """The one name that an encoding has in the plan. Raises ValueError, with a message for people, for any other."""
    found: Literal["utf-8", "latin-1", "cp1252"] = _canonical_encoding(name)
    return found
