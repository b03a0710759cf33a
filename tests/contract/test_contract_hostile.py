"""A contract that is made to overwhelm who reads it is refused soon, with the line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from test_contract_read import MINIMAL

from penstock.contract.document import read_document
from penstock.contract.read import read_contract
from penstock.errors import ContractError

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
"""Nine lines that stand for 43 million values."""
CHAIN = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LAUGHS, ": the file has more than 250,000 values, those of its aliases counted wherever they stand"),
        (CHAIN, ": the file is nested too deeply"),
        ("a: " + "[" * 5_000 + "]" * 5_000, ":1: the file is nested too deeply"),
        ("".join(" " * n + "a:\n" for n in range(400)), ":60: the file is nested too deeply"),
        ("? " * 5_000, ":1: the file is nested too deeply"),
        ("- " * 3_000 + "a", ":1: the file is nested too deeply"),
        ("#" * 1_000_001, ":1: the file is larger than 1,000,000 bytes"),
        ("a: !!python/object/apply:os.system [x]", ':1: a: the tag "tag:yaml.org,2002:python/object/apply:os.system"'),
    ],
    ids=["aliases", "chain", "flow", "block", "keys", "items", "size", "tag"],
)  # fmt: skip
def test_it_is_refused_in_bounded_time(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(text)
    began = time.process_time()
    problems = [str(found) for found in read_document(path).problems]
    assert any(problem in found for found in problems), problems
    assert time.process_time() - began < 20


def test_a_number_of_thousands_of_digits_in_a_schema_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_text(f'{{"fields": {"9" * 5000}}}')
    path = tmp_path / "orders.yaml"
    path.write_text(
        "penstock: 1\nname: orders\nsource: {prefix: o/}\nschema: orders.json\nload: {table: orders, partition_key: id}\n"
    )
    with pytest.raises(ContractError, match=r"orders.json:1: not valid JSON: .*digits"):
        read_contract(path)


def test_an_anchor_may_be_given_anew(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(MINIMAL + "function: &x {memory: 512}\nrules: &x []\n")
    assert read_contract(path).function.memory == 512
