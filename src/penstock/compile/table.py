"""The parts of the plan that are no SQL: the table's design, the dialect, the limits."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from penstock.compile.items import ItemSql
from penstock.contract.model import DialectModel, LoadModel, NamedValue, QualityModel
from penstock.errors import ContractError
from penstock.plan.model import Dialect, Index, KeyAttribute, Manifest, Quality, Table, Terminator

TERMINATORS: dict[str | None, Terminator] = {None: "auto", "\n": "lf", "\r\n": "lf", "\r": "cr"}


def design_table(load: LoadModel, items: Sequence[ItemSql]) -> Table:
    """Give the table that the items need. Raises :class:`ContractError` where two items need different ones."""
    first = items[0]
    sort = None if first.sort is None else first.sort.attribute
    for item in items[1:]:
        other = None if item.sort is None else item.sort.attribute
        if (item.partition.attribute, other) != (first.partition.attribute, sort):
            raise ContractError(
                [
                    f"load.items: {item.plan.name} and {first.plan.name} have different keys, and a table has one design"
                ]
            )
    indexes = tuple(
        Index(
            model.name,
            partition.attribute,
            None if index_sort is None else index_sort.attribute,
            model.projection,
        )
        for model, (partition, index_sort) in zip(load.indexes, first.indexes, strict=True)
    )
    _agree([first.partition.attribute, sort, *(k for i in indexes for k in (i.partition, i.sort))])
    return Table(
        name=load.table,
        exists=load.table_exists,
        partition=first.partition.attribute,
        sort=sort,
        indexes=indexes,
        ttl=load.ttl.name if isinstance(load.ttl, NamedValue) else load.ttl,
        stream=load.stream,
        read_capacity=load.read_capacity,
        write_capacity=load.write_capacity,
        newest_by=load.newest_by,
        revision=load.revision,
    )


def _agree(keys: Sequence[KeyAttribute | None]) -> None:
    """An attribute has one type in all keys of a table."""
    types: dict[str, str] = {}
    for key in keys:
        if key is not None and types.setdefault(key.name, key.type) != key.type:
            raise ContractError([f"load: {key.name} is of two types in the keys of one table"])


def read_dialect(model: DialectModel) -> Dialect:
    """Give the dialect as the engine takes it."""
    return Dialect(
        delimiter=model.delimiter,
        quote_char=model.quote_char,
        double_quote=model.double_quote,
        escape_char=model.escape_char,
        skip_initial_space=model.skip_initial_space,
        header=model.header,
        comment_char=model.comment_char,
        line_terminator=TERMINATORS[model.line_terminator],
        case_sensitive_header=model.case_sensitive_header,
        encoding=model.encoding,
        max_record_bytes=model.max_record_bytes,
    )


def read_manifest(model: LoadModel) -> Manifest | None:
    """Give what a manifest is kept for, with the limit as a number; None where none is."""
    if model.mode == "mirror":
        if isinstance(model.max_deletes, str):
            return Manifest(deletes=True, max_delete_share=_share(model.max_deletes))
        return Manifest(deletes=True, max_delete_count=model.max_deletes)
    return Manifest(deletes=False) if model.skip_unchanged else None


def _share(limit: str) -> float:
    return float(Decimal(limit.removesuffix("%")) / 100)


def read_quality(model: QualityModel) -> Quality:
    """Give the limits as numbers."""
    refuse = model.on_quote_error == "refuse"
    if isinstance(model.max_rejects, str):
        return Quality(max_reject_share=_share(model.max_rejects), refuse_quote_errors=refuse)
    return Quality(max_reject_count=model.max_rejects, refuse_quote_errors=refuse)
