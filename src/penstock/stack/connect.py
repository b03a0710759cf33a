"""The desk side's one edge to AWS: a connection is where to and as whom, and gives clients.

A connection with an endpoint of its own is the embedded AWS. It takes nothing from the surroundings, neither
credentials nor profiles nor proxies, so that no slip of the environment can lead it to a real account.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import botocore.configprovider
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from penstock.errors import ServiceError, UsageError


@dataclass(slots=True)
class _Opened:
    """The session and clients of one connection. Never shared: two of the same words may mean two accounts, where the
    surroundings have changed in between.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    session: Any = None
    clients: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to and as whom. Without ``endpoint_url``: AWS, with the profile's credentials or the surroundings'.

    With ``endpoint_url``, ``access_key`` and ``secret_key`` must be given, and nothing else is looked at. Raises
    :class:`UsageError` where they are not.
    """

    region: str
    profile: str | None = None
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    _opened: _Opened = field(default_factory=_Opened, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse an endpoint without keys of its own, or keys and a profile at once."""
        if self.endpoint_url and not (self.access_key and self.secret_key):
            raise UsageError(
                "A connection to an endpoint of its own needs an access key and a secret key of its own."
            )
        if self.profile and (self.endpoint_url or self.access_key):
            raise UsageError("A connection has either a profile or keys of its own, not both.")

    @property
    def embedded(self) -> bool:
        """Whether this leads to an embedded AWS."""
        return self.endpoint_url is not None

    @property
    def deploy_command(self) -> str:
        """The command that deploys a project to where this leads."""
        return "penstock up" if self.embedded else "penstock deploy"

    def client(self, service: str) -> Any:
        """Give the botocore client of a service (``s3``, ``cloudformation``, ...). It may be used by many threads.

        Raises :class:`ServiceError` where the profile does not exist or there are no credentials to read.
        """
        opened = self._opened
        with opened.lock, explained(f"connect to {service}"):
            if service not in opened.clients:
                if opened.session is None:
                    opened.session = _isolated_session() if self.endpoint_url else _session(self.profile)
                opened.clients[service] = opened.session.create_client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint_url,
                    aws_access_key_id=self.access_key,
                    aws_secret_access_key=self.secret_key,
                    config=_client_config(isolated=self.endpoint_url is not None),
                )
            return opened.clients[service]

    def reaches_aws(self) -> bool:
        """Whether this is AWS, which answers over TLS alone. What answers without is an emulator, be it that the
        surroundings name its endpoint.
        """
        return str(self.client("cloudformation").meta.endpoint_url).startswith("https://")

    def credentials_end(self) -> datetime | None:
        """Give when the credentials end; None where they don't, or where nobody says."""
        if self.access_key is not None:
            return None
        self.client("sts")  # which reads the credentials
        found = self._opened.session.get_credentials()
        # botocore knows it of those that it can renew, and has no public name for it.
        end = getattr(found, "_expiry_time", None)
        return end if isinstance(end, datetime) else None

    def account(self) -> str:
        """Give the twelve digits of the account. Raises :class:`ServiceError` where the credentials don't work."""
        with explained("find out the account (sts:GetCallerIdentity)"):
            return str(self.client("sts").get_caller_identity()["Account"])


def _client_config(*, isolated: bool) -> Config:
    shared = Config(
        retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, max_pool_connections=32
    )
    # An empty map, unlike None, keeps botocore from reading HTTP_PROXY: a local endpoint is never behind one.
    return shared.merge(Config(proxies={}, s3={"addressing_style": "path"})) if isolated else shared


def _session(profile: str | None) -> Any:
    session = botocore.session.Session(profile=profile)
    session.user_agent_name = "penstock"
    return session


def _isolated_session() -> Any:
    """Make a session that reads no environment variable and no file: every variable loses its environment name."""
    known = botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES
    variables = {name: (None, None, default, convert) for name, (_, _, default, convert) in known.items()}
    for name in ("config_file", "credentials_file"):
        variables[name] = (None, None, os.devnull, None)
    return botocore.session.Session(session_vars=variables)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what botocore raises into :class:`ServiceError`: "Could not <doing>: <code>: <message>"."""
    try:
        yield
    except NoCredentialsError as error:
        raise ServiceError(
            f"Could not {doing}: there are no AWS credentials. Configure some (for example with `aws configure` or "
            "`aws sso login`), or name a profile."
        ) from error
    except ClientError as error:
        said = error.response.get("Error", {})
        raise ServiceError(
            f"Could not {doing}: {said.get('Code', 'error')}: {said.get('Message', error)}"
        ) from error
    except BotoCoreError as error:
        raise ServiceError(f"Could not {doing}: {error}") from error
