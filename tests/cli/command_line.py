"""The command line as the tests use it, and a small contract with small files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from patience import PATIENCE
from typer.testing import CliRunner, Result

from penstock.cli.app import app

CONTRACT = """\
penstock: 1
name: orders
source:
  prefix: incoming/orders/
schema:
  fields:
    - {name: order_id, type: string, constraints: {required: true, pattern: "ORD-[0-9]{3}"}}
    - {name: customer, type: string, constraints: {required: true}}
    - {name: quantity, type: integer, constraints: {minimum: 1}}
    - {name: price, type: number}
    - {name: status, type: string, constraints: {enum: [NEW, PAID, CANCELLED]}}
transform:
  where: "status <> 'CANCELLED'"
  set: {total: "quantity * price"}
load:
  table: orders
  partition_key: {name: pk, value: "CUSTOMER#{customer}"}
  sort_key: order_id
"""

HEADER = "order_id,customer,quantity,price,status\n"
CLEAN = HEADER + "ORD-001,ann,2,9.50,NEW\nORD-002,bob,1,0.1,PAID\n"
DIRTY = (
    HEADER + "ORD-001,ann,2,9.50,NEW\n"
    "ORD-002,bob,none,0.1,PAID\n"  # line 3: a type error
    '"ORD-003","bob, jr",1,0.1,PAID\n'
    "ORD-004,eve,1,1,CANCELLED\n"  # filtered
    "ORD-005,eve,1\n"  # line 6: missing cells
    "ORD-001,ann,3,9.50,PAID\n"  # supersedes the first
    "BAD,,0,x,LOST\n"  # line 8: everything is wrong
    "\n"
    "ORD-006,ünü,1,0.10,NEW\n"
)
DIRTY_COUNTS = {
    "read": 9,
    "loaded": 3,
    "rejected": 3,
    "filtered": 1,
    "superseded": 1,
    "withheld": 0,
    "blank": 1,
}


def invoke(*arguments: object, **environment: str) -> Result:
    """Run the application in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


def spawn(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``python -m penstock`` as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "penstock", *(str(argument) for argument in arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **options,
    )


def write(path: Path, text: str) -> Path:
    """Write a file with the newlines that the text has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def contract(folder: Path, *, extra: str = "", text: str = CONTRACT) -> Path:
    """Write the contract, with more lines at its end."""
    return write(folder / "orders.yaml", text + extra)


def lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
