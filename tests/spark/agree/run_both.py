"""Queries compiled by the compiler and run by both engines over the same files, each result written as its canonical CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from draw_tables import Table

from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.engine.query import run_select, write_records
from penstock.errors import DataError
from penstock.plan.model import Plan, Query
from penstock.spark.query import query_explained as explained

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEMORY_MB = 1024


@dataclass(frozen=True)
class Outcome:
    """What an engine made of a query: the result's file, or None where the query failed on its rows, and why."""

    csv: bytes | None
    failure: str = ""

    @property
    def failed(self) -> bool:
        """Whether the query failed on these rows."""
        return self.csv is None


def write_contract(
    sql: str, tables: Sequence[Table], key: str, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Give a contract with a query over tables, of which the first is the file's rows."""
    rows, *references = tables
    return {
        "penstock": 1,
        "name": "agree",
        "source": {"prefix": "agree/"},
        "schema": {"fields": [field.described for field in rows.fields]},
        "transform": {"sql": sql},
        "references": {
            table.name: {
                "key": f"reference/{table.name}.parquet",
                "schema": {"fields": [field.described for field in table.fields]},
            }
            for table in references
        },
        "load": {"table": "agree", "partition_key": key},
        **(more or {}),
    }


def compile_query(folder: Path, contract: Mapping[str, Any]) -> Plan:
    """Compile a contract. Raises ContractError of :mod:`penstock.errors`."""
    path = folder / "contract.yaml"
    path.write_text(json.dumps(contract))
    return compile_contract(read_contract(path))


class Engines:
    """Both engines, over files of one folder."""

    def __init__(self, session: SparkSession, folder: Path) -> None:
        self.session, self.folder = session, folder
        self._views: dict[str, Path] = {}
        self._numbers = 0

    def forget_views(self) -> None:
        """Name relations anew for the next query: somebody else has named others so."""
        self._views.clear()

    @contextmanager
    def interpreted(self, asked: bool) -> Iterator[None]:
        """Have Spark compute expressions without compiling them for the JVM, which is its other way and takes less time."""
        modes = {
            "spark.sql.codegen.wholeStage": str(not asked).lower(),
            "spark.sql.codegen.factoryMode": "NO_CODEGEN" if asked else "FALLBACK",
        }
        for name, value in modes.items():
            self.session.conf.set(name, value)
        try:
            yield
        finally:
            for name in modes:
                self.session.conf.unset(name)

    def fails_in_spark(self, sql: str, path: Path) -> str | None:
        """Tell whether an expression over ``r``, the rows of a file, fails in Spark; None where it does, else what it gives."""
        self.session.read.parquet(str(path)).createOrReplaceTempView("one")
        try:
            with explained():
                return str(self.session.sql(f"SELECT {sql} AS e FROM one AS r").collect())
        except DataError:
            return None

    def number(self) -> int:
        """Give a number for a file's name: Spark remembers what it read of a name."""
        self._numbers += 1
        return self._numbers

    def run_duckdb(self, query: Query, files: Mapping[str, Path]) -> Outcome:
        """Run it as the function does."""
        result = self.folder / "duckdb.parquet"
        try:
            relations = {
                name: [files[name]] for name in ("rows", *(found.name for found in query.references))
            }
            run_select(query, relations, result, self.folder, memory_mb=MEMORY_MB)
        except DataError as error:
            return Outcome(None, f"{error.__cause__}")
        return Outcome(self._records(query, result))

    def run_spark(self, query: Query, files: Mapping[str, Path]) -> Outcome:
        """Run it in the session. What is no failure on its rows raises TaskError."""
        assert query.spark is not None
        for name, path in files.items():
            if self._views.get(name) != path:
                self.session.read.parquet(str(path)).createOrReplaceTempView(name)
                self._views[name] = path
        try:
            with explained():
                batches = self.session.sql(query.spark)._collect_as_arrow()
        except DataError as error:
            return Outcome(None, str(error.__cause__).split("\n", 1)[0][:300])
        result = self.folder / "spark.parquet"
        if not batches:
            return Outcome(f"{query.header}\n".encode())
        pq.write_table(pa.Table.from_batches(batches), result)
        return Outcome(self._records(query, result))

    def _records(self, query: Query, result: Path) -> bytes:
        file = self.folder / "records.csv"
        write_records(query, [result], file, self.folder, memory_mb=MEMORY_MB)
        return file.read_bytes()
