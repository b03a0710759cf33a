"""Clients of AWS, made once and handed down as arguments: nothing below reads the environment.

botocore ships no types, so a client is ``Any`` here; each module of this room names the few operations it calls.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import botocore.session

Client: TypeAlias = Any
"""A botocore client."""

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
REQUEST_SECONDS = CONNECT_SECONDS + READ_SECONDS
"""The longest that one request can be under way."""


@dataclass(frozen=True)
class Connections:
    """The clients of one process, each made when it is first asked for.

    ``region``, ``endpoint_url``, ``profile`` and the keys are those of the AWS configuration where they are None.
    """

    region: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    access_key: str | None = None
    secret_key: str | None = None

    def __getstate__(self) -> dict[str, object]:
        """Give what is sent to another process: how to connect, and no client."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def session(self) -> botocore.session.Session:
        # Imported here: it costs a fifth of a second, and commands that need no AWS should not wait for it.
        import botocore.session  # noqa: PLC0415

        session = botocore.session.Session(profile=self.profile)
        if self.access_key:
            session.set_credentials(self.access_key, self.secret_key)
        return session

    @cached_property
    def s3(self) -> Client:
        return self._client("s3")

    @cached_property
    def dynamodb(self) -> Client:
        return self._client("dynamodb")

    @cached_property
    def sns(self) -> Client:
        return self._client("sns")

    @cached_property
    def sqs(self) -> Client:
        return self._client("sqs")

    @cached_property
    def functions(self) -> Client:
        return self._client("lambda")

    @cached_property
    def stepfunctions(self) -> Client:
        return self._client("stepfunctions")

    def _client(self, service: str) -> Client:
        from botocore.config import Config  # noqa: PLC0415  (as above)

        # Bucket names can't be host names of an endpoint of one's own.
        style = {"addressing_style": "path"} if self.endpoint_url else None
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 5},
            s3=style,
            user_agent_extra="penstock",
        )
        with _MAKING:
            return self.session.create_client(
                service, region_name=self.region, endpoint_url=self.endpoint_url, config=config
            )


_MAKING = threading.Lock()
"""Making clients is the one thing about them that is not safe in threads."""
