from collections.abc import Iterator

import pytest

from penstock.local.server import Server, start_server, stop_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """An embedded AWS for the tests of this folder. A test that leaves things behind takes an account of its own."""
    started = start_server()
    yield started
    stop_server(started)
