"""Who may ask: only the browser that was given the token, and no site that it has open beside.

The console is bound to loopback, but any page in a browser of this machine can send requests there, and a name that
an attacker owns can be made to point to 127.0.0.1 (DNS rebinding). So the Host header must be the console's own, nothing
but GET and HEAD is answered, and a request must carry the token: in the address once, as a cookie from then on, which
other sites can neither read nor send (SameSite=Strict, HttpOnly). What is answered can't be framed, embedded or read by others.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import Final

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What every answer says. The policy allows no script, style or image but the console's own files, and none in a page."""

METHODS: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Guard:
    """What a request must have to be answered by the console at ``port``."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def url(self) -> str:
        """The address to open, with the token. Whoever has it may look."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """The value of Set-Cookie for who brought the token. Cookies don't tell ports apart, so that its name does."""
        return f"{self._name}={self.token}; Path=/; HttpOnly; SameSite=Strict"

    def is_meant(self, hosts: Sequence[str]) -> bool:
        """Tell whether the Host headers, which must be one, name this console."""
        return len(hosts) == 1 and hosts[0] in {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}

    def is_from_elsewhere(self, headers: Message) -> bool:
        """Tell whether the browser says that another site's page sent the request, and not a person who followed a link.

        https://www.w3.org/TR/fetch-metadata/; another port of 127.0.0.1 is ``same-site`` there.
        """
        site, mode = headers.get("Sec-Fetch-Site"), headers.get("Sec-Fetch-Mode")
        return site in {"cross-site", "same-site"} and mode != "navigate"

    def knows(self, token: str) -> bool:
        """Tell whether this is the token."""
        return secrets.compare_digest(token.encode("utf-8", "surrogateescape"), self.token.encode())

    def admits(self, cookies: str) -> bool:
        """Tell whether a Cookie header holds the token.

        It is read pair by pair: what else runs at 127.0.0.1 leaves cookies there too, of any form, and each comes along.
        """
        pairs = (pair.strip().partition("=") for pair in cookies.split(";"))
        return any(name == self._name and self.knows(value) for name, _, value in pairs)

    @property
    def _name(self) -> str:
        return f"penstock-{self.port}"
