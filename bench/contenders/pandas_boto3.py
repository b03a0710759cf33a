"""The tutorial: pandas reads the file, boto3's batch_writer puts the rows. Arguments: FILE TABLE."""

import sys
from decimal import Decimal

import boto3
import pandas as pd

from bench.contenders.shape import SHAPES


def main() -> None:
    """Load the file into the table."""
    file, name = sys.argv[1:]
    shape = SHAPES[name]
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    if shape.key is not None:
        frame[shape.key] = shape.key_prefix + frame[shape.key_field]
    for column in shape.numbers:
        frame[column] = [Decimal(cell) if cell else None for cell in frame[column]]
    table = boto3.resource("dynamodb").Table(name)
    with table.batch_writer() as batch:
        for row in frame.to_dict("records"):
            batch.put_item(
                Item={column: cell for column, cell in row.items() if cell is not None and cell != ""}
            )


main()
