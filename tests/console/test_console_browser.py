"""The console in a real browser: Debian's chromium, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from console_samples import (
    CONTRACT,
    HOSTILE,
    TYPE_ERROR,
    Memory,
    make_alarm,
    make_console,
    make_reject,
    make_run,
    serving,
)
from patience import PATIENCE
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

from penstock.console.html import visible
from penstock.console.server import Server
from penstock.engine.result import Reason

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: apt-get install chromium"),
]

PAGES = [
    "/",
    "/runs",
    "/runs?status=failed",
    "/runs/run-1",
    "/runs/run-2",
    "/runs/run-1/rejects",
    "/trends",
    "/alarms",
    "/none",
]

CONTRASTS = """() => {
  const channels = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found.length && (found.length < 4 || found[3] === 1)) return found;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("").trim();
    if (!text || !element.getClientRects().length || element.tagName === "title") continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(channels(element.closest("svg") ? style.fill : style.color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(1)} ${text.slice(0, 40)}`);
  }
  return faint;
}"""
"""Texts whose contrast is below 4.5, the least of WCAG 2.2's level AA (https://www.w3.org/TR/WCAG22/#contrast-minimum)."""


FOCUS = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
  return at === document.body ? null : {
    text: at.textContent.trim(),
    seen: box.top >= 0 && box.bottom <= innerHeight && box.width > 0,
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  };
}"""
"""Where the keyboard is, and whether that can be seen; null once the walk is through."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        rooted = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=rooted)
        yield started
        started.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("contract") / "orders.yaml"
    path.write_text(CONTRACT)
    long = Reason("constraint-error", "quantity", "the cell is below the minimum 1")
    data = Memory(
        found=[
            *(make_run(n, ago=3600.0 * n, key=f"incoming/orders/{'deep/' * n}orders-{n}.csv") for n in range(3, 40)),
            make_run(1, counts={"read": 1000, "loaded": 990, "rejected": 6, "filtered": 2, "superseded": 1, "blank": 1}),
            make_run(2, ago=5000, status="failed", reason="The table was `throttled`. Allow dynamodb:BatchWriteItem.", key=f"incoming/{HOSTILE}"),
            make_run(90, "returns-of-goods-from-all-the-shops", 400, status="rejected", counts={"read": 9, "rejected": 9}),
            make_run(91, "returns-of-goods-from-all-the-shops", 30, status="running", ended_at=None),
            make_run(92, ago=20, status="handed over", ended_at=None),
        ],
        left=[
            make_reject(2),
            make_reject(3, HOSTILE.encode()),
            make_reject(4, b"A-1," * 600, TYPE_ERROR, long),
            make_reject(5, b"Pi\xe7arra", Reason("encoding-error", None, "byte 3 of the record is not text in utf-8")),
        ],
        alarmed=(make_alarm(), make_alarm("OK", name="shop_orders_time-used"), make_alarm("INSUFFICIENT_DATA", name="shop_x", feed=None)),
        named=("orders", "returns-of-goods-from-all-the-shops"),
        path=path,
    )  # fmt: skip
    with serving(make_console(data, "--aws")) as started:
        yield started


class Visit:
    """A page of a browser that was let in; ``wrong`` is what went wrong in it."""

    def __init__(self, browser: Browser, server: Server, *, by_address: bool = False, **options: Any) -> None:
        self.base = f"http://127.0.0.1:{server.guard.port}"
        self.wrong: list[str] = []
        self.page = browser.new_context(**options).new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", self._note_dialog)
        self.page.on("request", self._note_request)
        if by_address:  # the one that the command prints; it takes a moment more
            self.page.goto(server.guard.url)
            self.page.wait_for_url(f"{self.base}/")
        else:
            name, _, value = server.guard.cookie.partition(";")[0].partition("=")
            self.page.context.add_cookies([{"name": name, "value": value, "url": self.base}])

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def _note_console(self, said: ConsoleMessage) -> None:
        if "404" not in said.text:  # the page that is asked for and not there
            self.wrong.append(said.text)

    def _note_dialog(self, dialog: Dialog) -> None:
        self.wrong.append(dialog.message)
        dialog.dismiss()

    def _note_request(self, asked: Request) -> None:
        if not asked.url.startswith(f"{self.base}/"):
            self.wrong.append(asked.url)


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Visit]]:
    """Gives visits. Nothing may have gone wrong in them by the end, unless a test takes it off the list."""
    visits: list[Visit] = []

    def begin(**options: Any) -> Visit:
        visits.append(Visit(browser, server, **options))
        return visits[-1]

    yield begin
    for each in visits:
        each.page.context.close()
        assert each.wrong == []


def test_each_page_is_readable_wide_and_narrow_in_light_and_dark(visit: Callable[..., Visit]) -> None:
    visited = visit(reduced_motion="reduce")
    for path in PAGES:
        page = visited.open(path)
        assert page.locator("h1").is_visible()
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (
                f"{path} is too wide"
            )
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate(CONTRASTS) == [], f"{path} is too faint in {scheme} at {width}"


def test_a_hostile_cell_and_a_hostile_key_are_shown_as_text(visit: Callable[..., Visit]) -> None:
    visited = visit()
    page = visited.open("/runs/run-1/rejects")
    assert page.locator("pre").nth(1).inner_text() == visible(HOSTILE)
    page = visited.open("/runs/run-2")
    assert visible(HOSTILE).rpartition("/")[2] in page.locator("h1").inner_text()
    assert page.locator("img").count() == 0


def test_a_page_can_be_walked_by_keyboard(visit: Callable[..., Visit]) -> None:
    page = visit(viewport={"width": 1280, "height": 844}).open("/runs/run-1")
    walked: list[str] = []
    while len(walked) < 60:
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUS)
        if found is None:
            break
        assert found["seen"], found
        assert found["outlined"], found
        walked.append(found["text"])
    assert walked[:6] == ["Skip to the content", "shop", "Feeds", "Runs", "Trends", "Alarms"]
    assert "penstock replay run-1 --aws" in walked
    assert "Show 6 rejected records" in walked


def test_the_keyboard_has_short_ways(visit: Callable[..., Visit]) -> None:
    visited = visit()
    page = visited.open("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("2")
    page.wait_for_url(f"{visited.base}/runs")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "feed"
    page.keyboard.press("3")  # it is the list's now
    assert page.url == f"{visited.base}/runs"


def test_a_command_is_copied_as_it_stands(visit: Callable[..., Visit]) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"]).open("/runs/run-1")
    assert page.get_by_role("button", name="Copy").count() == 3  # one each
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "penstock replay run-1 --aws"


def test_it_works_without_scripts(visit: Callable[..., Visit]) -> None:
    visited = visit(by_address=True, java_script_enabled=False)
    page = visited.page
    page.get_by_role("link", name="Runs").click()
    page.get_by_label("Status").select_option("failed")
    page.get_by_role("button", name="Show").click()
    assert page.url == f"{visited.base}/runs?feed=&status=failed"
    assert page.locator("tbody tr").count() == 1


def test_no_script_and_no_other_site_has_the_cookie_the_page_or_a_frame_of_it(
    visit: Callable[..., Visit],
) -> None:
    visited = visit(by_address=True)
    page = visited.page
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["domain"]) == (True, "Strict", "127.0.0.1")
    assert page.evaluate("document.cookie") == ""
    page.route(
        "http://127.0.0.1:1/", lambda route: route.fulfill(body="<iframe></iframe>", content_type="text/html")
    )
    page.goto("http://127.0.0.1:1/")  # the same site to a cookie, and another origin
    answered = "(url) => fetch(url, {credentials: 'include'}).then(() => 'read', () => 'refused')"
    assert page.evaluate(answered, f"{visited.base}/runs") == "refused"
    with page.expect_event("framenavigated"):
        page.evaluate("(url) => { document.querySelector('iframe').src = url; }", f"{visited.base}/runs")
    assert "shop" not in page.frames[-1].content()
    assert visited.wrong, "the browser says that it refused"
    visited.wrong.clear()
