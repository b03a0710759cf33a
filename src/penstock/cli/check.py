"""``penstock check``: judge a contract, and files by it, without writing anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.exits import exit_code
from penstock.cli.options import ChunkSize, ContractPath, Json, References, read_references
from penstock.cli.output import give_json, say, say_table, visible
from penstock.cli.progress import Meter
from penstock.cli.summary import hide, say_item, say_rejects, say_report
from penstock.figures import count

if TYPE_CHECKING:
    from penstock.api import Verdict
    from penstock.plan.model import Plan, Table

EXAMPLE = "penstock check contracts/orders.yaml orders.csv"


def command(
    contract: ContractPath,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="CSV files to judge; .gz is unpacked.", show_default=False),
    ] = None,
    chunk_size: ChunkSize = None,
    reference: References = None,
    json: Json = False,
) -> int:
    """Check a contract, and judge files by it. Nothing is written or sent.

    For each file: how many records would be loaded, the errors by code and field,
    the first rejects with their lines and reasons, a sample item, and what the
    writes would cost. A contract's query is run too; its references are found
    as `penstock run` finds them.
    """
    import penstock  # noqa: PLC0415 -- the engine takes time to import, and `--help` does not need it
    from penstock.compile.explain import find_sensitive  # noqa: PLC0415 -- as above
    from penstock.compile.plan import compile_contract  # noqa: PLC0415 -- as above
    from penstock.contract.locate import located  # noqa: PLC0415 -- as above

    read = penstock.load_contract(contract)
    with located(contract):
        plan = compile_contract(read)
    table = plan.table
    with Meter() as meter:
        verdicts = penstock.check(
            contract,
            files or [],
            chunk_size=chunk_size,
            progress=meter,
            references=read_references(reference),
        )
    sensitive = find_sensitive(read)
    verdicts = [replace(v, item=hide(v.item, sensitive)) if v.item is not None else v for v in verdicts]
    if json:
        give_json({"contract": read.name, "table": table.name, "files": [_shape(v) for v in verdicts]})
    elif not verdicts:
        fields = count(len(read.schema_.fields), "field")
        say(
            f"{visible(contract.as_posix())}: ok. Feed {read.name}: {fields}, {_query(plan)}table {table.name} {_keys(table)}"
        )
    else:
        for verdict in verdicts:
            _say(verdict, table)
    return exit_code(verdict.report.status for verdict in verdicts)


def _query(plan: Plan) -> str:
    if plan.query is None:
        return ""
    *relations, last = ["rows", *(visible(reference.name) for reference in plan.query.references)]
    others = f"{', '.join(relations)} and " if relations else ""
    return f"a query over {others}{last}, "


def _keys(table: Table) -> str:
    keys = [key for key in (table.partition, table.sort) if key is not None]
    return f"by {' and '.join(f'{key.name} ({key.type})' for key in keys)}"


def _shape(verdict: Verdict) -> dict[str, Any]:
    from penstock.api.rejects import outline  # noqa: PLC0415 -- as above

    return {
        **verdict.report.to_dict(),
        "errors_by_field": [
            {"code": code, "field": field, "count": number} for code, field, number in verdict.errors
        ],
        "first_rejects": [outline(reject) for reject in verdict.rejects],
        "sample_item": verdict.item,
        "write_units": verdict.write_units,
        "dollars": round(verdict.dollars, 9),
    }


def _say(verdict: Verdict, table: Table) -> None:
    say_report(verdict.report)
    if verdict.errors:
        say()
        rows = [[f"{number:,}", code, visible(field or "-")] for code, field, number in verdict.errors]
        say_table(("count", "error", "field"), rows)
        say()
        result = verdict.report.result
        say_rejects(
            verdict.rejects, verdict.report.counts.rejected + (0 if result is None else result.rejected)
        )
    if verdict.item is not None:
        say()
        say("  the first item:")
        say_item(verdict.item)
    if verdict.write_units:
        say()
        _say_price(verdict, table)


def _say_price(verdict: Verdict, table: Table) -> None:
    say(f"  {count(verdict.write_units, 'write unit')}: ${verdict.dollars:,.6f} on demand in us-east-1")
    if table.indexes:
        each = "its index" if len(table.indexes) == 1 else f"each of its {len(table.indexes)} indexes"
        say(f"  and up to as much again for {each}")
