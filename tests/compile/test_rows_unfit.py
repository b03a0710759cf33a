"""A number that an expression uses and its decimal type can't hold is an error, whatever becomes of its name."""

from pathlib import Path

import pytest

from penstock.api import check

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema:
  fields:
    - {name: id, type: string, constraints: {required: true}}
    - {name: price, type: number}
transform:
%s
load: {table: orders, partition_key: id}
"""


@pytest.mark.parametrize(
    "transform",
    [
        '  set: {double: "price * 2"}',
        '  set: {double: "price * 2"}\n  rename: {price: cost}',
        '  set: {price: "price * 2"}',
        '  where: "price > 0"\n  rename: {price: cost}',
    ],
    ids=["set", "renamed", "replaced", "filtered by and renamed"],
)
def test_a_number_that_does_not_fit_rejects_its_row(tmp_path: Path, transform: str) -> None:
    (tmp_path / "orders.yaml").write_text(CONTRACT % transform)
    file = tmp_path / "orders.csv"
    file.write_text("id,price\na,1\nb,123456789012345678901234567890.12345678\n")
    [verdict] = check(tmp_path / "orders.yaml", [file])
    assert (verdict.report.counts.loaded, verdict.report.counts.rejected) == (1, 1)
    assert verdict.errors == (("expression-error", "price", 1),)
