"""Signature Version 4 for many requests that differ in nothing but their body.

It follows "Create a signed AWS API request" of the IAM user guide. All that does not depend on the body is made once a
second: the date, the canonical headers, the day's key. Per request two hashes and one HMAC are left.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

CONTENT_TYPE: Final = "application/x-amz-json-1.0"
USER_AGENT: Final = "penstock"


class Keys(NamedTuple):
    """AWS credentials as they are at one moment. ``token`` is that of a session, None for a user's own keys."""

    access_key: str
    secret_key: str
    token: str | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go: ``host`` as in the Host header (with the port unless it is the scheme's), and the region."""

    host: str
    region: str


class Signer:
    """Makes the heads of POST requests of one DynamoDB operation.

    ``keys`` is asked once a second for the credentials, so that a refresh takes effect while a load runs. Not safe in
    threads.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        operation: str,
        keys: Callable[[], Keys],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._target = f"DynamoDB_20120810.{operation}"
        self._keys = keys
        self._clock = clock
        self._second = -1
        self._day: tuple[str, Keys] | None = None
        self._key = b""
        self._canonical = b""
        self._to_sign = b""
        self._head = ""

    def head(self, body: bytes) -> bytes:
        """Give the request's head, signed for ``body``: the request line, the headers and the empty line."""
        second = int(self._clock())
        if second != self._second:
            self._stamp(second)
        payload = sha256(body).hexdigest().encode()
        request = sha256(self._canonical + payload).hexdigest().encode()
        signature = hmac.digest(self._key, self._to_sign + request, "sha256").hex()
        return f"{self._head}{signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    def _stamp(self, second: int) -> None:
        """Make what the requests of this second share."""
        keys = self._keys()
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        day = moment[:8]
        scope = f"{day}/{self._endpoint.region}/dynamodb/aws4_request"
        if self._day != (day, keys):
            self._key = _derive_key(keys.secret_key, scope)
            self._day = (day, keys)
        headers = {
            "content-type": CONTENT_TYPE,
            "host": self._endpoint.host,
            "x-amz-date": moment,
            **({"x-amz-security-token": keys.token} if keys.token else {}),
            "x-amz-target": self._target,
        }
        canonical = "".join(f"{name}:{value}\n" for name, value in headers.items())
        names = ";".join(headers)
        self._canonical = f"POST\n/\n\n{canonical}\n{names}\n".encode()
        self._to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n".encode()
        sent = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = (
            f"POST / HTTP/1.1\r\n{sent}user-agent: {USER_AGENT}\r\n"
            f"authorization: AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature="
        )
        self._second = second


def _derive_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
