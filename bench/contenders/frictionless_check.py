"""Validation alone, by frictionless, with the contract's own fields.

Arguments: FILE CONTRACT. Prints how many rows were checked and how many errors were found.
"""

import sys
from pathlib import Path

from frictionless import Checklist, Resource, Schema, system

from bench.contracts import read_schema


def main() -> None:
    """Check the whole file, however many errors it has."""
    file, contract = sys.argv[1:]
    fields = [
        {key: value for key, value in field.items() if key != "decimal"}
        for field in read_schema(Path(contract))
    ]
    with system.use_context(trusted=True):  # the file's path is absolute
        resource = Resource(path=file, schema=Schema.from_descriptor({"fields": fields}))
        task = resource.validate(Checklist(), limit_errors=1_000_000_000).tasks[0]
    print(task.stats.get("rows"), task.stats.get("errors"))


main()
