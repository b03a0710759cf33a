"""RE2 patterns that decide whether a cell is of its type, calendar included.

They are matched against the whole cell. Each decides alone: no cast is asked, because DuckDB's casts take ``1.5``
for an integer, ``1_000``, ``0x10``, and ``infinity`` as a date.
"""

from __future__ import annotations

import re
from typing import Final

INTEGER: Final = r"[+-]?[0-9]+"
DECIMAL: Final = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
NUMBER: Final = DECIMAL + r"(?:[eE][+-]?[0-9]+)?"

PLAIN_INTEGER: Final = r"-?[1-9][0-9]*|0"
PLAIN_DECIMAL: Final = r"(?:-?[1-9][0-9]*|0)(?:\.[0-9]+)?|-0\.[0-9]*[1-9][0-9]*"
"""Numbers as most are written: no sign but the minus, no zeros before them, and zero itself without a sign."""

YEAR: Final = r"(?:[0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})"
"""0001 to 9999: the years that ISO 8601 needs no agreement for, and that DATE, Python and people mean the same by."""

_LEAP_YEAR: Final = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_MONTH_DAY: Final = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
YEARMONTH: Final = rf"{YEAR}-(?:0[1-9]|1[0-2])"
DATE: Final = rf"(?:{YEAR}-{_MONTH_DAY}|{_LEAP_YEAR}-02-29)"
OFFSET: Final = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
TIME: Final = rf"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{{1,9}})?{OFFSET}?"
DATETIME: Final = rf"{DATE}T{TIME}"

DURATION: Final = (
    r"-?P(?:[0-9]+W"
    r"|(?:[0-9]+Y(?:[0-9]+M)?(?:[0-9]+D)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
    r"(?:T(?:[0-9]+H(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?|[0-9]+M(?:[0-9]+(?:\.[0-9]+)?S)?|[0-9]+(?:\.[0-9]+)?S))?"
    r"|T(?:[0-9]+H(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?|[0-9]+M(?:[0-9]+(?:\.[0-9]+)?S)?|[0-9]+(?:\.[0-9]+)?S))"
)
"""XML Schema's duration, which Table Schema names, and ISO 8601's weeks."""

UUID: Final = r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
BASE64: Final = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"
"""RFC 4648, section 4, padded: what DynamoDB takes for a binary. The bits that the padding leaves over are zero, so that
one value has one text (section 3.5): two texts of one key would be two rows here, and one item there."""

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
EMAIL: Final = rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}"
"""RFC 5321's dot-string at a domain of two labels or more: no comments, quotes or address literals."""

_URI_CHARACTER: Final = r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
_AUTHORITY_CHARACTER: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_PATH_CHARACTER: Final = r"(?:[A-Za-z0-9._~:/@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
URI: Final = (
    rf"[A-Za-z][A-Za-z0-9+.-]*:(?:(?://(?:{_AUTHORITY_CHARACTER}*"
    rf"|(?:{_AUTHORITY_CHARACTER}*@)?\[[0-9A-Fa-f:.]+\](?::[0-9]*)?)(?:/{_PATH_CHARACTER}*)?)"
    rf"|/|/?(?:[A-Za-z0-9._~:@!$&'()*+,;=-]|%[0-9A-Fa-f]{{2}}){_PATH_CHARACTER}*|)"
    rf"(?:\?{_URI_CHARACTER}*)?(?:#{_URI_CHARACTER}*)?"
)
"""RFC 3986 with its scheme; characters beyond ASCII are percent-encoded there."""


def escaped(text: str) -> str:
    """Write text as an RE2 pattern that matches itself."""
    return re.sub(r"([^A-Za-z0-9\x80-\U0010ffff])", lambda found: f"\\x{{{ord(found[1]):x}}}", text)
