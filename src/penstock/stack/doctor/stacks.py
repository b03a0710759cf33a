"""Whether what is deployed is what this version of Penstock would deploy of the project."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.stack.doctor.finding import Finding, Subject
from penstock.stack.prepare import read_template
from penstock.stack.state import StackState, find_stacks
from penstock.stack.template import StackTemplate

_WELL: Final = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


def check_stacks(subject: Subject) -> Iterator[Finding]:
    """Compare each stack with its template, the function's package included, and name stacks that should be no more."""
    states = subject.states or find_stacks(subject.connection, subject.project.name)
    for template in subject.templates:
        yield _compare(subject, template, states.get(template.name))
    wanted = {template.name for template in subject.templates}
    for name in sorted(states.keys() - wanted):
        text = f"the stack {name} belongs to nothing that the project has"
        yield Finding(
            "stacks", None, "warning", text, f"{subject.deploy} (it deletes the stack, and keeps its data)"
        )


def _compare(subject: Subject, template: StackTemplate, state: StackState | None) -> Finding:
    if state is None or state.planned_only:
        return Finding(
            "stacks",
            template.feed,
            "problem",
            f"the stack {template.name} is not deployed",
            subject.deploy,
        )
    if state.status not in _WELL:
        busy = state.status.endswith("_IN_PROGRESS")
        done = state.status == "UPDATE_ROLLBACK_COMPLETE"  # it is sound, and what it was before
        text = f"the stack {template.name} is in the state {state.status}"
        do = "Wait until that is done." if busy else f"{subject.deploy}, which says what fails"
        return Finding("stacks", template.feed, "warning" if busy or done else "problem", text, do)
    found = read_template(subject.connection, template.name)
    if _plain(found) == _plain(template.body):
        return Finding("stacks", template.feed, "ok", f"the stack {template.name} is as the project says")
    if _plain(_without_code(found)) == _plain(_without_code(template.body)):
        text = (
            f"the functions of {template.name} run another package than this version and these contracts give"
        )
    else:
        text = f"the stack {template.name} differs from what the project says now"
    asking = "" if subject.connection.embedded else ", which shows the changes and asks"
    return Finding("stacks", template.feed, "warning", text, f"{subject.deploy}{asking}")


def _plain(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True)


def _without_code(body: Mapping[str, Any]) -> Mapping[str, Any]:
    stripped = copy.deepcopy(dict(body))
    for resource in stripped.get("Resources", {}).values():
        if resource.get("Type") == "AWS::Lambda::Function":
            resource.get("Properties", {}).pop("Code", None)
    return stripped
