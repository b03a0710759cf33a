"""DynamoDB's condition and update expressions, as far as Penstock writes them, by the developer guide's grammar.

What is not known here is refused, as is what the service refuses: names and values that are not defined, and those that are
defined and not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any, Final

Attribute = dict[str, Any]
Item = dict[str, Attribute]

EXACT: Final = Context(prec=40)
_TOKEN: Final = re.compile(r"\s*(<>|<=|>=|[=<>(),+\-.\[\]]|[:#]?\w+)")
_KEYWORDS: Final = {"AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE"}
_RESERVED: Final = {
    "status",
    "key",
    "name",
    "count",
    "value",
    "size",
    "range",
    "partition",
    "order",
    "ttl",
    "bytes",
}
"""Of DynamoDB's 573 reserved words, those that somebody here may be tempted to use."""


class ExpressionError(Exception):
    """The service refuses the expression."""


@dataclass
class Parser:
    """Reads one expression. The request's names and values that it uses are noted."""

    text: str
    names: Mapping[str, str]
    values: Mapping[str, Attribute]
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._tokens = _TOKEN.findall(self.text)
        if "".join(self._tokens) != re.sub(r"\s", "", self.text):
            raise ExpressionError(f"not an expression: {self.text}")
        self._place = 0

    def peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        token = self.peek()
        if not token or (wanted is not None and token.upper() != wanted):
            raise ExpressionError(
                f"{wanted or 'more'} is due in {self.text}, and there is {token or 'an end'}"
            )
        self._place += 1
        return token

    def takes(self, wanted: str) -> bool:
        """Take a token if it is the one."""
        if self.peek().upper() != wanted:
            return False
        self._place += 1
        return True

    def name(self) -> str:
        token = self.take()
        if token.startswith("#"):
            self.used.add(token)
            if token not in self.names:
                raise ExpressionError(f"the name {token} is not defined")
            return self.names[token]
        if not re.fullmatch(r"[A-Za-z]\w*", token) or token.upper() in _KEYWORDS:
            raise ExpressionError(f"{token} is no name")
        if token.lower() in _RESERVED:
            raise ExpressionError(f"{token} is a reserved word")
        return token

    def value(self) -> Attribute:
        token = self.take()
        self.used.add(token)
        if not token.startswith(":") or token not in self.values:
            raise ExpressionError(f"the value {token} is not defined")
        return self.values[token]

    def path(self) -> tuple[str, ...]:
        parts = [self.name()]
        while self.takes("."):
            parts.append(self.name())
        return tuple(parts)

    def end(self) -> None:
        if self.peek():
            raise ExpressionError(f"nothing is due after {self.text!r} up to {self.peek()}")


def look_up(item: Item, path: tuple[str, ...]) -> Attribute | None:
    """Give the attribute at a path, or None."""
    found: Any = {"M": item}
    for part in path:
        if found is None or "M" not in found:
            return None
        found = found["M"].get(part)
    return found  # type: ignore[no-any-return]


def as_number(text: str) -> Decimal:
    """Give a number as it is compared: exactly."""
    return EXACT.create_decimal(text)


def same(left: Attribute, right: Attribute) -> bool:
    """Tell whether two attributes are equal: of one type, and numbers by what they are worth."""
    ((one, a),) = left.items()
    ((two, b),) = right.items()
    if one != two:
        return False
    if one == "N":
        return as_number(a) == as_number(b)
    if one == "M":
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if one == "L":
        return len(a) == len(b) and all(map(same, a, b))
    return bool(sorted(a) == sorted(b) if one in {"SS", "NS", "BS"} else a == b)


def _compare(left: Attribute | None, sign: str, right: Attribute | None) -> bool:
    if left is None or right is None:
        return sign == "<>"  # what is not there compares with nothing, and so is unlike everything
    if sign in {"=", "<>"}:
        return same(left, right) == (sign == "=")
    ((one, a),) = left.items()
    ((two, b),) = right.items()
    if one != two or one not in {"S", "N", "B"}:
        return False
    x, y = (as_number(a), as_number(b)) if one == "N" else (a.encode(), b.encode())
    return {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[sign]


Condition = Callable[[Item], bool]


def parse_condition(parser: Parser) -> Condition:
    """Read a condition to its end, and give what tells whether it holds of an item."""
    found = _either(parser)
    parser.end()
    return found


def _either(parser: Parser) -> Condition:
    found = _both(parser)
    while parser.takes("OR"):
        left, right = found, _both(parser)
        found = _join(left, right, any)
    return found


def _both(parser: Parser) -> Condition:
    found = _single(parser)
    while parser.takes("AND"):
        left, right = found, _single(parser)
        found = _join(left, right, all)
    return found


def _join(left: Condition, right: Condition, how: Callable[[list[bool]], bool]) -> Condition:
    return lambda item: how([left(item), right(item)])


def _single(parser: Parser) -> Condition:
    if parser.takes("NOT"):
        negated = _single(parser)
        return lambda item: not negated(item)
    if parser.takes("("):
        found = _either(parser)
        parser.take(")")
        return found
    function = parser.peek().lower()
    if function in {"attribute_exists", "attribute_not_exists", "begins_with"}:
        return _function(parser, parser.take().lower())
    left = _operand(parser)
    if parser.takes("IN"):
        parser.take("(")
        choices = [_operand(parser)]
        while parser.takes(","):
            choices.append(_operand(parser))
        parser.take(")")
        return lambda item: any(_compare(left(item), "=", choice(item)) for choice in choices)
    if parser.takes("BETWEEN"):
        low = _operand(parser)
        parser.take("AND")
        high = _operand(parser)
        return lambda item: _compare(left(item), ">=", low(item)) and _compare(left(item), "<=", high(item))
    sign = parser.take()
    if sign not in {"=", "<>", "<", "<=", ">", ">="}:
        raise ExpressionError(f"{sign} compares nothing")
    right = _operand(parser)
    return lambda item: _compare(left(item), sign, right(item))


def _function(parser: Parser, name: str) -> Condition:
    parser.take("(")
    path = parser.path()
    if name == "begins_with":
        parser.take(",")
        start = parser.value()
    parser.take(")")
    if name == "begins_with":
        return lambda item: str((look_up(item, path) or {}).get("S", "")).startswith(start["S"])
    return lambda item: (look_up(item, path) is not None) == (name == "attribute_exists")


def _operand(parser: Parser) -> Callable[[Item], Attribute | None]:
    if parser.peek().startswith(":"):
        value = parser.value()
        return lambda _item: value
    path = parser.path()
    return lambda item: look_up(item, path)


def apply_update(parser: Parser, old: Item) -> Item:
    """Read an update to its end, and give the item that it makes of ``old``, by whose values everything is computed."""
    new: Item = {**old}
    changed: set[str] = set()
    while parser.peek():
        clause = parser.take().upper()
        if clause not in {"SET", "REMOVE", "ADD"}:
            raise ExpressionError(f"{clause} begins no clause that is known here")
        while True:
            (name,) = parser.path()  # only whole attributes are changed here
            if name in changed:
                raise ExpressionError(f"two paths overlap: {name}")
            changed.add(name)
            if clause == "SET":
                parser.take("=")
                new[name] = _sum(parser, old)
            elif clause == "REMOVE":
                new.pop(name, None)
            else:
                new[name] = _add(old.get(name, {"N": "0"}), parser.value(), "+")
            if not parser.takes(","):
                break
    return new


def _sum(parser: Parser, old: Item) -> Attribute:
    found = _term(parser, old)
    while parser.peek() in {"+", "-"}:
        sign = parser.take()
        found = _add(found, _term(parser, old), sign)
    return found


def _term(parser: Parser, old: Item) -> Attribute:
    if parser.peek().startswith(":"):
        return parser.value()
    if parser.takes("IF_NOT_EXISTS"):
        parser.take("(")
        path = parser.path()
        parser.take(",")
        default = _term(parser, old)
        parser.take(")")
        return look_up(old, path) or default
    found = look_up(old, parser.path())
    if found is None:
        raise ExpressionError("an attribute that is not there is no operand")
    return found


def _add(left: Attribute, right: Attribute, sign: str) -> Attribute:
    if "N" not in left or "N" not in right:
        raise ExpressionError("only numbers are added")
    a, b = as_number(left["N"]), as_number(right["N"])
    total = EXACT.add(a, b) if sign == "+" else EXACT.subtract(a, b)
    return {"N": f"{total.normalize():f}"}
