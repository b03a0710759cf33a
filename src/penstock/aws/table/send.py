"""Requests that write, signed and sent: bytes in, status and bytes out.

A client of botocore spends a hundred times the work on a batch, turning items into objects and back. Where the way to the
service is plain, as nearly everywhere, requests go over bare connections (:mod:`penstock.aws.table.wire`). Where it is not
(proxies, client certificates, other signatures), botocore's parts do it. Endpoints and credentials are botocore's always.
"""

from __future__ import annotations

import select
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.httpsession import URLLib3Session, get_cert_path
from botocore.signers import RequestSigner
from botocore.utils import get_environ_proxies

from penstock.aws.connect import CONNECT_SECONDS, READ_SECONDS
from penstock.aws.explain import explain_error
from penstock.aws.table.flights import Answer, Flights, ThreadedFlights
from penstock.aws.table.sign import CONTENT_TYPE, USER_AGENT, Endpoint, Keys, Signer
from penstock.aws.table.wire import Address, Connection, WireFlights
from penstock.errors import ServiceError

if TYPE_CHECKING:
    from penstock.aws.connect import Connections

__all__ = ["Answer", "Sender"]

_PORTS: Final = {"https": 443, "http": 80}


class Sender:
    """Sends requests of the low-level API (AWS JSON 1.0) to DynamoDB. Safe in threads; connections are kept.

    ``direct`` False sends as botocore does, whatever the way.
    """

    def __init__(self, connections: Connections, lanes: int, *, direct: bool = True) -> None:
        client = connections.dynamodb
        self._client = client
        self._url: str = client.meta.endpoint_url.rstrip("/") + "/"
        self._session = connections.session
        self._credentials = connections.session.get_credentials()
        self._verify = connections.session.get_config_variable("ca_bundle") or True
        self._lanes = lanes
        self._http: URLLib3Session | None = None
        self._pool: list[Connection] = []
        self._address = self._find_address() if direct else None

    @property
    def direct(self) -> bool:
        """Tells whether requests go over bare connections."""
        return self._address is not None

    def _find_address(self) -> Address | None:
        """Give where to connect to, None where it takes more than a connection and Signature Version 4."""
        place = urlsplit(self._url)
        config = self._client.meta.config
        if (
            place.scheme not in _PORTS
            or place.hostname is None
            or place.path != "/"
            or get_environ_proxies(self._url)
            or config.proxies
            or config.client_cert
            or config.signature_version != "v4"
            or not hasattr(select, "poll")
        ):
            return None
        return Address(place.hostname, place.port or _PORTS[place.scheme], self._make_tls(place.scheme))

    def _make_tls(self, scheme: str) -> ssl.SSLContext | None:
        if scheme == "http":
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies the certificate and the host's name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        bundle = get_cert_path(self._verify)
        try:
            context.load_verify_locations(bundle)
        except OSError as error:
            raise ServiceError(
                f"The bundle of certificates {bundle} can't be read. Correct AWS_CA_BUNDLE or `ca_bundle` of the AWS "
                "configuration, and try again."
            ) from error
        return context

    def launch(self, lanes: int, operation: str) -> Flights:
        """Give a way to have up to ``lanes`` requests of an operation under way, for one thread."""
        if self._address is None:
            return ThreadedFlights(self, lanes, operation)
        place = urlsplit(self._url)
        host = f"[{place.hostname}]" if ":" in str(place.hostname) else str(place.hostname)
        if self._address.port != _PORTS[place.scheme]:
            host = f"{host}:{self._address.port}"
        endpoint = Endpoint(host, self._client.meta.region_name)
        keys = partial(self._read_keys, operation)
        return WireFlights(self._address, Signer(endpoint, operation, keys), self._pool, lanes)

    def send(self, operation: str, body: bytes) -> Answer:
        """Send one request as botocore does, and wait for its answer.

        Raises botocore's errors of connections; says nothing about what the answer means.
        """
        self._read_keys(operation)
        headers = {
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "User-Agent": USER_AGENT,
        }
        request = AWSRequest(method="POST", url=self._url, data=body, headers=headers)
        self._make_signer().sign(operation, request)
        answer = self._connect().send(request.prepare())
        return Answer(answer.status_code, answer.content)

    def _make_signer(self) -> Any:
        config = self._client.meta.config
        return RequestSigner(
            self._client.meta.service_model.service_id,
            self._client.meta.region_name,
            "dynamodb",
            config.signature_version,
            self._credentials,
            self._client.meta.events,
        )

    def _connect(self) -> URLLib3Session:
        if self._http is None:
            config = self._client.meta.config
            self._http = URLLib3Session(
                verify=self._verify,
                proxies=config.proxies or get_environ_proxies(self._url),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                max_pool_connections=self._lanes,
                client_cert=config.client_cert,
                proxies_config=config.proxies_config,
            )
        return self._http

    def _read_keys(self, operation: str) -> Keys:
        """Give the credentials of this moment; they are refreshed by botocore when they near their end."""
        try:
            if self._credentials is None:
                raise NoCredentialsError
            frozen = self._credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise explain_error(error, "sign a request to DynamoDB", f"dynamodb:{operation}") from error
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    def close(self) -> None:
        """Close the connections kept."""
        if self._http is not None:
            self._http.close()
            self._http = None
        while self._pool:
            self._pool.pop().socket.close()
