"""The bound of an item's size is one expression, whatever the number of attributes."""

import duckdb

from penstock.compile.objects import Part, size_sql


def test_an_item_of_thousands_of_attributes_is_measured() -> None:
    parts = [Part(f"a{number}", ("''",), "'four'", None) for number in range(3_000)]
    with duckdb.connect() as connection:
        [(size,)] = connection.execute(f"SELECT {size_sql(parts)}").fetchall()
    assert size == sum(len(part.name) + 24 + 2 * 4 for part in parts)


def test_an_absent_attribute_adds_its_name_at_most() -> None:
    with duckdb.connect() as connection:
        [(size,)] = connection.execute(f"SELECT {size_sql([Part('a', ('x',), 'NULL', None)])}").fetchall()
    assert size == 25
