"""Write a project's templates without AWS: to read, to check, or to deploy by other means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from penstock.contract.project import Project, read_project
from penstock.contract.scalars import REGION
from penstock.errors import UsageError
from penstock.stack.job_package import job_code
from penstock.stack.names import Names, name_project
from penstock.stack.plans import compile_feeds
from penstock.stack.prepare import package_code
from penstock.stack.resources.key import key_template
from penstock.stack.target import Target, aws_target
from penstock.stack.template import StackOptions, build_templates

ACCOUNT: Final = "123456789012"  # AWS's own example of an account


def synth(
    folder: Path,
    *,
    account: str = ACCOUNT,
    region: str | None = None,
    target: Target | None = None,
    code_digest: str = "package",
) -> dict[str, str]:
    """Give the project's templates: file names, in the order of deployment, to indented JSON.

    The account stands in names and ARNs, so that templates to deploy need the right one. ``code_digest`` is that of
    the package (:func:`penstock.stack.package.build_package`), of whose place only a placeholder is known here.
    Raises :class:`~penstock.errors.ContractError`, and :class:`~penstock.errors.UsageError` where neither the call nor the
    project names a region.
    """
    project = read_project(folder)
    plans = compile_feeds(project)
    names = _name(project, account, region)
    target = target or aws_target(project.architecture)
    code = package_code(names, target, code_digest)
    jobs = job_code(code_digest) if target.glue else None
    templates = build_templates(project, plans, StackOptions(names, code, target.saved_queries, jobs))
    return {f"{template.name}.template.json": _write(template.body) for template in templates}


def synth_key(folder: Path, *, account: str = ACCOUNT, region: str | None = None) -> dict[str, str]:
    """Give the template of a key for the project, as its file's name and indented JSON.

    It is deployed by whoever answers for keys; the policy in it is what a key of theirs needs. Raises as :func:`synth`
    does.
    """
    names = _name(read_project(folder), account, region)
    return {f"{names.key_stack}.template.json": _write(key_template(names))}


def find_stale(place: Path, templates: Mapping[str, str]) -> list[Path]:
    """Find the templates in a folder that an earlier synth of the same project left: of a feed, or a landing bucket, that is no more.

    ``templates`` are those of now, as :func:`synth` gives them. The project is known by what templates say of themselves.
    """
    project, _, _ = _description(next(iter(templates.values()))).partition(":")
    lost = (f"{project}: the feed ", f"{project}: where files land")
    others = [
        path
        for path in sorted(place.glob("*.template.json"))
        if path.is_file() and path.name not in templates
    ]
    return [path for path in others if _description(path.read_text("utf-8", "replace")).startswith(lost)]


def _description(template: str) -> str:
    try:
        found = json.loads(template)["Description"]
    except (ValueError, LookupError, TypeError):
        return ""  # it is somebody else's
    return str(found)


def _name(project: Project, account: str, region: str | None) -> Names:
    region = region or project.region
    if region is None:
        raise UsageError(
            "The templates name their region: say --region, or write `region` into penstock.yaml."
        )
    try:
        REGION.check(region)
    except ValueError as error:
        raise UsageError(f"--region {error}; {region!r} is none.") from None
    return name_project(project, account, region)


def _write(body: Mapping[str, Any]) -> str:
    return json.dumps(body, indent=2, sort_keys=True) + "\n"
