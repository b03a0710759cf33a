"""A row in the making: what the steps of :mod:`penstock.compile.steps` and the items build on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock import verdicts
from penstock.compile.encode import attribute_json, attribute_type_of, canonical_text, item_checks
from penstock.compile.expressions import Column, Expression, compile_expression
from penstock.compile.layers import Faults, Layers, all_of, any_of
from penstock.compile.sql import Pieces
from penstock.contract.model import AttributeType, Contract, FieldModel, MissingValue
from penstock.errors import ContractError
from penstock.plan.model import Check, Codec

UNUSABLE = "NULL"
"""The SQL that stands for an expression with a problem; a contract's own may not be NULL."""

CERTAINLY = "TRUE"
"""The condition that always holds: of plain rows, every field could be made."""

SOURCE_COLUMNS = {
    "source.key": Column("source.key", "source_key", "VARCHAR"),
    "source.line": Column("source.line", "source_line", "HUGEINT"),
    "source.last_modified": Column("source.last_modified", "source_last_modified", "TIMESTAMP"),
}


class NotPlainError(Exception):
    """No row of the contract can go the short way. Nobody need be told: all rows go the long one."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A value as keys and items see it: SQL of its canonical text and of its DynamoDB JSON.

    ``reads`` are the fields it is made of, ``sound`` the condition under which it could be made.
    """

    name: str
    text: str
    json: Pieces
    type: AttributeType
    sql_type: str
    reads: frozenset[str]
    sound: str
    present: bool

    @property
    def certain(self) -> bool:
        """Whether it is there in every row that is looked at: plain rows have all that is required."""
        return self.present and self.sound == CERTAINLY


@dataclass(slots=True)
class RowSql:
    """A row in the making: its layers, its faults, and what each name means so far.

    ``plain`` asks for the short way, which only rows take that fulfil all of ``plain_when`` (of each field what its
    cell must be) and have no fault.
    """

    contract: Contract
    cells: Layers
    judged: Layers
    faults: Faults = field(default_factory=Faults)
    codecs: list[Codec] = field(default_factory=list)
    scope: dict[str, Column] = field(default_factory=dict)
    reads: dict[str, frozenset[str]] = field(default_factory=dict)
    sound: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    names_used: set[str] = field(default_factory=set)
    read_by_prepare: dict[str, frozenset[str]] = field(default_factory=dict)
    may_not_fit: set[str] = field(default_factory=set)
    read_by_expressions: frozenset[str] = frozenset()
    needed_by_where: frozenset[str] = frozenset()
    needed_by_delete: frozenset[str] = frozenset()
    guarded: int = 0
    plain: bool = False
    plain_when: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    @property
    def tells_keys(self) -> bool:
        """Whether keys of rows that are rejected are asked for, because what a row had before stays where it has an error."""
        return keeps_manifest(self.contract) and not self.plain

    def compile(
        self, text: str, path: str, want: str | None = None, scope: Mapping[str, Column] | None = None
    ) -> Expression:
        """Compile an expression over the names known so far, or over a scope of its own.

        One that can't be used is noted in :attr:`problems` and gives :data:`UNUSABLE`, so that the others are looked at
        too; not where it speaks of a name that is broken itself, for then it only follows.
        """
        try:
            expression = compile_expression(text, self.scope if scope is None else scope, path, want=want)
        except ContractError as error:
            if not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in self.broken):
                self.problems.extend(error.problems)
            return Expression(UNUSABLE, want or "VARCHAR", frozenset())
        self.names_used |= expression.reads
        if scope is None:
            self.read_by_expressions |= self.fields_of(expression.reads)
        return expression

    def plain_sql(self, *others: str) -> str:
        """Write the condition that a plain row is one indeed, ``others`` being more that it takes; it is never NULL."""
        plain = [condition for conditions in self.plain_when.values() for condition in conditions]
        faults = any_of(fault.condition for fault in (*self.faults.cells, *self.faults.rows))
        # A fault that is unknown is none, and a cell that may be plain is not.
        return f"coalesce({all_of([*plain, *others])}, FALSE) AND NOT coalesce({faults}, FALSE)"

    def fields_of(self, names: frozenset[str]) -> frozenset[str]:
        """Give the fields that these names are made of."""
        return frozenset().union(*(self.reads[name] for name in names))

    def sound_when(self, names: frozenset[str]) -> str:
        """Give the condition under which these names have values: no cascades of errors from one bad cell."""
        return all_of(self.sound[name] for name in sorted(names) if name in self.sound)

    def guard(self, expression: Expression) -> tuple[str, str, str]:
        """Add the layers that compute an expression; give the columns of its value, of whether it could be computed,
        and the condition under which it failed by itself.

        TRY gives NULL for a failure; within a struct, a NULL result stays apart from it.
        """
        number, self.guarded = self.guarded, self.guarded + 1
        sound = self.sound_when(expression.reads)
        self.judged.add([(f"s{number}", f"TRY(struct_pack(v := {expression.sql}))")])
        self.judged.add(
            [(f"y{number}", f"s{number}.v"), (f"g{number}", f"{sound} AND s{number} IS NOT NULL")]
        )
        return f"y{number}", f"g{number}", f"{sound} AND s{number} IS NULL"


def keeps_manifest(contract: Contract) -> bool:
    """Tell whether a manifest of each object's items is kept from one version to the next."""
    return contract.load.mode == "mirror" or contract.load.skip_unchanged


def missing_texts(contract: Contract, field_: FieldModel) -> tuple[str, ...]:
    """Give the texts that mean "no value" in this field: its own or the schema's, and the dialect's null sequence."""
    values = contract.schema_.missing_values if field_.missing_values is None else field_.missing_values
    texts = [value.value if isinstance(value, MissingValue) else value for value in values]
    if contract.source.dialect.null_sequence is not None:
        texts.append(contract.source.dialect.null_sequence)
    return tuple(dict.fromkeys(texts))


def renamed(contract: Contract, name: str) -> str:
    """Give the name under which a field or derived value is loaded."""
    return contract.transform.rename.get(name, name)


def is_loaded(contract: Contract, name: str) -> bool:
    """Tell whether any item has this attribute: what no item has need not be what an item can hold."""
    items = contract.load.items
    kept = items is None or any(item.keep is None or name in item.keep or name in item.set for item in items)
    return kept and name not in contract.transform.drop


def derive_attribute(
    row: RowSql, name: str, value: str, sql_type: str, reads: frozenset[str], sound: str
) -> Attribute:
    """Give the attribute of a computed value, by the name under which it is loaded, and judge what no item can hold."""
    wanted = row.contract.load.types.get(name)
    for check in item_checks(value, sql_type, wanted) if is_loaded(row.contract, name) else ():
        unfit = Check(verdicts.ITEM_ERROR, name, f"the computed value {check.message}")
        row.faults.row(unfit, f"kept AND {sound} AND ({check.bad})", reads)
    return Attribute(
        name=name,
        text=canonical_text(value, sql_type),
        json=attribute_json(value, sql_type, wanted),
        type=wanted or attribute_type_of(sql_type),
        sql_type=sql_type,
        reads=reads,
        sound=sound,
        present=False,
    )
