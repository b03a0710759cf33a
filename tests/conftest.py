"""How properties are tried: anew each time by people, the same each time in continuous integration.

A property that finds something new is a gift at a desk, and a riddle in a run that should judge one change.
And the embedded AWS for all tests that deploy nothing: each works in an account of its own.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from penstock.local.server import Server, start_server, stop_server

settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the end-to-end tests first: what comes first stays with one worker, and to each their project is deployed anew."""
    items.sort(key=lambda item: item.path.parent.name != "end_to_end")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The embedded AWS. What is deployed there would be called by its schedules: a test that deploys has its own."""
    started = start_server()
    yield started
    stop_server(started)
