"""Plan a deploy: package, templates and change sets, as frozen data. Nothing that exists is changed here.

What a dry run leaves behind, change sets and the empty stacks that they bring into being, :func:`discard` removes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from penstock.contract.project import Project
from penstock.errors import PenstockError, ServiceError
from penstock.plan.codec import write_plan
from penstock.plan.model import Plan
from penstock.stack.adopt import describe_kept, index_steps, require_own_buckets
from penstock.stack.changes import ChangeLine, ChangeSet, create_change_set
from penstock.stack.connect import Connection, explained
from penstock.stack.existing_bucket import BucketPlan, plan_bucket
from penstock.stack.follow import OnEvent
from penstock.stack.job_package import SCRIPT, JobPackage, build_job_package, digest_job_package, job_code
from penstock.stack.names import Names, name_project
from penstock.stack.package import Progress, build_package
from penstock.stack.resources.function import Code
from penstock.stack.resources.glue import JobCode, has_job, plan_key
from penstock.stack.state import StackState, find_stacks, require_ours, settle
from penstock.stack.target import Target
from penstock.stack.template import StackOptions, StackTemplate, build_templates

AT_ONCE: Final = 8  # stacks under way side by side: within CloudFormation's request rates
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class PreparedStack:
    """A stack to deploy. ``change_set`` is None where nothing changes.

    ``steps`` are templates to pass through first, where the wanted one can't be reached at once.
    """

    template: StackTemplate
    new: bool
    change_set: ChangeSet | None
    steps: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """What has to lie in the artifacts bucket before the feeds: a file or its bytes. Its key changes with what is in it."""

    key: str
    content: Path | bytes
    what: str

    @property
    def size(self) -> int:
        """The size in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def open(self) -> BinaryIO:
        """Open it to be read."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")


@dataclass(frozen=True, slots=True)
class PreparedDeploy:
    """All that a deploy would do. ``obsolete`` are the stacks that the project no longer has, of feeds or of a landing bucket of its
    own. ``bucket`` is what is to be done about one that is not its own.
    """

    names: Names
    target: Target
    uploads: tuple[Upload, ...]
    stacks: tuple[PreparedStack, ...]
    obsolete: tuple[StackState, ...]
    bucket: BucketPlan | None = None

    @property
    def lines(self) -> tuple[ChangeLine, ...]:
        """Every change, in the order of deployment."""
        changed = [line for stack in self.stacks if stack.change_set for line in stack.change_set.lines]
        asked = () if self.bucket is None else self.bucket.lines
        return (*changed, *asked, *(_removal(self.names, state) for state in self.obsolete))


def prepare_deploy(
    project: Project,
    plans: Mapping[str, Plan],
    connection: Connection,
    target: Target,
    *,
    cache: Path,
    progress: Progress,
    on_event: OnEvent,
) -> PreparedDeploy:
    """Package the function, build the templates, and have CloudFormation say what would change.

    Raises :class:`~penstock.errors.ContractError`, :class:`UsageError` and :class:`ServiceError` for what stands in the
    way; nothing is left behind then.
    """
    names = name_project(project, connection.account(), connection.region)
    bucket = plan_bucket(connection, names)
    package = build_package({feed: write_plan(plan) for feed, plan in plans.items()}, target, cache, progress)
    code = package_code(names, target, package.digest)
    options = stack_options(plans, names, code, target, connection)
    templates = build_templates(project, plans, options)
    uploads = [Upload(code.key, package.path, "the function")]
    if options.job_code is not None:
        job = build_job_package(cache, progress)
        uploads += _job_uploads(plans, options.job_code, job)
    progress("Comparing the project with what is deployed")
    states = find_stacks(connection, project.name)
    wanted = {template.name for template in templates}
    for template in templates:
        require_ours(connection, template.name, states)

    def prepare(template: StackTemplate) -> PreparedStack:
        return _prepare_stack(connection, template, states.get(template.name), target, on_event)

    try:
        stacks = side_by_side(prepare, templates)
    except PenstockError:
        discard_planned(connection, project.name)
        raise
    obsolete = tuple(state for name, state in sorted(states.items()) if name not in wanted)
    return PreparedDeploy(names, target, tuple(uploads), tuple(stacks), obsolete, bucket)


def package_code(names: Names, target: Target, digest: str) -> Code:
    """Give where the package of this digest lies and how it is run."""
    return Code(
        bucket=names.artifacts_bucket,
        key=f"code/{digest}.zip",
        handler=target.handler,
        runtime=target.runtime,
        architecture=target.architecture,
    )


def _job_uploads(plans: Mapping[str, Plan], code: JobCode, package: JobPackage) -> Iterator[Upload]:
    yield Upload(code.wheels, package.path, "the job's package")
    yield Upload(code.script, SCRIPT.encode(), "the job's script")
    for plan in filter(has_job, plans.values()):
        yield Upload(plan_key(plan), write_plan(plan).encode(), f"the plan of {plan.name}")


def stack_options(
    plans: Mapping[str, Plan], names: Names, code: Code, target: Target, connection: Connection
) -> StackOptions:
    """Give what the templates take from where they go. An emulator that the surroundings name takes neither saved queries
    nor jobs.
    """
    aws = connection.reaches_aws()
    jobs = target.glue and aws and any(map(has_job, plans.values()))
    return StackOptions(
        names, code, target.saved_queries and aws, job_code(digest_job_package()) if jobs else None
    )


def discard(connection: Connection, prepared: PreparedDeploy) -> None:
    """Remove what planning left behind, as nothing will be deployed."""
    client = connection.client("cloudformation")
    for stack in prepared.stacks:
        if stack.change_set is not None:
            with explained(f"discard the changes to {stack.template.name}"):
                client.delete_change_set(ChangeSetName=stack.change_set.change_set_id)
    discard_planned(connection, prepared.names.project)


def discard_planned(connection: Connection, project: str) -> None:
    """Remove the project's stacks that are only planned."""
    client = connection.client("cloudformation")
    for state in find_stacks(connection, project).values():
        if state.planned_only:
            with explained(f"discard the planned stack {state.name}"):
                client.delete_stack(StackName=state.stack_id)


def side_by_side(do: Callable[[_Given], _Made], given: Iterable[_Given]) -> list[_Made]:
    """Do something for each, some at once, and give the results in order.

    Everything begun is finished. Raises the first error alone where there is one, and one :class:`ServiceError` that
    tells all where there are several.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(do, one) for one in given]
    errors = [error for future in futures if (error := future.exception()) is not None]
    explained_errors = [error for error in errors if isinstance(error, PenstockError)]
    if len(errors) > 1 and len(explained_errors) == len(errors):
        raise ServiceError("\n".join(dict.fromkeys(str(error) for error in errors)))
    return [future.result() for future in futures]


def _prepare_stack(
    connection: Connection,
    template: StackTemplate,
    state: StackState | None,
    target: Target,
    on_event: OnEvent,
) -> PreparedStack:
    new = settle(state, connection, target.poll_seconds, on_event)
    changes = create_change_set(
        connection, template.name, template.body, template.tags, new=new, target=target
    )
    if changes is None:
        return PreparedStack(template, new, None)
    return PreparedStack(template, new, changes, _find_steps(connection, template, changes, new=new))


def _find_steps(
    connection: Connection, template: StackTemplate, changes: ChangeSet, *, new: bool
) -> tuple[Mapping[str, Any], ...]:
    """Give the templates to pass through before the wanted one."""
    adopted = [line.logical_id for line in changes.lines if line.action == "adopt"]
    steps: Sequence[Mapping[str, Any]] = ()
    if adopted:
        require_own_buckets(connection, template.body, adopted)
        kept = describe_kept(connection, template.body, adopted)
        if kept != template.body:
            steps = (kept, *index_steps(kept, template.body))
    elif not new:
        steps = index_steps(read_template(connection, template.name), template.body)
    return tuple(steps)


def read_template(connection: Connection, stack: str) -> Mapping[str, Any]:
    """Give the template that a stack was last deployed with. Raises :class:`ServiceError`."""
    with explained(f"read the template of the stack {stack}"):
        body = connection.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    with suppress(ValueError):
        body = json.loads(body) if isinstance(body, str) else body
    if not isinstance(body, Mapping):
        raise ServiceError(f"The template of the stack {stack} is not JSON: it was not deployed by Penstock.")
    return body


def _removal(names: Names, state: StackState) -> ChangeLine:
    landing = state.name == names.landing_stack
    return ChangeLine(
        stack=state.name,
        action="remove",
        kind="AWS::CloudFormation::Stack",
        name=state.name,
        logical_id=state.name,
        replacement="no",
        why=f"files land in {names.landing_bucket} now; {names.own_landing_bucket} is kept"
        if landing
        else "its feed is no longer in the project; its table is kept",
    )
