"""An embedded AWS that asks IAM about every call, and projects deployed there; as people use it, it does not ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stack_samples import write_project

from penstock.local import server as server_module
from penstock.local.install import cache_folder
from penstock.local.server import Server, start_server, stop_server
from penstock.stack import prepare as prepare_module
from penstock.stack.connect import Connection
from penstock.stack.deploy import deploy
from penstock.stack.names import Names
from penstock.stack.target import emulated_target
from penstock.stack.template import StackTemplate, build_templates


@contextmanager
def run_enforcing_server() -> Iterator[Server]:
    usual = server_module.server_environment

    def with_iam(*arguments: Any, **options: Any) -> Mapping[str, str]:
        return {**usual(*arguments, **options), "AUTH": "true"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_module, "server_environment", with_iam)
        started = start_server()
    try:
        yield started
    finally:
        stop_server(started)


def deploy_enforced(
    server: Server, folder: Path, *feeds: dict[str, Any], **more: Any
) -> tuple[Connection, Names]:
    """Deploy a project of these feeds, and with ``more`` in its file, with all policies but for their refusal of what is not encrypted on its way.

    On loopback nothing is, and S3's own messages to the queues count as not encrypted either.
    """
    connection = server.connection()
    project = write_project(folder, feeds, **more)

    def without_tls(*arguments: Any) -> tuple[StackTemplate, ...]:
        return tuple(_let_in_the_clear(template) for template in build_templates(*arguments))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare_module, "build_templates", without_tls)
        deployed = deploy(
            project,
            connection,
            emulated_target(),
            confirm=lambda _: True,
            cache=cache_folder() / "package",
        )
    assert deployed is not None
    return connection, deployed.names


def _let_in_the_clear(template: StackTemplate) -> StackTemplate:
    resources = {}
    for logical_id, resource in template.body["Resources"].items():
        document = resource["Properties"].get("PolicyDocument")
        if document is None:
            resources[logical_id] = resource
            continue
        kept = [one for one in document["Statement"] if one["Sid"] != "EncryptedTransportOnly"]
        if kept:  # a policy that says nothing else is left out
            properties = {**resource["Properties"], "PolicyDocument": {**document, "Statement": kept}}
            resources[logical_id] = {**resource, "Properties": properties}
    return replace(template, body={**template.body, "Resources": resources})
