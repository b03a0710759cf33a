"""AWS SDK for pandas: ``wr.dynamodb.put_df``, as its documentation has it. Arguments: FILE TABLE."""

import sys
from decimal import Decimal

import awswrangler as wr
import pandas as pd

from bench.contenders.shape import SHAPES


def main() -> None:
    """Load the file into the table."""
    file, name = sys.argv[1:]
    shape = SHAPES[name]
    frame = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
    if shape.key is not None:
        frame[shape.key] = shape.key_prefix + frame[shape.key_field]
    for column in shape.numbers:
        frame[column] = [cell if pd.isna(cell) else Decimal(cell) for cell in frame[column]]
    wr.dynamodb.put_df(df=frame, table_name=name)


main()
