"""One DynamoDB request, signed and sent: bytes in, status and bytes out.

A client of botocore spends a hundred times the work on a batch, turning items into objects and back. Its parts are
used here for what they are good at: endpoints, credentials, signatures (SigV4), connections, proxies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from penstock.aws.connect import CONNECT_SECONDS, READ_SECONDS
from penstock.aws.explain import explain_error

if TYPE_CHECKING:
    from penstock.aws.connect import Connections


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered."""

    status: int
    body: bytes


class Sender:
    """Sends requests of the low-level API (AWS JSON 1.0) to DynamoDB. Safe in threads; ``lanes`` connections are kept."""

    def __init__(self, connections: Connections, lanes: int) -> None:
        client = connections.dynamodb
        self._url: str = client.meta.endpoint_url + "/"
        self._region: str = client.meta.region_name
        self._credentials = connections.session.get_credentials()
        self._http = URLLib3Session(
            verify=connections.session.get_config_variable("ca_bundle") or True,
            proxies=get_environ_proxies(self._url),
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            max_pool_connections=lanes,
        )

    def send(self, operation: str, body: bytes) -> Answer:
        """Send one request. Raises botocore's errors of connections; says nothing about what the answer means."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "User-Agent": "penstock",
        }
        request = AWSRequest(method="POST", url=self._url, data=body, headers=headers)
        SigV4Auth(self._frozen(), "dynamodb", self._region).add_auth(request)
        answer = self._http.send(request.prepare())
        return Answer(answer.status_code, answer.content)

    def _frozen(self) -> Any:
        """Give the credentials of this moment; they are refreshed by botocore when they near their end."""
        try:
            if self._credentials is None:
                raise NoCredentialsError
            return self._credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise explain_error(error, "sign a request to DynamoDB", "dynamodb:BatchWriteItem") from error

    def close(self) -> None:
        """Close the connections kept."""
        self._http.close()
