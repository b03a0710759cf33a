"""Whole runs of feeds with drawn queries, over files with all that can be wrong with a row: the same bytes from both engines."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

from compare_expressions import Seen
from draw_selects import Selects
from draw_tables import Table, draw_tables
from run_both import Engines, compile_query, write_contract

from penstock.errors import ContractError
from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.query import run_query
from penstock.load.report import Report
from penstock.plan.model import Plan
from penstock.spark.run import RESULTS, plan_run, run_file

NULL = "<null>"
CHUNK_BYTES = 2_000
FAILING = 0.05
APART = ("seconds", "chunks", "invocations", "engine", "engine_reason")
"""What reports of runs by different engines say of how they ran."""
_WHERES = ("n <> 2", "t = 'a' OR b", "d10 > 0", "id % 3 <> 1")
_CONSTRAINTS: Mapping[str, list[dict[str, Any]]] = {
    "n": [{"minimum": 0}, {"required": True}],
    "t": [{"enum": ["a", "b", "A", "z", ""]}, {"maxLength": 1}],
    "u": [{"maxLength": 40}, {"pattern": "[^'\"]*"}],
    "day": [{"minimum": "2024-02-26"}],
}


def compare_run(engines: Engines, seed: int, seen: Seen) -> None:
    """Draw a contract and its files, and compare what both engines make of them."""
    random = Random(f"runs {seed}")
    folder = engines.folder / f"run{engines.number()}"
    folder.mkdir()
    tables = draw_tables(random)
    plan = _draw_plan(engines, random, folder, tables, seed)
    source, references = _write_files(random, folder, tables)
    read = {found.name: references[found.name] for found in plan.query.references} if plan.query else {}
    first = _run_here(plan, source, read, folder)
    run = replace(plan_run(plan, source, folder / "run", 2, chunk_bytes=CHUNK_BYTES), references=read)
    second = run_file(engines.session, run, folder / "spark")
    engines.forget_views()
    label = f"{plan.query.duckdb if plan.query else ''}\n    in {folder}"
    mine, other = _outcome(first), _outcome(second)
    differing = sorted(name for name in mine if mine[name] != other[name])
    if differing:
        seen.note(
            "the reports: "
            + "; ".join(f"{n}: {mine[n]!r}, and on Spark {other[n]!r}" for n in differing)
            + f": {label}"
        )
    files = [
        name
        for name in RESULTS
        if (folder / "duckdb" / name).read_bytes() != (folder / "spark" / name).read_bytes()
    ]
    if files:
        seen.note(f"{', '.join(files)}: {label}")
    if not differing and not files:
        seen.queries += 1
        seen.statuses[f"{first.status} {first.code or ''}".strip()] += 1
        seen.records += first.counts.read
        seen.failures += first.status == "rejected"
        seen.rejects += (folder / "spark" / "rejects.jsonl").read_bytes().count(b"\n")
        seen.items += (folder / "spark" / "items.jsonl").read_bytes().count(b"\n")
        shutil.rmtree(folder)


def _draw_plan(engines: Engines, random: Random, folder: Path, tables: tuple[Table, ...], seed: int) -> Plan:
    """Draw a contract, until there is one that the compiler takes, whose query mostly does not fail on the tables."""
    selects = Selects.of(random, tables, seed)
    files = {
        table.name: table.write(engines.folder / f"{table.name}{engines.number()}.parquet")
        for table in tables
    }
    while True:
        sql = selects.query()
        rows, *references = tables
        used = [table for table in references if f" {table.name} " in sql]
        contract = write_contract(sql, [rows, *used], random.choice(("c0", "c1", "c2")), _draw_more(random))
        contract["schema"]["missingValues"] = [NULL]
        for name, reference in contract["references"].items():
            reference["key"] = f"reference/{name}.csv"
            reference["schema"]["missingValues"] = [NULL]
        for found in contract["schema"]["fields"]:
            if found["name"] in _CONSTRAINTS and random.random() < 0.3:
                found["constraints"] = random.choice(_CONSTRAINTS[found["name"]])
            if random.random() < 0.05:
                found["sensitive"] = True
        if random.random() < 0.4:
            contract["transform"]["where"] = random.choice(_WHERES)
        try:
            plan = compile_query(folder, contract)
        except ContractError:
            continue
        assert plan.query is not None
        if random.random() < FAILING or not engines.run_duckdb(plan.query, files).failed:
            return plan


def _draw_more(random: Random) -> dict[str, Any]:
    load: dict[str, Any] = {"table": "agree", "partition_key": random.choice(("c0", "c1", "c2"))}
    if random.random() < 0.5:
        load["sort_key"] = random.choice(("c0", "c1", "c2"))
    if random.random() < 0.6:
        load["on_duplicate"] = random.choice(("first", "last", "reject"))
    if random.random() < 0.3:
        load["nulls"] = "write"
    limit = random.choice(({}, {}, {"max_rejects": "60%"}, {"max_rejects": 2}))
    return {"load": load, **({"quality": limit} if limit else {})}


def _write_files(
    random: Random, folder: Path, tables: tuple[Table, ...]
) -> tuple[FileSource, dict[str, FileSource]]:
    for table in tables:
        bad = 0.08 if table.name == "rows" else random.choice((0, 0, 0, 0, 0.05))
        (folder / f"{table.name}.csv").write_bytes(_render(random, table, bad, twice=table.name == "rows"))
    sources = {table.name: FileSource(folder / f"{table.name}.csv") for table in tables}
    return sources.pop("rows"), sources


def _render(random: Random, table: Table, bad: float, *, twice: bool) -> bytes:
    """Write a table as CSV; of its records a share is not as it should be."""
    newline = random.choice(("\n", "\r\n"))
    records = [",".join(_cell(random, field.name) for field in table.fields)]
    for row in table.rows * (2 if twice else 1):
        cells = [_cell(random, NULL if cell is None else cell) for cell in row]
        chance = random.random()
        records.append(",".join(cells) if chance >= bad else _spoil(random, cells))
    return newline.join(records).encode() + random.choice((b"", newline.encode()))


def _cell(random: Random, text: str) -> str:
    plain = not any(sign in text for sign in '",\r\n')
    return text if plain and random.random() < 0.7 else '"' + text.replace('"', '""') + '"'


def _spoil(random: Random, cells: list[str]) -> str:
    place = random.randrange(len(cells))
    return random.choice((
        ",".join([*cells[:place], "x1-", *cells[place + 1 :]]),
        ",".join([*cells, "more"]),
        ",".join(cells[:-1]),
        "",
        "," * (len(cells) - 1),
        ",".join([*cells[:place], '"a"b', *cells[place + 1 :]]),
        ",".join([*cells[:place], '"open', *cells[place + 1 :]]),
    ))  # fmt: skip


def _run_here(plan: Plan, source: FileSource, references: Mapping[str, FileSource], folder: Path) -> Report:
    scratch = folder / "scratch"
    scratch.mkdir()
    with JsonlItemWriter(folder / "duckdb") as items, JsonlRejectWriter(folder / "duckdb") as rejects:
        report = run_query(plan, source, references, items, rejects, scratch)
    assert isinstance(report, Report)
    return report


def _outcome(report: Report) -> dict[str, Any]:
    found = {name: value for name, value in asdict(report).items() if name not in APART}
    if report.code == "query-error":  # the engines name what failed by words of their own
        found["reason"] = str(report.reason).split(":", 1)[0]
    return found
