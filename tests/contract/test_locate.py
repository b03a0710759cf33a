"""Problems that only compiling shows have their file and line all the same."""

from pathlib import Path

import pytest

from penstock.contract.locate import located
from penstock.errors import ContractError

CONTRACT = """\
penstock: 1
transform:
  where: id > 0
  set:
    a: id
    a.b: id + 1
rules:
  - name: first
    check: id > 0
  - name: "second: it"
    check: id < 9
"""


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        ("transform.where: it is wrong", 3),
        ("transform.set.a: it is wrong", 5),
        ("transform.set.a.b: it is wrong", 6),
        ("rules.first.check: it is wrong", 9),
        ("rules.second: it.check: it is wrong", 11),
        ("rules.first: it is wrong", 8),
        ("load.items: it is wrong", 1),
        ("it is wrong", 1),
    ],
)
def test_a_problem_gets_the_line_that_its_keys_lead_to(tmp_path: Path, problem: str, line: int) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(CONTRACT)
    with pytest.raises(ContractError) as caught, located(path):
        raise ContractError([problem])
    assert caught.value.problems == (f"{path}:{line}: {problem}",)


def test_a_problem_of_a_default_is_in_the_projects_file(tmp_path: Path) -> None:
    project, path = tmp_path / "penstock.yaml", tmp_path / "contracts" / "orders.yaml"
    path.parent.mkdir()
    path.write_text(CONTRACT)
    project.write_text("penstock: 1\nname: shop\ndefaults:\n  load:\n    delete_where: id\n")
    with pytest.raises(ContractError) as caught, located(path):
        raise ContractError(["load.delete_where: it is wrong"])
    assert caught.value.problems == (f"{project}:5: load.delete_where: it is wrong",)


def test_a_file_that_is_no_longer_yaml_is_named_by_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text("a: [")
    with pytest.raises(ContractError) as caught, located(path):
        raise ContractError(["transform.where: it is wrong"])
    assert caught.value.problems == (f"{path}:1: transform.where: it is wrong",)
