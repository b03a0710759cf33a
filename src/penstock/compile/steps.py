"""From the text of cells to a judged row: the order of steps that every row goes through, as layers of SQL.

Columns of field ``i``: ``f`` the text of the file, ``q`` what ``prepare`` made of it, ``p`` the text to judge (NULL where
missing), ``d`` and ``j`` a codec's answers, ``ok`` whether it is of its type, ``t`` its canonical text, ``x`` its value for
expressions, ``u`` whether it does not fit that value's type. Of the expression ``j``: ``s`` its guarded result, ``y`` its
value, ``g`` whether it could be computed.
"""

from __future__ import annotations

from penstock import verdicts
from penstock.compile.expressions import Column
from penstock.compile.fields import Plain
from penstock.compile.layers import Layers, all_of
from penstock.compile.rows import (
    CERTAINLY,
    SOURCE_COLUMNS,
    UNUSABLE,
    Attribute,
    NotPlainError,
    RowSql,
    derive_attribute,
    is_loaded,
    missing_texts,
    renamed,
)
from penstock.compile.sql import literal
from penstock.compile.types import FieldSql, compile_field
from penstock.contract.model import Contract, FieldModel
from penstock.plan.model import Check


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
        row.read_by_prepare[name] = expression.reads
        i = names.index(name)
        guards.append((f"q{i}", f"TRY(struct_pack(v := {expression.sql}))"))
        base[name] = f"q{i}.v"
        row.faults.cell(Check(verdicts.EXPRESSION_ERROR, name, f"{path} failed"), f"q{i} IS NULL", [name])
    row.cells.add(guards)
    row.cells.add(
        (f"p{i}", _text_to_judge(row, f, base[f.name])) for i, f in enumerate(contract.schema_.fields)
    )
    if row.plain:
        row.judged = Layers(row.cells.base, list(row.cells.layers))
        return
    # The file's own text is not looked at again.
    row.cells = Layers(
        f"SELECT * EXCLUDE ({', '.join(f'f{i}' for i in range(len(names)))}) FROM ({row.cells.sql})"
    )


def _text_to_judge(row: RowSql, f: FieldModel, text: str) -> str:
    if row.plain and _is_due(row.contract, f):
        return text
    return _without_missing(text, missing_texts(row.contract, f))


def _is_due(contract: Contract, f: FieldModel) -> bool:
    """Tell whether a plain cell of the field is one that is not empty, and no more need be asked about missing values."""
    return f.constraints.required and missing_texts(contract, f) == ("",)


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
        compile_field(i, f, contract.load.types.get(renamed(contract, f.name)), plain=row.plain)
        for i, f in enumerate(contract.schema_.fields)
    ]
    row.codecs.extend(c.codec for c in compiled if c.codec is not None)
    if row.plain:
        _take_plain(row, compiled)
    else:
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


def _take_plain(row: RowSql, compiled: list[FieldSql]) -> None:
    """Take cells as they are most often written; what is written otherwise makes its row one that is not plain."""
    contract = row.contract
    texts = []
    for i, (f, c) in enumerate(zip(contract.schema_.fields, compiled, strict=True)):
        if c.plain is None:
            raise NotPlainError
        row.plain_when[f.name] = [*_prepared(contract, i, f), *_when_plain(contract, i, f, c.plain)]
        texts.append((f"t{i}", _plain_text(i, f, c.plain.text)))
    row.judged.add(texts)


def _plain_text(i: int, f: FieldModel, text: str) -> str:
    """Give the text of a plain cell, NULL where the cell is missing: not all SQL that makes one of NULL gives NULL."""
    strict = text == f"p{i}" or f.type in {"integer", "number"}
    return text if strict or f.constraints.required else f"CASE WHEN p{i} IS NOT NULL THEN {text} END"


def _when_plain(contract: Contract, i: int, f: FieldModel, plain: Plain) -> list[str]:
    """Give the conditions that a cell is plain. They may be NULL, which is no."""
    anything = plain.valid == f"p{i} IS NOT NULL"
    if _is_due(contract, f):
        # The patterns of numbers and of the calendar don't match the empty text.
        not_empty = [] if f.type in {"integer", "number", "date", "datetime"} else [f"p{i} <> ''"]
        return not_empty if anything else [*not_empty, plain.valid]
    if f.constraints.required:
        return [f"p{i} IS NOT NULL"] if anything else [plain.valid]
    return [] if anything else [f"p{i} IS NULL OR {plain.valid}"]


def is_never_blank(contract: Contract) -> bool:
    """Tell whether a plain row has a cell that is not empty, whatever the others are."""
    return any(_is_due(contract, f) for f in contract.schema_.fields)


def _value(i: int, compiled: FieldSql) -> str:
    return f"CASE WHEN NOT u{i} THEN {compiled.value} END" if compiled.fits else str(compiled.value)


def _prepared(contract: Contract, i: int, f: FieldModel) -> list[str]:
    """Give the condition that the cell is not one that ``prepare`` failed at, which is an error of its own."""
    return [f"q{i} IS NOT NULL"] if f.name in contract.transform.prepare else []


def _judge_cell(row: RowSql, i: int, f: FieldModel, compiled: FieldSql) -> None:
    of_field = [f.name]
    if not row.plain:
        _judge_type(row, i, f)
    for check in compiled.checks:
        broken = Check(verdicts.CONSTRAINT_ERROR, f.name, f"the cell {check.message}")
        # Of a plain cell nothing is asked twice: a check is NULL where the text is.
        there = "" if row.plain else f"t{i} IS NOT NULL AND "
        row.faults.cell(broken, f"{there}({check.bad})", of_field)
    for check in compiled.item_checks if is_loaded(row.contract, renamed(row.contract, f.name)) else ():
        unfit = Check(verdicts.ITEM_ERROR, f.name, f"the cell {check.message}")
        row.faults.row(unfit, f"kept AND t{i} IS NOT NULL AND ({check.bad})", of_field)


def _judge_type(row: RowSql, i: int, f: FieldModel) -> None:
    kind = f.type if f.format == "default" else f"{f.type} of the format {f.format}"
    row.faults.cell(
        Check(verdicts.TYPE_ERROR, f.name, f"the cell is not of the type {kind}"), f"NOT ok{i}", [f.name]
    )
    if f.constraints.required:
        row.faults.cell(
            Check(verdicts.CONSTRAINT_ERROR, f.name, "the cell is missing, and the field is required"),
            all_of([f"p{i} IS NULL", *_prepared(row.contract, i, f)]),
            [f.name],
        )


def _know_field(row: RowSql, i: int, f: FieldModel, compiled: FieldSql) -> None:
    contract = row.contract
    if compiled.value is not None:
        row.scope[f.name] = Column(f.name, f"x{i}", compiled.sql_type)
    row.reads[f.name] = frozenset([f.name])
    typed = CERTAINLY if row.plain else " AND ".join([f"ok{i} IS NOT FALSE", *_prepared(contract, i, f)])
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
