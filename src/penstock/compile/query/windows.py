"""Window functions, in an order that leaves nothing to chance.

Where rows that the user's ORDER BY takes for equal could come in either order and change a value, all columns of the
window's input are appended to it. What is equal then can't be told apart, so that it does not matter which comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlglot import exp

from penstock.compile.query.aggregates import aggregate, find_aggregate
from penstock.compile.query.dialects import Dialect
from penstock.compile.query.group import refuse_aggregates
from penstock.compile.query.relations import Context, Text
from penstock.compile.query.scope import column_term
from penstock.compile.query.terms import Term, align, make, varying
from penstock.compile.query.translate import Special, Translator
from penstock.compile.query.types import COUNT, UNKNOWN
from penstock.compile.terms import RefusedError

_RANKS: Final = ("rank", "dense_rank")
_NUMBERS: Final = ("row_number", "ntile")
_VALUES: Final = ("first_value", "last_value")
_SHIFTS: Final = ("lag", "lead")
FUNCTIONS: Final = (*_NUMBERS, *_RANKS, *_SHIFTS, *_VALUES)

_REFUSED: Final = {
    **dict.fromkeys(
        ("percent_rank", "cume_dist"), "its result is a floating-point number, which loses digits"
    ),
    **dict.fromkeys(
        ("first", "last", "nth_value"), "write first_value, last_value, or row_number() and QUALIFY"
    ),
}
_OVER: Final = "\0OVER\0"
_START: Final = "UNBOUNDED PRECEDING"
_END: Final = "UNBOUNDED FOLLOWING"
_HERE: Final = "CURRENT ROW"


class Windows:
    """The windows of a SELECT: columns ``w0``, ``w1``, ... beside those of the relation ``alias``, which are all its ``columns``."""

    def __init__(self, context: Context, node: exp.Select, alias: str, columns: Sequence[Term]) -> None:
        self._context, self._alias, self._columns = context, alias, tuple(columns)
        self._named = {
            window.name.casefold(): window
            for window in node.args.get("windows") or ()
            if isinstance(window, exp.Window)
        }
        self._found: list[Term] = []

    def special(self, other: Special | None) -> Special:
        """Give what translates windows; anything else is left to ``other``."""
        below = other if other is not None else refuse_aggregates("here")

        def special(t: Translator, node: exp.Expr) -> Term | None:
            if isinstance(node, exp.Window):
                inner = Translator(t.scope, t.handlers, t.problems, below)
                return self._window(inner, node)
            return below(t, node)

        return special

    def text(self, dialect: Dialect) -> str:
        """Write the columns of all windows, each after a comma."""
        return "".join(
            f", {term.text(dialect)} AS {dialect.identifier(f'w{i}')}" for i, term in enumerate(self._found)
        )

    def _window(self, t: Translator, node: exp.Window) -> Term:
        spec = self._spec(node)
        call = node.this
        name = call.name.lower() if isinstance(call, exp.Anonymous) else ""
        if find_aggregate(call) is not None and name not in _REFUSED:
            total = self._over(t, spec, *_frame_of_aggregate(spec))
            term = _put(aggregate(t, call, _OVER), total)
        elif name in FUNCTIONS:
            term = self._function(t, name, call, spec)
        else:
            reason = _REFUSED.get(
                name, f"it is not among the window functions: {', '.join(FUNCTIONS)} and the aggregates"
            )
            raise RefusedError(f"the window function `{name or call.sql('duckdb')}` can't be used: {reason}")
        self._context.use(term)
        known = [found.duckdb for found in self._found]
        if term.duckdb not in known:
            self._found.append(term)
            known.append(term.duckdb)
        return column_term(self._alias, f"w{known.index(term.duckdb)}", term.sql_type, term)

    def _spec(self, node: exp.Window) -> exp.Window:
        """Give the window that is meant: its own, or the one that WINDOW names."""
        own = {key for key, value in node.args.items() if value} - {"this", "over"}
        if own - {"partition_by", "order", "spec", "alias"}:
            raise RefusedError("a window is PARTITION BY, ORDER BY, and a frame of ROWS or RANGE")
        if not node.args.get("alias"):
            return node
        found = self._named.get(node.alias.casefold())
        if found is None:
            raise RefusedError(f"no WINDOW is called `{node.alias}`")
        if own != {"alias"} or found.args.get("alias"):
            raise RefusedError("a window that WINDOW names can't be changed where it is used")
        return found

    def _function(self, t: Translator, name: str, call: exp.Anonymous, spec: exp.Window) -> Term:
        if spec.args.get("order") is None:
            raise RefusedError(f"`{name}` needs ORDER BY: rows have no order by themselves")
        if name in _RANKS or name in _NUMBERS:
            return self._number(t, name, call, spec)
        terms = t.parts(*call.expressions)
        most = 3 if name in _SHIFTS else 1
        if not 1 <= len(terms) <= most:
            raise RefusedError(
                f"`{name}` takes {'1 to 3 arguments' if most == 3 else '1 argument'}, not {len(terms)}"
            )
        if terms[0].sql_type == UNKNOWN:
            raise RefusedError(f"NULL alone has no type in `{name}`")
        if name in _VALUES:
            frame = _frame_of_value(name, spec)
            return _put(
                make(terms[0].sql_type, lambda _, x: f"{name}({x}){_OVER}", varying(terms[0])),
                self._over(t, spec, frame, True),
            )
        _refuse_frame(name, spec)
        count = terms[1].literal if len(terms) > 1 else 1
        if not isinstance(count, int) or not 0 <= count <= 1_000_000:
            raise RefusedError(f"argument 2 of `{name}` must be a whole number written out")
        values = align([terms[0], *terms[2:]], f"`{name}` mixes")

        def build(_: Dialect, x: str, *default: str) -> str:
            return f"{name}({', '.join([x, str(count), *default])}){_OVER}"

        return _put(make(values[0].sql_type, build, *map(varying, values)), self._over(t, spec, "", True))

    def _number(self, t: Translator, name: str, call: exp.Anonymous, spec: exp.Window) -> Term:
        _refuse_frame(name, spec)
        argument = ""
        if name == "ntile":
            terms = t.parts(*call.expressions)
            if (
                len(terms) != 1
                or not isinstance(terms[0].literal, int)
                or not 1 <= terms[0].literal <= 1_000_000
            ):
                raise RefusedError("`ntile` takes a whole number from 1 on, written out")
            argument = str(terms[0].literal)
        elif call.expressions:
            raise RefusedError(f"`{name}` takes no arguments")
        term = make(COUNT, lambda d: d.cast(f"{name}({argument}){_OVER}", COUNT))
        # Of ranks all rows that are equal have the same: it is no matter which comes first.
        return _put(term, self._over(t, spec, "", name in _NUMBERS))

    def _over(self, t: Translator, spec: exp.Window, frame: str, total: bool) -> Text:
        """Write OVER (...). ``total``: the order is made one in which no two rows that differ are equal."""
        parts = [self._context.use(term) for term in t.parts(*(spec.args.get("partition_by") or ()))]
        order = spec.args.get("order")
        keys = [self._key(t, key) for key in (order.expressions if order is not None else ())]
        given = {term.duckdb for term, _ in keys} | {term.duckdb for term in parts}
        if total:
            keys += [(column, "ASC NULLS FIRST") for column in self._columns if column.duckdb not in given]

        def build(d: Dialect) -> str:
            inner = []
            if parts:
                inner.append(f"PARTITION BY {', '.join(term.text(d) for term in parts)}")
            if keys:
                inner.append(f"ORDER BY {', '.join(f'{term.text(d)} {way}' for term, way in keys)}")
            return f" OVER ({' '.join([*inner, *([frame] if frame else [])])})"

        return Text.of(build)

    def _key(self, t: Translator, key: exp.Expr) -> tuple[Term, str]:
        if not isinstance(key, exp.Ordered) or key.args.get("with_fill"):
            raise RefusedError(
                "ORDER BY in a window takes expressions, with ASC or DESC, and NULLS FIRST or LAST"
            )
        if isinstance(key.this, exp.Literal):
            raise RefusedError("ORDER BY in a window takes expressions: a number there is just itself")
        term = self._context.use(t.require(key.this))
        way = "DESC" if key.args.get("desc") else "ASC"
        return term, f"{way} NULLS {'FIRST' if key.args.get('nulls_first') else 'LAST'}"


def _put(term: Term, over: Text) -> Term:
    return replace(
        term, duckdb=term.duckdb.replace(_OVER, over.duckdb), spark=term.spark.replace(_OVER, over.spark)
    )


def _refuse_frame(name: str, spec: exp.Window) -> None:
    if spec.args.get("spec") is not None:
        raise RefusedError(f"`{name}` has no frame: leave {spec.args['spec'].args.get('kind') or 'it'} out")


def _frame_of_aggregate(spec: exp.Window) -> tuple[str, bool]:
    """Give the frame of an aggregate, and whether it depends on the order of rows that are equal."""
    found = _read_frame(spec)
    if found is None:
        return (f"RANGE BETWEEN {_START} AND {_HERE}" if spec.args.get("order") is not None else ""), False
    kind, start, end = found
    if kind == "ROWS" and spec.args.get("order") is None and (start, end) != (_START, _END):
        raise RefusedError("a frame of ROWS needs ORDER BY: rows have no order by themselves")
    return f"{kind} BETWEEN {start} AND {end}", kind == "ROWS" and (start, end) != (_START, _END)


def _frame_of_value(name: str, spec: exp.Window) -> str:
    found = _read_frame(spec)
    if found is None:
        if name == "last_value":
            raise RefusedError(
                "`last_value` needs a frame: ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING is what is mostly meant"
            )
        return f"ROWS BETWEEN {_START} AND {_HERE}"
    kind, start, end = found
    if kind == "RANGE" and (start, end) != (_START, _END):
        raise RefusedError(f"`{name}` takes a frame of ROWS: RANGE ends among rows that are equal")
    return f"ROWS BETWEEN {start} AND {end}"


def _read_frame(spec: exp.Window) -> tuple[str, str, str] | None:
    frame = spec.args.get("spec")
    if frame is None:
        return None
    kind = str(frame.args.get("kind") or "").upper()
    if kind not in ("ROWS", "RANGE") or frame.args.get("exclude"):
        raise RefusedError("a frame is of ROWS or RANGE, without EXCLUDE")
    start = _bound(frame, "start")
    end = _bound(frame, "end") if frame.args.get("end") else _HERE
    if kind == "RANGE" and (start, end) not in ((_START, _HERE), (_START, _END), (_HERE, _END)):
        raise RefusedError(
            "RANGE goes from UNBOUNDED PRECEDING or to UNBOUNDED FOLLOWING; write ROWS for a number of rows"
        )
    return kind, start, end


def _bound(frame: exp.WindowSpec, key: str) -> str:
    value, side = frame.args.get(key), str(frame.args.get(f"{key}_side") or "").upper()
    if isinstance(value, str) and value.upper() == _HERE:
        return _HERE
    if isinstance(value, str) and value.upper() == "UNBOUNDED" and side:
        found = f"UNBOUNDED {side}"
        if found == (_END if key == "start" else _START):
            raise RefusedError("a frame begins before it ends")
        return found
    if isinstance(value, exp.Literal) and value.name.isdecimal() and len(value.name) <= 9 and side:
        return f"{int(value.name)} {side}"
    raise RefusedError("a frame is bounded by UNBOUNDED, CURRENT ROW, or a number of rows written out")
