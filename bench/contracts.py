"""The contracts that the files are loaded by: one of TPC-H's lineitem, one of the runways, and what is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from bench.data import RUNWAYS

LINEITEM: Final = Path(__file__).parent / "contracts/lineitem.yaml"
RUNWAYS_CONTRACT: Final = RUNWAYS / "contracts/runways.yaml"
KEYS: Final = {
    "lineitem": ["pk", "S", "l_linenumber", "N"],
    "runways": ["airport_ident", "S", "id", "N"],
    "wide": ["c0", "N"],
    "shipments": ["l_shipmode", "S", "l_returnflag", "S"],
}
"""The keys of the tables, for the sink."""


def read_schema(contract: Path) -> list[dict[str, Any]]:
    """Give a contract's fields, as Table Schema has them."""
    fields: list[dict[str, Any]] = _read(contract)["schema"]["fields"]
    return fields


def _read(contract: Path) -> Any:
    # Imported here: the process that starts the others stays small (see bench.package).
    from ruamel.yaml import YAML  # noqa: PLC0415

    return YAML(typ="safe", pure=True).load(contract)


def with_limit(folder: Path) -> Path:
    """Give lineitem's contract, refusing a file of which more than 5 % is rejected."""
    contract = _read(LINEITEM)
    contract["quality"] = {"max_rejects": "5%"}
    return _write(folder / "limited.yaml", contract)


def competing(folder: Path) -> Path:
    """Give lineitem's contract, by which rows of one key compete by a date."""
    contract = _read(LINEITEM)
    contract["load"]["newest_by"] = "l_receiptdate"
    return _write(folder / "competing.yaml", contract)


def without_limit(folder: Path) -> Path:
    """Give the runways' contract without its limit, so that one pass does."""
    contract = _read(RUNWAYS_CONTRACT)
    contract.pop("quality", None)
    contract["source"]["suffix"] = ".csv"
    return _write(folder / "runways.yaml", contract)


def mirrored(folder: Path, contract: Path) -> Path:
    """Give a contract by which each object is mirrored."""
    described = _read(contract)
    described["load"]["mode"] = "mirror"
    return _write(folder / "mirrored.yaml", described)


def rejecting(folder: Path) -> Path:
    """Give lineitem's contract, by which every row is rejected: no order is of a thousand pieces."""
    contract = _read(LINEITEM)
    for field in contract["schema"]["fields"]:
        if field["name"] == "l_quantity":
            field["constraints"]["minimum"] = 1000
    return _write(folder / "rejecting.yaml", contract)


_SHIPMENTS: Final = (
    "SELECT l_shipmode, l_returnflag, count(*) AS lines, sum(l_quantity) AS quantity, max(l_shipdate) AS latest "
    "FROM rows GROUP BY l_shipmode, l_returnflag"
)


def querying(folder: Path) -> Path:
    """Give lineitem's contract with a query of few groups, whose result goes into a table of its own."""
    contract = _read(LINEITEM)
    contract["transform"] = {"sql": _SHIPMENTS}
    contract["load"] = {"table": "shipments", "partition_key": "l_shipmode", "sort_key": "l_returnflag"}
    return _write(folder / "shipments.yaml", contract)


def wide(folder: Path, columns: int) -> Path:
    """Give a contract of many columns, as :meth:`bench.data.Data.wide` writes them."""
    kinds = ("integer", "string")
    fields: list[dict[str, Any]] = [
        {"name": f"c{column}", "type": kinds[column % 2], "constraints": {"required": True}}
        for column in range(columns)
    ]
    contract = {
        "penstock": 1,
        "name": "wide",
        "source": {"prefix": "incoming/wide/", "suffix": ".csv"},
        "schema": {"fields": fields},
        "load": {"table": "wide", "partition_key": "c0"},
    }
    return _write(folder / f"wide-{columns}.yaml", contract)


def _write(path: Path, contract: Any) -> Path:
    """Write a contract as JSON, which is YAML too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contract, indent=1), "utf-8")
    return path
