"""The console's HTTP server: lets through who may ask, and sends what the routes answer.

It listens on 127.0.0.1 alone and answers from threads, for a page may wait for AWS while another is asked for.
"""

from __future__ import annotations

import sys
import traceback
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from penstock.console.guard import HEADERS, METHODS, Guard
from penstock.console.html import Element, document
from penstock.console.pages.refusal import entrance_page, refusal_page, stranger_page
from penstock.console.routes import Console
from penstock.errors import UsageError

_FILES: Final = {
    "/console.css": ("console.css", "text/css"),
    "/console.js": ("console.js", "text/javascript"),
    "/console.svg": ("console.svg", "image/svg+xml"),
    "/favicon.ico": ("console.svg", "image/svg+xml"),  # which browsers ask for by themselves
}
"""What is sent to anybody at this machine: there is nothing in it."""
_DEFECT: Final = "This is a defect of Penstock and not of your data. The terminal in which the console runs says more: please report that."


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 at ``port``, or at a free one where that is 0. Raises :class:`UsageError` where it is taken."""

    daemon_threads = True

    def __init__(self, console: Console, port: int = 0) -> None:
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"The port {port} of 127.0.0.1 can't be used: {error}. Choose another, or none."
            ) from error
        self.console = console
        self.guard = Guard(self.server_address[1])

    def server_bind(self) -> None:
        """Bind, and don't ask the DNS what 127.0.0.1 is called, as HTTPServer does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away before it had all."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that a connection may be silent

    def do_GET(self) -> None:
        guard = self.server.guard
        if not guard.is_meant(self.headers.get_all("Host", [])) or guard.is_from_elsewhere(self.headers):
            self.send_error(HTTPStatus.FORBIDDEN, "Not for you")
            return
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.send_error(
                HTTPStatus.BAD_REQUEST, "A request that looks has no body"
            )  # which nobody would read
            return
        path, query = urlsplit(f"//host{self.path}")[2:4] if self.path.startswith("/") else ("", "")
        if path in _FILES:
            name, kind = _FILES[path]
            self._send(HTTPStatus.OK, kind, _file(name))
            return
        token = parse_qs(query).get("token") if path == "/" else None
        if token is not None and guard.knows(token[0]):
            self._send_page(HTTPStatus.OK, entrance_page(), {"Set-Cookie": guard.cookie})
        elif token is not None or not guard.admits("; ".join(self.headers.get_all("Cookie", []))):
            self._send_page(HTTPStatus.FORBIDDEN, stranger_page())
        else:
            self._answer()

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self) -> None:
        try:
            answer = self.server.console.answer(self.path)
        except Exception:  # noqa: BLE001 -- the last one to catch anything; it is shown whole on the terminal
            traceback.print_exc()
            page = refusal_page(self.server.console.frame, "The console failed", [_DEFECT])
            self._send_page(HTTPStatus.INTERNAL_SERVER_ERROR, page)
        else:
            self._send_page(answer.status, answer.page)

    def _send_page(self, status: int, page: Element, more: dict[str, str] | None = None) -> None:
        self._send(status, "text/html; charset=utf-8", document(page), more)

    def _send(self, status: int, kind: str, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **HEADERS, **(more or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse in plain text. Of another method than GET and HEAD nothing but its name was read."""
        del explain
        known = self.command in METHODS
        if code == HTTPStatus.NOT_IMPLEMENTED and not known:
            code, message = HTTPStatus.METHOD_NOT_ALLOWED, "It only looks"
        self.close_connection = True
        body = f"{message or HTTPStatus(code).phrase}\n".encode("ascii", "replace")
        self._send(
            code, "text/plain; charset=utf-8", body, {"Allow": ", ".join(METHODS), "Connection": "close"}
        )

    def version_string(self) -> str:
        """Tell no versions."""
        return "penstock"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name that the library gives it
        """Say nothing of each request: addresses hold ids of runs and, once, the token."""


@cache
def _file(name: str) -> bytes:
    return files("penstock.console").joinpath(name).read_bytes()
