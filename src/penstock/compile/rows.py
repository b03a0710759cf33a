"""From the text of cells to a judged row: the order of steps that every row goes through, as layers of SQL.

Columns of field ``i``: ``f`` the text of the file, ``q`` what ``prepare`` made of it, ``p`` the text to judge (NULL where
missing), ``d`` and ``j`` a codec's answers, ``ok`` whether it is of its type, ``t`` its canonical text, ``x`` its value for
expressions, ``u`` whether it does not fit that value's type. Of the expression ``j``: ``s`` its guarded result, ``y`` its
value, ``g`` whether it could be computed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock import verdicts
from penstock.compile.encode import attribute_json, attribute_type_of, canonical_text, item_checks
from penstock.compile.expressions import Column, Expression, compile_expression
from penstock.compile.layers import Faults, Layers, all_of
from penstock.compile.sql import literal
from penstock.compile.types import FieldSql, compile_field
from penstock.contract.model import AttributeType, Contract, FieldModel, MissingValue
from penstock.errors import ContractError
from penstock.plan.model import Check, Codec

UNUSABLE = "NULL"
"""The SQL that stands for an expression with a problem; a contract's own may not be NULL."""

SOURCE_COLUMNS = {
    "source.key": Column("source.key", "source_key", "VARCHAR"),
    "source.line": Column("source.line", "source_line", "HUGEINT"),
    "source.last_modified": Column("source.last_modified", "source_last_modified", "TIMESTAMP"),
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """A value as keys and items see it: SQL of its canonical text and of its DynamoDB JSON.

    ``reads`` are the fields it is made of, ``sound`` the condition under which it could be made.
    """

    name: str
    text: str
    json: str
    type: AttributeType
    sql_type: str
    reads: frozenset[str]
    sound: str
    present: bool


@dataclass(slots=True)
class RowSql:
    """A row in the making: its layers, its faults, and what each name means so far."""

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
    may_not_fit: set[str] = field(default_factory=set)
    read_by_expressions: frozenset[str] = frozenset()
    needed_by_where: frozenset[str] = frozenset()
    needed_by_delete: frozenset[str] = frozenset()
    guarded: int = 0
    problems: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

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


def _is_loaded(contract: Contract, name: str) -> bool:
    """Tell whether any item has this attribute: what no item has need not be what an item can hold."""
    items = contract.load.items
    kept = items is None or any(item.keep is None or name in item.keep or name in item.set for item in items)
    return kept and name not in contract.transform.drop


def read_cells(row: RowSql) -> None:
    """``prepare`` and missing values: from the text of the file to the text to judge."""
    contract = row.contract
    names = [f.name for f in contract.schema_.fields]
    texts = {name: Column(name, f"f{i}", "VARCHAR") for i, name in enumerate(names)}
    base = {name: f"f{i}" for i, name in enumerate(names)}
    guards = []
    for name, text in contract.transform.prepare.items():
        path = f"transform.prepare.{name}"
        expression = row.compile(text, path, "VARCHAR", {**texts, **SOURCE_COLUMNS})
        i = names.index(name)
        guards.append((f"q{i}", f"TRY(struct_pack(v := {expression.sql}))"))
        base[name] = f"q{i}.v"
        row.faults.cell(Check(verdicts.EXPRESSION_ERROR, name, f"{path} failed"), f"q{i} IS NULL", [name])
    row.cells.add(guards)
    row.cells.add(
        (f"p{i}", _without_missing(base[f.name], missing_texts(contract, f)))
        for i, f in enumerate(contract.schema_.fields)
    )
    # The file's own text is not looked at again.
    row.cells.sql = (
        f"SELECT * EXCLUDE ({', '.join(f'f{i}' for i in range(len(names)))}) FROM ({row.cells.sql})"
    )


def _without_missing(text: str, missing: tuple[str, ...]) -> str:
    if not missing:
        return text
    if len(missing) == 1:
        return f"nullif({text}, {literal(missing[0])})"
    return f"CASE WHEN {text} IN ({', '.join(map(literal, missing))}) THEN NULL ELSE {text} END"


def read_values(row: RowSql) -> None:
    """Types and constraints: from the text to judge to canonical texts, values and errors of cells."""
    contract = row.contract
    compiled = [
        compile_field(i, f, contract.load.types.get(renamed(contract, f.name)))
        for i, f in enumerate(contract.schema_.fields)
    ]
    row.codecs.extend(c.codec for c in compiled if c.codec is not None)
    # NULL for a missing cell: neither right nor wrong.
    row.judged.add(
        (f"ok{i}", f"CASE WHEN p{i} IS NOT NULL THEN {c.valid} END") for i, c in enumerate(compiled)
    )
    row.judged.add((f"t{i}", f"CASE WHEN ok{i} THEN {c.text} END") for i, c in enumerate(compiled))
    row.judged.add(
        (f"u{i}", f"CASE WHEN t{i} IS NOT NULL THEN NOT ({c.fits}) END")
        for i, c in enumerate(compiled)
        if c.fits is not None
    )
    row.judged.add((f"x{i}", _value(i, c)) for i, c in enumerate(compiled) if c.value is not None)
    row.scope.update(SOURCE_COLUMNS)
    row.reads.update(dict.fromkeys(SOURCE_COLUMNS, frozenset()))
    for i, (f, c) in enumerate(zip(contract.schema_.fields, compiled, strict=True)):
        _judge_cell(row, i, f, c)
        _know_field(row, i, f, c)


def _value(i: int, compiled: FieldSql) -> str:
    return f"CASE WHEN NOT u{i} THEN {compiled.value} END" if compiled.fits else str(compiled.value)


def _prepared(contract: Contract, i: int, f: FieldModel) -> list[str]:
    """Give the condition that the cell is not one that ``prepare`` failed at, which is an error of its own."""
    return [f"q{i} IS NOT NULL"] if f.name in contract.transform.prepare else []


def _judge_cell(row: RowSql, i: int, f: FieldModel, compiled: FieldSql) -> None:
    of_field = [f.name]
    kind = f.type if f.format == "default" else f"{f.type} of the format {f.format}"
    row.faults.cell(
        Check(verdicts.TYPE_ERROR, f.name, f"the cell is not of the type {kind}"), f"NOT ok{i}", of_field
    )
    if f.constraints.required:
        row.faults.cell(
            Check(verdicts.CONSTRAINT_ERROR, f.name, "the cell is missing, and the field is required"),
            all_of([f"p{i} IS NULL", *_prepared(row.contract, i, f)]),
            of_field,
        )
    for check in compiled.checks:
        broken = Check(verdicts.CONSTRAINT_ERROR, f.name, f"the cell {check.message}")
        row.faults.cell(broken, f"t{i} IS NOT NULL AND ({check.bad})", of_field)
    for check in compiled.item_checks if _is_loaded(row.contract, renamed(row.contract, f.name)) else ():
        unfit = Check(verdicts.ITEM_ERROR, f.name, f"the cell {check.message}")
        row.faults.row(unfit, f"kept AND t{i} IS NOT NULL AND ({check.bad})", of_field)


def _know_field(row: RowSql, i: int, f: FieldModel, compiled: FieldSql) -> None:
    contract = row.contract
    if compiled.value is not None:
        row.scope[f.name] = Column(f.name, f"x{i}", compiled.sql_type)
    row.reads[f.name] = frozenset([f.name])
    typed = " AND ".join([f"ok{i} IS NOT FALSE", *_prepared(contract, i, f)])
    row.sound[f.name] = f"{typed} AND u{i} IS NOT TRUE" if compiled.fits else typed
    if compiled.fits:
        row.may_not_fit.add(f.name)
    name = renamed(contract, f.name)
    row.attributes[f.name] = Attribute(
        name=name,
        text=f"t{i}",
        json=compiled.json,
        type=compiled.attribute_type,
        sql_type=compiled.sql_type,
        reads=frozenset([f.name]),
        sound=typed,
        present=f.constraints.required,
    )


def refuse_unfit(row: RowSql, names: frozenset[str], *, cells: bool) -> None:
    """Numbers that an expression uses and that its decimal type can't hold exactly are errors of their cells."""
    for i, f in enumerate(row.contract.schema_.fields):
        if f.name in names & row.may_not_fit:
            message = (
                "the time is finer than a microsecond, which expressions don't hold"
                if f.type in {"time", "datetime"}
                else "the number has more digits than its decimal type in expressions: set `decimal` on the field"
            )
            check = Check(verdicts.EXPRESSION_ERROR, f.name, message)
            if cells:
                row.faults.cell(check, f"u{i}", [f.name])
            else:
                row.faults.row(check, f"kept AND u{i}", [f.name])


def filter_rows(row: RowSql) -> None:
    """``where``: a row for which it is not TRUE is filtered, unless it has an error. Adds ``kept``."""
    where = row.contract.transform.where
    if where is None:
        row.judged.add([("kept", "TRUE")])
        return
    expression = row.compile(where, "transform.where", "BOOLEAN")
    row.needed_by_where = row.fields_of(expression.reads)
    refuse_unfit(row, row.needed_by_where, cells=True)
    value, computed, failed = row.guard(expression)
    row.judged.add([("kept", f"coalesce({value}, FALSE) OR NOT ({computed})")])
    row.faults.cell(
        Check(verdicts.EXPRESSION_ERROR, None, "transform.where failed"), failed, row.needed_by_where
    )


def derive_values(row: RowSql) -> None:
    """``set``, in order: a later one sees the earlier ones."""
    contract = row.contract
    for name, text in contract.transform.set.items():
        path = f"transform.set.{name}"
        expression = row.compile(text, path)
        if expression.sql == UNUSABLE:
            row.broken.add(name)
        reads = row.fields_of(expression.reads)
        value, computed, failed = row.guard(expression)
        row.faults.row(Check(verdicts.EXPRESSION_ERROR, name, f"{path} failed"), f"kept AND {failed}", reads)
        row.scope[name] = Column(name, value, expression.sql_type)
        row.reads[name], row.sound[name] = reads, computed
        row.attributes[name] = derive_attribute(
            row, renamed(contract, name), value, expression.sql_type, reads, computed
        )


def derive_attribute(
    row: RowSql, name: str, value: str, sql_type: str, reads: frozenset[str], sound: str
) -> Attribute:
    """Give the attribute of a computed value, by the name under which it is loaded, and judge what no item can hold."""
    wanted = row.contract.load.types.get(name)
    for check in item_checks(value, sql_type, wanted) if _is_loaded(row.contract, name) else ():
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


def check_rules(row: RowSql) -> None:
    """``rules``: a check that is FALSE rejects the row, NULL passes."""
    for rule in row.contract.rules:
        expression = row.compile(rule.check, f"rules.{rule.name}.check", "BOOLEAN")
        reads = row.fields_of(expression.reads)
        value, _, failed = row.guard(expression)
        row.faults.row(
            Check(verdicts.ROW_CONSTRAINT, None, f"the row breaks the rule {rule.name}"),
            f"kept AND NOT {value} AND {row.sound_when(expression.reads)}",
            reads,
        )
        row.faults.row(
            Check(verdicts.EXPRESSION_ERROR, None, f"the rule {rule.name} could not be computed"),
            f"kept AND {failed}",
            reads,
        )
