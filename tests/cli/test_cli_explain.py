"""`penstock explain` and `penstock init`: what a contract comes to, and where one comes from."""

import json
from pathlib import Path

import pytest
from command_line import CLEAN, CONTRACT, contract, invoke, write

from penstock import load_contract
from penstock.compile.explain import find_sensitive
from penstock.compile.plan import compile_contract
from penstock.plan.codec import read_plan, write_plan

FULL = """\
  indexes: [{name: by_status, partition_key: status, sort_key: order_id, projection: KEYS_ONLY}]
  delete_where: "status = 'PAID'"
  types: {quantity: S}
quality: {max_rejects: 5%}
rules: [{name: positive, check: "total >= 0"}]
"""


def test_a_plan_is_explained_from_its_files_to_its_table(tmp_path: Path) -> None:
    done = invoke("explain", contract(tmp_path, extra=FULL))
    assert done.exit_code == 0, done.output
    for said in (
        "orders: objects incoming/orders/*.csv",
        "past 5% rejected, nothing of the file is loaded",
        "  order_id  string   order_id (S)  required, matching ORD-[0-9]{3}",
        "  quantity  integer  quantity (S)  at least 1",
        "            (set)    total (N)",
        "where: status <> 'CANCELLED'",
        "set: total = quantity * price",
        "rule positive: total >= 0",
        "delete the key where: status = 'PAID'",
        "item: partition key pk = CUSTOMER#{customer}, sort key order_id",
        "orders: partition key pk (S), sort key order_id (S); the stack makes it; on demand",
        "index by_status: partition key status (S), sort key order_id (S); holds the keys",
        "the row breaks the rule positive",
        "of several rows with one key, the last is loaded",
        "FROM raw",
    ):
        assert said in done.stdout


def test_the_steps_are_told_in_the_order_in_which_they_happen(tmp_path: Path) -> None:
    shown = invoke("explain", contract(tmp_path, extra=FULL)).stdout
    steps = [line for line in shown.splitlines() if line.strip()[:2].strip(".").isdigit()]
    order = [step.split(". ")[1].split(":")[0].split()[0] for step in steps]
    assert order == ["decode,", "missing", "types", "where", "set", "rule", "delete", "keys", "size"]


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("", []),
        ("  skip_unchanged: true\n", ["just so is not written again"]),
        ("  mode: mirror\n", ["just so is not written again", "is deleted; past 10% that asks first"]),
        ("  mode: mirror\n  max_deletes: 7\n", ["just so is", "is deleted; past 7 items that asks first"]),
    ],
)
def test_what_becomes_of_items_that_did_not_change_or_vanished_is_said(
    tmp_path: Path, load: str, said: list[str]
) -> None:
    shown = invoke("explain", contract(tmp_path, extra=load)).stdout
    assert all(text in shown for text in said)
    assert ("asks first" in shown) == ("mirror" in load)


def test_json_is_the_plan_itself(tmp_path: Path) -> None:
    described = contract(tmp_path)
    shown = invoke("explain", described, "--json").stdout
    assert write_plan(read_plan(shown)) == write_plan(compile_contract(load_contract(described)))


def test_a_dropped_and_a_renamed_field_are_said_to_be_so(tmp_path: Path) -> None:
    text = CONTRACT.replace("transform:", "transform:\n  drop: [price]\n  rename: {quantity: amount}")
    shown = invoke("explain", contract(tmp_path, text=text)).stdout
    assert "(price is dropped)" in shown
    assert "amount (N)" in shown


def test_what_is_made_of_a_sensitive_field_is_sensitive_and_not_shown(tmp_path: Path) -> None:
    text = CONTRACT.replace("{name: customer,", "{name: customer, sensitive: true,")
    described = contract(tmp_path, text=text)
    assert find_sensitive(load_contract(described)) == {"customer", "pk"}
    assert "without the cells of sensitive fields" in invoke("explain", described).stdout
    file = write(tmp_path / "o.csv", CLEAN)
    for options in ((), ("--json",)):
        shown = invoke("check", described, file, *options).stdout
        assert "ann" not in shown
        assert "ORD-001" in shown
    assert find_sensitive(load_contract(contract(tmp_path))) == frozenset()


SAMPLE = "order_id,customer,quantity\n" + "".join(f"ORD-{n:03},ann,{n + 1}\n" for n in range(50))


def test_a_proposed_contract_fits_its_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "orders-2026-11-23.csv", SAMPLE)
    done = invoke("init", "orders-2026-11-23.csv")
    assert done.exit_code == 0, done.output
    assert done.stdout == "orders.yaml\n"
    assert "penstock check orders.yaml orders-2026-11-23.csv" in done.stderr
    judged = invoke("check", "orders.yaml", "orders-2026-11-23.csv")
    assert "50 records read: 50 loaded" in judged.stdout


def test_in_a_project_the_proposal_goes_to_the_contracts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contracts").mkdir()
    write(tmp_path / "sample.csv", SAMPLE)
    assert invoke("init", "sample.csv", "--name", "visits").stdout == "contracts/visits.yaml\n"


def test_a_proposal_never_replaces_a_contract(tmp_path: Path) -> None:
    sample, there = write(tmp_path / "sample.csv", SAMPLE), write(tmp_path / "mine.yaml", "mine")
    done = invoke("init", sample, "--output", there)
    assert done.exit_code == 2
    assert "is there already" in done.stderr
    assert there.read_text() == "mine"


def test_a_proposal_can_be_printed(tmp_path: Path) -> None:
    done = invoke("init", write(tmp_path / "sample.csv", SAMPLE), "--output", "-")
    assert done.stdout.count("penstock: 1\n") == 1


def test_json_of_a_plan_is_a_document_of_its_own(tmp_path: Path) -> None:
    assert json.loads(invoke("explain", contract(tmp_path), "--json").stdout)["name"] == "orders"
