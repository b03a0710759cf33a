"""A double of S3's reading side that can break: connections that end early, errors, ranges that are ignored.

It keeps S3's rules for HEAD and GET: versions, `If-Match`, `Range`, 404 and 412.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Bucket:
    """The objects by key, each a list of (version id or None, bytes), and what is to go wrong."""

    objects: dict[str, list[tuple[str | None, bytes]]] = field(default_factory=dict)
    drops: list[int] = field(default_factory=list)
    """For each GET to come: the bytes after which its connection ends."""
    statuses: list[int] = field(default_factory=list)
    """For each GET to come: the status it answers instead."""
    ignore_range: bool = False
    hide_missing: bool = False
    """Answer 403 for a missing key, as S3 does to who may not list the bucket."""
    forbidden: bool = False
    encoding: str | None = None
    checksum: str | None = None
    """What S3 gives as the object's CRC-32, in base64."""
    requests: list[tuple[str | None, str | None]] = field(default_factory=list)
    """The version and range of each GET."""
    url: str = ""


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small answer would wait 40 ms for an acknowledgement

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def do_GET(self) -> None:
        if "list-type" in self.path:
            self._list()
        else:
            self._answer(head=False)

    def _list(self) -> None:
        prefix = parse_qs(urlsplit(self.path).query)["prefix"][0]
        keys = "".join(
            f"<Contents><Key>{key}</Key></Contents>"
            for key in self.server.bucket.objects
            if key.startswith(prefix)
        )
        self._send(200, f"<ListBucketResult>{keys}</ListBucketResult>".encode(), {}, head=False)

    def _find(self) -> tuple[str | None, bytes] | None:
        parts = urlsplit(self.path)
        versions = self.server.bucket.objects.get(unquote(parts.path).split("/", 2)[2], [])
        wanted = parse_qs(parts.query).get("versionId", [None])[0]
        return next((v for v in reversed(versions) if wanted in {None, v[0]}), None)

    def _answer(self, head: bool) -> None:
        found = self._find()
        span = self.headers.get("Range")
        if not head:
            self.server.bucket.requests.append((found[0] if found else None, span))
            if self.server.bucket.statuses:
                return self._send(self.server.bucket.statuses.pop(0), b"", {}, head)
        if found is None:
            return self._send(403 if self.server.bucket.hide_missing else 404, b"", {}, head)
        if self.server.bucket.forbidden:
            return self._send(403, b"", {}, head)
        version, body = found
        if self.headers.get("If-Match", etag(body)) != etag(body):
            return self._send(412, b"<Error><Code>PreconditionFailed</Code></Error>", {}, head)
        names = {"ETag": etag(body), "Last-Modified": "Sun, 12 Apr 2026 20:43:38 GMT"}
        if version is not None:
            names["x-amz-version-id"] = version
        if self.server.bucket.checksum:
            names["x-amz-checksum-crc32"] = self.server.bucket.checksum
        if self.server.bucket.encoding:
            names["Content-Encoding"] = self.server.bucket.encoding
        status = 200
        if span and not self.server.bucket.ignore_range:
            start, last = (int(place) for place in span.removeprefix("bytes=").split("-"))
            part = body[start : last + 1]
            names["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(body)}"
            status, body = 206, part
        return self._send(status, body, names, head)

    def _send(self, status: int, body: bytes, names: dict[str, str], head: bool) -> None:
        self.send_response(status)
        for name, value in names.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if head:
            return
        if self.server.bucket.drops and status in {200, 206}:
            self.wfile.write(body[: self.server.bucket.drops.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)


@contextmanager
def serve_objects() -> Iterator[Bucket]:
    bucket = Bucket()
    server = _Server(bucket)
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
