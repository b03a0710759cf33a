"""Without pandas: the csv module reads the file, boto3's batch_writer puts the rows. Arguments: FILE TABLE."""

import csv
import sys
from decimal import Decimal
from pathlib import Path

import boto3

from bench.contenders.shape import SHAPES


def main() -> None:
    """Load the file into the table."""
    file, name = sys.argv[1:]
    shape = SHAPES[name]
    numbers = set(shape.numbers)
    table = boto3.resource("dynamodb").Table(name)
    with Path(file).open(newline="", encoding="utf-8") as source, table.batch_writer() as batch:
        for row in csv.DictReader(source):
            item = {
                column: Decimal(cell) if column in numbers else cell for column, cell in row.items() if cell
            }
            if shape.key is not None:
                item[shape.key] = shape.key_prefix + row[shape.key_field]
            batch.put_item(Item=item)


main()
