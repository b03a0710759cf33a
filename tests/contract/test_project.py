"""Reading a project: its file, its contracts, and what only both together show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_contract import changed

from penstock.contract.project import find_project, read_project
from penstock.contract.read import read_contract
from penstock.errors import ContractError, UsageError


def feed(name: str, **changes: Any) -> dict[str, Any]:
    return changed({"name": name, "source.prefix": f"incoming/{name}/", "load.table": name}) | changes


def write(folder: Path, *feeds: dict[str, Any], text: str = "penstock: 1\nname: shop\n") -> Path:
    (folder / "contracts").mkdir()
    (folder / "penstock.yaml").write_text(text)
    for contract in feeds:
        (folder / "contracts" / f"{contract['name']}.yaml").write_text(json.dumps(contract, indent=1))
    return folder


def refused(folder: Path) -> list[str]:
    with pytest.raises(ContractError) as caught:
        read_project(folder)
    return [line.replace(f"{folder}/", "") for line in caught.value.problems]


def test_a_project_is_its_settings_and_its_feeds_by_file_name(tmp_path: Path) -> None:
    text = """\
penstock: 1
name: shop
region: eu-central-1
alerts: {email: [ops@example.org]}
logs: {retention_days: 90, level: WARNING, debug_sample: 0.5%}
tracing: true
architecture: x86_64
tags: {team: data}
"""
    project = read_project(write(tmp_path, feed("orders"), feed("customers"), text=text))
    assert [contract.name for contract in project.feeds] == ["customers", "orders"]
    assert [path.name for path in project.paths] == ["customers.yaml", "orders.yaml"]
    assert (project.name, project.region, project.architecture) == ("shop", "eu-central-1", "x86_64")
    assert (project.alerts.email, project.logs.retention_days, project.logs.level) == (
        ("ops@example.org",),
        90,
        "WARNING",
    )
    assert (project.logs.debug_share, project.tracing) == ("0.005", True)
    assert project.tags == {"team": "data"}


def test_a_region_of_the_sovereign_cloud_is_a_region(tmp_path: Path) -> None:
    text = "penstock: 1\nname: shop\nregion: eusc-de-east-1\n"
    assert read_project(write(tmp_path, feed("orders"), text=text)).region == "eusc-de-east-1"


@pytest.mark.parametrize("sample", ["1", "0.01", "101%", "-1%", "all"])
def test_a_sample_that_is_no_share_is_refused(sample: str, tmp_path: Path) -> None:
    text = f"penstock: 1\nname: shop\nlogs: {{debug_sample: {sample}}}\n"
    (found,) = refused(write(tmp_path, feed("orders"), text=text))
    assert "debug_sample" in found


def test_nothing_is_sampled_or_traced_unless_said(tmp_path: Path) -> None:
    project = read_project(write(tmp_path, feed("orders")))
    assert (project.logs.debug_share, project.tracing) == ("0", False)


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    orders, customers = feed("orders", trigger="quue"), feed("customers", schedule="hourly")
    found = refused(write(tmp_path, orders, customers, text="penstock: 1\nnam: shop\n"))
    assert [line.partition(":")[0] for line in found] == [
        "contracts/customers.yaml",
        "contracts/orders.yaml",
        "penstock.yaml",
    ]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("name: Shop", "2: name: must be lowercase letters, digits and hyphens, begin with a letter, at most 30"),
        ("name: shop\nregion: europe", "3: region: must be a region's name, like eu-central-1"),
        ("name: shop\nalerts: {email: [ops]}", "3: alerts.email[0]: must be an e-mail address"),
        ("name: shop\nlogs: {retention_days: 31}", "3: logs.retention_days: CloudWatch Logs does not keep logs for 31 days; the nearest that it takes is 30"),
        ("name: shop\nencryption: {key: alias/aws/sns}", "3: encryption.key: must be the ARN of a KMS key, like arn:aws:kms:eu-central-1:123456789012:key/..."),
        ("name: shop\nregion: eu-west-1\nencryption: {key: 'arn:aws:kms:eu-central-1:123456789012:key/1a'}", "4: encryption.key: is a key of eu-central-1, and the project is in eu-west-1: name one of its own region"),
        ("name: shop\narchitecture: arm", '3: architecture: "arm" is not known; did you mean "arm64"?'),
        ("name: shop\ntags: {aws:x: a}", '3: tags: the tag "aws:x" begins with aws:, which is reserved'),
        ("name: shop\ndefaults: {qualty: {}}", '3: defaults.qualty: unknown key; did you mean "quality"?'),
        ("name: shop\nalarms: {silent_after: 26 hours}", "3: alarms: belongs in a contract, or under `defaults` for all contracts"),
        ("name: shop\nload: {table: a}", "3: load: belongs in a contract, or under `defaults` for all contracts"),
        ("name: shop\nalert: {}", '3: alert: unknown key; did you mean "alerts"?'),
        ("name: shop\ndefaults: {name: a}", "3: defaults.name: is each contract's own; it has no default"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_with_its_line(tmp_path: Path, setting: str, problem: str) -> None:
    assert refused(write(tmp_path, feed("orders"), text=f"penstock: 1\n{setting}\n")) == [
        f"penstock.yaml:{problem}"
    ]


def test_a_project_without_contracts_is_told_where_they_go(tmp_path: Path) -> None:
    assert refused(write(tmp_path)) == ["penstock.yaml:1: there are no contracts in contracts/*.yaml"]


def test_a_contract_with_the_other_ending_is_not_passed_over(tmp_path: Path) -> None:
    folder = write(tmp_path, feed("orders"))
    (folder / "contracts" / "more.yml").write_text("penstock: 1\n")
    assert refused(folder) == [
        "contracts/more.yml:1: a contract's file ends in .yaml; rename it to more.yaml"
    ]


KEY_LINE = '  "partition_key": "code"'

DEFAULTS = """\
penstock: 1
name: shop
defaults:
  quality: {max_rejects: 5%, on_quote_error: refuse}
  function: {memory: 512}
"""


def test_defaults_lie_under_what_a_contract_says_itself(tmp_path: Path) -> None:
    project = read_project(write(tmp_path, feed("orders", quality={"max_rejects": 7}), text=DEFAULTS))
    (contract,) = project.feeds
    assert (contract.quality.max_rejects, contract.quality.on_quote_error) == (7, "refuse")
    assert contract.function.memory == 512


LARGE = """\
penstock: 1
name: shop
large_objects: {over: 0.5, concurrency: 3}
defaults: {large_objects: {concurrency: 4}}
"""


def test_the_projects_large_objects_lie_under_the_defaults_and_these_under_a_contract(tmp_path: Path) -> None:
    feeds = feed("orders", large_objects={"chunk": 1}), feed("customers")
    folder = write(tmp_path, *feeds, text=LARGE)
    customers, orders = (contract.large_objects for contract in read_project(folder).feeds)
    assert (customers.over, customers.chunk, customers.concurrency) == (0.5, 64, 4)
    assert (orders.over, orders.chunk, orders.concurrency) == (0.5, 1, 4)
    assert read_contract(folder / "contracts" / "orders.yaml").large_objects == orders


def test_a_wrong_setting_of_the_projects_large_objects_is_told_once(tmp_path: Path) -> None:
    text = "penstock: 1\nname: shop\nlarge_objects:\n  over: 1\n  chunk: none\n"
    assert refused(write(tmp_path, feed("orders"), feed("customers"), text=text)) == [
        "penstock.yaml:5: large_objects.chunk: must be a number of MB, such as 64 or 0.5"
    ]
    (tmp_path / "penstock.yaml").write_text("penstock: 1\nname: shop\nlarge_objects: 5\n")
    assert refused(tmp_path) == ["penstock.yaml:3: large_objects: must be a mapping of keys to values"]


def test_a_contract_read_alone_has_its_projects_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path, feed("orders"), text=DEFAULTS)
    assert read_contract(folder / "contracts" / "orders.yaml").quality.max_rejects == "5%"
    monkeypatch.chdir(folder / "contracts")
    assert read_contract(Path("orders.yaml")).quality.max_rejects == "5%"


def test_a_contract_outside_a_contracts_folder_has_no_defaults(tmp_path: Path) -> None:
    folder = write(tmp_path, feed("orders"), text=DEFAULTS)
    (folder / "drafts").mkdir()
    draft = (folder / "contracts" / "orders.yaml").rename(folder / "drafts" / "orders.yaml")
    assert read_contract(draft).quality.max_rejects is None


def test_a_problem_of_the_defaults_is_told_once_and_in_their_file(tmp_path: Path) -> None:
    text = "penstock: 1\nname: shop\ndefaults:\n  quality:\n    max_reject: 5%\n"
    assert refused(write(tmp_path, feed("orders"), feed("customers"), text=text)) == [
        'penstock.yaml:5: quality.max_reject: unknown key; did you mean "max_rejects"?'
    ]


def test_two_feeds_of_one_name_are_a_problem(tmp_path: Path) -> None:
    folder = write(tmp_path, feed("orders"))
    again = feed("orders", source={"prefix": "again/"})
    (folder / "contracts" / "zz.yaml").write_text(json.dumps(again, indent=1))
    assert refused(folder) == ["contracts/zz.yaml:3: name: contracts/orders.yaml is called orders too"]


@pytest.mark.parametrize(
    ("one", "two", "overlap"),
    [
        ({"prefix": "in/"}, {"prefix": "in/"}, True),
        ({"prefix": "in/"}, {"prefix": "in/more/"}, True),
        ({"prefix": "in/more/"}, {"prefix": "in/"}, True),
        ({"prefix": "in/"}, {"prefix": "other/"}, False),
        ({"prefix": "in/"}, {"prefix": "in/", "suffix": ".csv.gz"}, False),
        ({"prefix": "in/"}, {"prefix": "in/", "suffix": ".2024.csv"}, True),
    ],
)
def test_feeds_overlap_where_one_object_could_be_of_both(
    tmp_path: Path, one: dict[str, str], two: dict[str, str], overlap: bool
) -> None:
    folder = write(tmp_path, feed("a-feed", source=one), feed("b-feed", source=two))
    if not overlap:
        read_project(folder)
        return
    (problem,) = refused(folder)
    assert problem.startswith("contracts/b-feed.yaml:5: source.prefix: overlaps with contracts/a-feed.yaml (")


def test_feeds_may_share_a_table_of_one_design(tmp_path: Path) -> None:
    load = {"table": "shared", "partition_key": "id"}
    read_project(write(tmp_path, feed("orders", load=load), feed("customers", load=load)))


def test_feeds_that_share_a_table_must_agree_on_its_key(tmp_path: Path) -> None:
    one, two = {"table": "shared", "partition_key": "id"}, {"table": "shared", "partition_key": "code"}
    folder = write(tmp_path, feed("a-feed", load=one), feed("b-feed", load=two))
    (found,) = refused(folder)
    where, _, message = found.partition(": ")
    lines = (folder / "contracts" / "b-feed.yaml").read_text().splitlines()
    assert where == f"contracts/b-feed.yaml:{1 + lines.index(KEY_LINE)}"
    assert (
        message
        == "load.partition_key: differs from contracts/a-feed.yaml, which writes the same table shared"
    )


def test_a_project_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    folder = write(tmp_path, feed("orders"))
    assert find_project(folder / "contracts") == folder.resolve()


def test_where_there_is_no_project_the_call_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no penstock\.yaml here or in a folder above"):
        find_project(tmp_path)
