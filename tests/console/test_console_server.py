"""Only the browser that was given the token is answered, and no site beside it learns or does anything."""

import re
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest
from console_samples import Memory, Seen, denied, make_console, make_run, serving
from patience import PATIENCE

from penstock.console.guard import HEADERS
from penstock.console.server import Server
from penstock.errors import ContractError, UsageError

PAGES = [
    "/",
    "/runs",
    "/runs?feed=orders&status=done",
    "/runs/run-1",
    "/runs/run-1/rejects",
    "/trends",
    "/alarms",
]


@pytest.fixture(scope="module")
def data() -> Memory:
    return Memory(found=[make_run(1)])


@pytest.fixture(scope="module")
def server(data: Memory) -> Iterator[Server]:
    with serving(make_console(data, project="secret-project")) as started:
        yield started


def ask(
    server: Server, path: str = "/", *, method: str = "GET", admitted: bool = True, **headers: str
) -> tuple[HTTPResponse, str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if admitted:
        sent["Cookie"] = f"other=1; {server.guard.cookie.partition(';')[0]}"
    connection = HTTPConnection("127.0.0.1", server.guard.port, timeout=PATIENCE)
    connection.request(method, path, headers=sent)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def raw(server: Server, request: str) -> str:
    with socket.create_connection(("127.0.0.1", server.guard.port), timeout=PATIENCE) as wire:
        wire.sendall(request.encode("latin-1"))
        wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(65536), b"")).decode()


def test_it_listens_on_loopback_alone(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.socket.family == socket.AF_INET


def test_without_the_token_nothing_of_the_project_is_told(server: Server) -> None:
    for path in [*PAGES, "/?token=", "/?token=wrong", "/nothing"]:
        answer, body = ask(server, path, admitted=False)
        assert answer.status == 403
        assert "secret-project" not in body
        assert answer.getheader("Set-Cookie") is None


def test_a_wrong_token_is_refused_to_who_is_admitted(server: Server) -> None:
    assert ask(server, "/?token=wrong")[0].status == 403


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_has(server: Server) -> None:
    answer, body = ask(server, f"/?token={server.guard.token}", admitted=False)
    cookie = answer.getheader("Set-Cookie") or ""
    assert answer.status == 200
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert Seen(body).all("meta", http_equiv="refresh", content="0; url=/")
    assert ask(server, "/runs", admitted=False, Cookie=cookie.partition(";")[0])[0].status == 200


def test_the_token_opens_only_where_it_belongs(server: Server) -> None:
    assert ask(server, f"/runs?token={server.guard.token}", admitted=False)[0].status == 403


@pytest.mark.parametrize("cookie", ["", "penstock-1=x", "a b c;;;=", 'penstock-0="', "\xff=\xff"])
def test_another_cookie_is_refused(server: Server, cookie: str) -> None:
    assert ask(server, admitted=False, Cookie=cookie)[0].status == 403


@pytest.mark.parametrize(
    "other", ['theme={"dark": 1}', "a b=1", "flag", 'a="', "\xff=\xff", "penstock-{port}=old"]
)
def test_cookies_that_others_left_at_this_address_are_no_hindrance(server: Server, other: str) -> None:
    own, left = server.guard.cookie.partition(";")[0], other.replace("{port}", str(server.guard.port))
    for cookies in (f"{left}; {own}", f"{own}; {left}"):
        assert ask(server, admitted=False, Cookie=cookies)[0].status == 200


def test_a_wrong_token_in_the_cookie_is_refused(server: Server) -> None:
    name, _, token = server.guard.cookie.partition(";")[0].partition("=")
    for wrong in ("", token[:-1], token[::-1], token + "x"):
        assert ask(server, admitted=False, Cookie=f"{name}={wrong}")[0].status == 403


@pytest.mark.parametrize("page", PAGES)
def test_the_token_admits_to_every_page(server: Server, page: str) -> None:
    answer, body = ask(server, page)
    assert answer.status == 200
    assert "secret-project" in body


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "example.com:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.example.com:{port}",
        "[::1]:{port}",
        "",
    ],
)
def test_a_name_that_is_not_its_own_is_refused(server: Server, host: str) -> None:
    answer, body = ask(server, Host=host.format(port=server.guard.port))
    assert answer.status == 403
    assert "secret-project" not in body


def test_its_own_names_are_taken(server: Server) -> None:
    for name in ("127.0.0.1", "localhost"):
        assert ask(server, Host=f"{name}:{server.guard.port}")[0].status == 200


def test_two_host_headers_or_none_are_refused(server: Server) -> None:
    host = f"Host: 127.0.0.1:{server.guard.port}\r\n"
    cookie = f"Cookie: {server.guard.cookie.partition(';')[0]}\r\n"
    assert (
        " 200 " in raw(server, f"GET / HTTP/1.1\r\n{host}{cookie}Connection: close\r\n\r\n").splitlines()[0]
    )
    for hosts in (host + "Host: example.com\r\n", host * 2, ""):
        said = raw(server, f"GET / HTTP/1.1\r\n{hosts}{cookie}Connection: close\r\n\r\n")
        assert " 403 " in said.splitlines()[0]


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"]
)
def test_nothing_but_looking_is_answered(server: Server, method: str) -> None:
    answer, body = ask(server, method=method)
    assert answer.status == 405
    assert answer.getheader("Allow") == "GET, HEAD"
    assert "secret-project" not in body


def test_a_body_is_no_second_request(server: Server) -> None:
    head = f"Host: 127.0.0.1:{server.guard.port}\r\nCookie: {server.guard.cookie.partition(';')[0]}\r\n"
    second = f"GET /runs HTTP/1.1\r\n{head}\r\n"
    for framing in (f"Content-Length: {len(second)}", "Transfer-Encoding: chunked"):
        for method in ("GET", "POST"):
            said = raw(server, f"{method} / HTTP/1.1\r\n{head}{framing}\r\n\r\n{second}")
            assert said.count("HTTP/1.1 ") == 1
            assert said.split()[1] in {"400", "405"}


def test_a_head_is_that_of_the_page_without_the_page(server: Server) -> None:
    head = f"Host: 127.0.0.1:{server.guard.port}\r\nCookie: {server.guard.cookie.partition(';')[0]}\r\nConnection: close"
    said = raw(server, f"HEAD /runs HTTP/1.1\r\n{head}\r\n\r\n")
    assert said.startswith("HTTP/1.1 200 ")
    assert said.endswith("\r\n\r\n")
    length = re.search(r"Content-Length: (\d+)", said)
    assert length is not None
    assert int(length[1]) > 1000


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_page_of_another_site_fetches_is_refused(server: Server, site: str) -> None:
    for mode in ("no-cors", "cors", "websocket"):
        assert ask(server, Sec_Fetch_Site=site, Sec_Fetch_Mode=mode)[0].status == 403
    assert ask(server, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")[0].status == 200


@pytest.mark.parametrize(
    ("path", "method", "admitted"),
    [
        ("/", "GET", True),
        ("/", "GET", False),
        ("/nothing", "GET", True),
        ("/", "POST", True),
        ("/console.css", "GET", False),
    ],
)
def test_every_answer_has_the_headers_that_keep_others_out(
    server: Server, path: str, method: str, admitted: bool
) -> None:
    answer, _ = ask(server, path, method=method, admitted=admitted)
    assert {name: answer.getheader(name) for name in HEADERS} == HEADERS
    assert answer.getheader("Server") == "penstock"


def test_the_policy_lets_in_the_own_files_and_nothing_else() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert {policy[name] for name in ("style-src", "script-src", "img-src", "form-action")} == {"'self'"}
    assert HEADERS["Cache-Control"] == "no-store"
    assert HEADERS["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("name", ["/console.css", "/console.js", "/console.svg", "/favicon.ico"])
def test_its_own_files_are_sent(server: Server, name: str) -> None:
    answer, body = ask(server, name, admitted=False)
    assert answer.status == 200
    assert len(body) > 100


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/runs/none", "/runs/", "/runs//rejects", "/runs?feed=none", "/runs?before=x", "/runs?before=é",
        "/runs/run-1/rejects?revision=0&at=x", "/runs/run-1/rejects?revision=0&at=-1-2-3", "/%00", "/../../etc/passwd", "/console.css/..",
        "/runs/%F0%9F%92%A5%0d%0a", "/runs?" + "&".join(f"a{n}=1" for n in range(30)), "//example.com/", "//[", "/html.py",
    ],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_told_so(server: Server, path: str) -> None:
    said = raw(
        server,
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.guard.port}\r\n"
        f"Cookie: {server.guard.cookie.partition(';')[0]}\r\nConnection: close\r\n\r\n",
    )
    assert said.split()[1] in {"400", "404"}
    assert "Traceback" not in said


def test_a_service_that_refuses_is_a_page_that_names_the_permission() -> None:
    with serving(make_console(Memory(error=denied()))) as server:
        for page in ("/", "/runs", "/runs/run-1", "/trends", "/alarms"):
            answer, body = ask(server, page)
            assert answer.status == 502
            assert "<code>dynamodb:Query</code>" in body
            assert "Traceback" not in body


def test_a_project_that_is_wrong_by_now_is_a_page_with_its_problems() -> None:
    error = ContractError(["contracts/orders.yaml:3: no", "contracts/orders.yaml:9: <no>"])
    with serving(make_console(Memory(error=error))) as server:
        answer, body = ask(server, "/")
    assert answer.status == 500
    assert "contracts/orders.yaml:9: <no>" in Seen(body).text


def test_a_defect_is_told_without_what_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(make_console(Memory(error=RuntimeError("canary")))) as server:
        answer, body = ask(server, "/")
    assert answer.status == 500
    assert "canary" not in body
    assert "defect" in body
    assert "canary" in capsys.readouterr().err


def test_a_port_that_is_taken_is_a_wrong_call(server: Server) -> None:
    with pytest.raises(UsageError, match=f"port {server.guard.port} "):
        Server(make_console(Memory()), server.guard.port)


def test_the_token_stands_in_no_log_and_no_repr(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    ask(server, f"/?token={server.guard.token}", admitted=False)
    assert server.guard.token not in repr(server.guard) + "".join(capfd.readouterr())
