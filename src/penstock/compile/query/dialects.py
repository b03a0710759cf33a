"""How the two engines spell names, texts and types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock.compile.sql import literal as duckdb_literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """One engine's spelling. In Spark a backslash escapes within a text, and two texts side by side are one."""

    name: str
    quote: str

    @property
    def is_spark(self) -> bool:
        """Whether this is Spark."""
        return self.name == "Spark"

    def identifier(self, name: str) -> str:
        """Write a name."""
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def column(self, relation: str, name: str) -> str:
        """Write a column of a relation; the relation's name is one of those made here."""
        return f"{relation}.{self.identifier(name)}"

    def literal(self, text: str) -> str:
        """Write a text."""
        if not self.is_spark:
            return duckdb_literal(text)
        escaped = text.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"

    def number(self, written: str, sql_type: str) -> str:
        """Write a number, exactly as it is given."""
        return f"CAST('{written}' AS {sql_type})"

    def type(self, sql_type: str) -> str:
        """Write a type."""
        return _SPARK_TYPES.get(sql_type, sql_type) if self.is_spark else sql_type

    def cast(self, sql: str, sql_type: str) -> str:
        """Write a cast, which fails on what it can't hold."""
        return f"CAST({sql} AS {self.type(sql_type)})"


_SPARK_TYPES: Final = {"VARCHAR": "STRING", "TIMESTAMP": "TIMESTAMP_NTZ"}

DUCKDB: Final = Dialect("DuckDB", '"')
SPARK: Final = Dialect("Spark", "`")
