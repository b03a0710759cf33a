"""checkov finds nothing in any template but what stands beside its resource, with the reason."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from stack_samples import ACCOUNT, KEY, templates_of, write_project
from test_stack_template import VARIANTS

from penstock.stack.names import Names
from penstock.stack.resources.key import key_template

CHECKOV = Path(__file__).parents[2] / ".venv-checkov" / "bin" / "checkov"
pytestmark = pytest.mark.skipif(
    not CHECKOV.exists(), reason="checkov is not installed: make .venv-checkov/ready"
)
EACH_WAY = {"queue", "direct", "schedule", "glue"}
"""The variants that are looked at with a key too, and without their reasons."""


@dataclass(frozen=True)
class Review:
    """What checkov failed, by the template's file, and the reasons that the templates give."""

    failed: Mapping[str, set[tuple[str, str]]]
    accepted: Mapping[str, set[tuple[str, str]]]


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Review:
    """One run over all templates in one folder, for starting takes most of its time."""
    folder = tmp_path_factory.mktemp("templates")
    accepted = {}
    for name, body in _templates(tmp_path_factory.mktemp("projects")):
        (folder / f"{name}.json").write_text(json.dumps(body))
        accepted[name] = set(_accepted(body))
        if name.split(".")[0] in EACH_WAY:
            (folder / f"{name}.bare.json").write_text(json.dumps(_without_reasons(body)))
    done = subprocess.run(
        [CHECKOV, "-d", folder, "--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    failed: dict[str, set[tuple[str, str]]] = {path.stem: set() for path in folder.iterdir()}
    for found in report["results"]["failed_checks"]:
        failed[Path(found["file_path"]).stem].add((found["resource"].rpartition(".")[2], found["check_id"]))
    assert report["summary"]["resource_count"] > len(failed)
    return Review(failed, accepted)


def _templates(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every feed that the options can make, and what feeds share."""
    account: dict[str, Any] = {
        "landing": {"bucket": "their-lake", "key": KEY},
        "permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
        "vpc": {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]},
    }
    ways = {"own-key": {"encryption": {"key": KEY}}, "account": account, "no-key": {}}
    for key, project in ways.items():
        for variant, contract in VARIANTS.items():
            if project and variant not in EACH_WAY:
                continue
            options = dict(project)
            if contract.get("engine"):  # a job is in no network of the project's
                options.pop("vpc", None)
            written = write_project(
                folder / variant / key, [contract], alerts={"email": ["data@example.com"]}, **options
            )
            for template in templates_of(written):
                if template.tier == "feed" or variant == "queue":
                    yield f"{variant}.{key}.{template.tier}", template.body
    traced = templates_of(write_project(folder / "traced", [VARIANTS["queue"]], tracing=True))
    yield "traced", next(template.body for template in traced if template.tier == "feed")
    yield "key", key_template(Names("shop", ACCOUNT, "eu-central-1"))


def _accepted(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for logical_id, resource in body["Resources"].items():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", ()):
            assert len(skip["comment"]) > 20, "a reason says why"
            yield logical_id, skip["id"]


def _without_reasons(body: Mapping[str, Any]) -> Mapping[str, Any]:
    resources = {
        logical_id: {key: value for key, value in resource.items() if key != "Metadata"}
        for logical_id, resource in body["Resources"].items()
    }
    return {**body, "Resources": resources}


def test_checkov_finds_nothing_that_has_no_reason(review: Review) -> None:
    looked_at = {name: found for name, found in review.failed.items() if not name.endswith(".bare")}
    assert len(looked_at) > len(VARIANTS) + len(EACH_WAY)
    assert {name: found for name, found in looked_at.items() if found} == {}


def test_every_reason_is_one_for_something_that_checkov_finds(review: Review) -> None:
    """One that is no longer needed would hide what comes after it."""
    bare = {
        name.removesuffix(".bare"): found for name, found in review.failed.items() if name.endswith(".bare")
    }
    assert bare
    for name, found in bare.items():
        assert review.accepted[name] == found


def test_with_a_key_of_its_own_a_project_needs_no_reason_about_encryption(review: Review) -> None:
    asked = {"CKV_AWS_26", "CKV_AWS_27", "CKV_AWS_119", "CKV_AWS_158", "CKV_AWS_173"}
    about = {
        name: asked & {check for _, check in accepted}
        for name, accepted in review.accepted.items()
        if name.startswith("queue.")
    }
    assert {name for name, found in about.items() if found} == {
        "queue.account.feed",
        "queue.account.foundation",
        "queue.no-key.feed",
        "queue.no-key.foundation",
    }
