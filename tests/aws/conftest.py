"""Connections to servers of this machine, with credentials that are good for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from penstock.aws.connect import Connections

Connect = Callable[[str], Connections]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Make connections to an endpoint; each is closed at the end of the test."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "000000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    made: list[Connections] = []

    def make(url: str) -> Connections:
        made.append(Connections(region="eu-west-1", endpoint_url=url))
        return made[-1]

    yield make
    for connections in made:
        for name in ("s3", "dynamodb", "sns"):
            if name in vars(connections):
                vars(connections)[name].close()
