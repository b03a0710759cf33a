"""Connections to servers of this machine, with keys that are good for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import botocore.loaders

from penstock.aws.connect import Connections

REGION = "us-east-1"
_LOADER = botocore.loaders.create_loader()
"""Shared, for it keeps the service models that it has read."""


@contextmanager
def connect(url: str, account: str = "000000000000") -> Iterator[Connections]:
    connections = Connections(region=REGION, endpoint_url=url, access_key=account, secret_key="none")
    connections.session.register_component("data_loader", _LOADER)
    yield connections
    for name in ("s3", "dynamodb", "sns"):
        if name in vars(connections):
            vars(connections)[name].close()
