"""What stands on each page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from console_samples import (
    CONTRACT,
    HOSTILE,
    NOW,
    TYPE_ERROR,
    Memory,
    Seen,
    make_alarm,
    make_console,
    make_reject,
    make_run,
)
from hypothesis import given
from hypothesis import strategies as st

from penstock.aws.runs import Run, format_time
from penstock.console.counts import widths
from penstock.console.html import render, visible
from penstock.console.routes import ALL_RUNS_DRAWN, REJECTS_SHOWN, RUNS_DRAWN, RUNS_SHOWN
from penstock.console.run_pages import MOST_LOOKED_AT, read_mark, read_page
from penstock.engine.result import Reason


def see(data: Memory, path: str, *options: str, status: int = 200) -> Seen:
    answer = make_console(data, *options).answer(path)
    assert answer.status == status
    return Seen(render(answer.page))


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "orders.yaml"
    path.write_text(CONTRACT)
    return path


# The feeds


def test_the_overview_shows_each_feed_with_its_verdict_and_its_last_file() -> None:
    seen = see(Memory(found=[make_run(1), make_run(2, "sales", 120)], named=("orders", "sales", "new")), "/")
    assert "all is well" in seen.text
    assert seen.all("a", href="/runs/run-1")
    assert seen.all("a", href="/runs?feed=sales")
    assert "No runs yet." in seen.text


def test_what_is_wrong_stands_there_with_the_command_that_leads_to_this_project() -> None:
    failed = make_run(1, status="failed", reason="The table was throttled.")
    seen = see(Memory(found=[failed]), "/", "--aws", "--profile", "night shift")
    assert "1 of 1 not well" in seen.text
    assert "The table was throttled." in seen.text
    assert "penstock runs run-1 --aws --profile 'night shift'" in seen.text


def test_the_alarms_that_are_on_come_first_with_what_to_run() -> None:
    quiet = make_alarm("OK", name="shop_orders_quiet", description="Next: penstock runs")
    seen = see(Memory(alarmed=(quiet, make_alarm())), "/alarms")
    assert seen.text.index("dead-letters") < seen.text.index("quiet")
    assert "penstock dlq --feed orders" in seen.text
    assert len(seen.all("div", class_="command")) == 1


def test_a_command_with_a_run_to_be_filled_in_is_none_to_copy() -> None:
    alarm = make_alarm(
        description="Feed orders: Much. Next: penstock runs --feed orders, then penstock rejects RUN"
    )
    page = render(make_console(Memory(alarmed=(alarm,)), "--aws").answer("/alarms").page)
    assert re.findall(r'<code tabindex="0">(.*?)</code>', page) == ["penstock runs --feed orders --aws"]


def test_without_alarms_the_page_says_so() -> None:
    assert "no alarms" in see(Memory(), "/alarms").text


# The runs


def test_a_run_is_a_bar_of_its_status_in_words_too() -> None:
    runs = [
        make_run(1),
        make_run(2, ago=30, status="failed"),
        make_run(3, ago=10, status="running", ended_at=None),
    ]
    seen = see(Memory(found=runs), "/runs")
    bars = [
        str(found["class"]) for found in seen.all("rect") if str(found.get("class", "")).startswith("bar")
    ]
    assert sorted(bars) == sorted(["bar is-done", "bar is-failed", "bar is-running"] * 2), "wide and narrow"
    for status in ("done", "failed", "running"):
        assert f".csv: {status}, " in seen.text


def test_runs_at_the_same_time_lie_below_one_another() -> None:
    seen = see(Memory(found=[make_run(n, ago=60 + n / 100) for n in range(4)]), "/runs")
    wide = [found for found in seen.all("rect") if str(found.get("class", "")).startswith("bar")][:4]
    assert len({found["y"] for found in wide}) == 4


def test_runs_can_be_narrowed_to_a_feed_and_a_status() -> None:
    data = Memory(
        found=[make_run(1), make_run(2, status="failed"), make_run(3, "sales", status="failed")],
        named=("orders", "sales"),
    )
    seen = see(data, "/runs?feed=orders&status=failed")
    assert {str(found["href"]) for found in seen.all("a") if "run-" in str(found["href"])} >= {"/runs/run-2"}
    assert not seen.all("a", href="/runs/run-1")
    assert not seen.all("a", href="/runs/run-3")
    assert {found["value"] for found in seen.all("option", selected="")} == {"orders", "failed"}


def test_older_runs_are_one_link_away() -> None:
    data = Memory(found=[make_run(n, ago=n) for n in range(1, RUNS_SHOWN + 6)])
    first = see(data, "/runs")
    (older,) = first.all("a", rel="next")
    second = see(data, str(older["href"]))
    assert f"{RUNS_SHOWN} runs" in first.text
    assert "5 runs" in second.text
    assert second.all("a", href=f"/runs/run-{RUNS_SHOWN + 1}")
    assert not second.all("a", rel="next")


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.lists(st.integers(0, 20), max_size=40), max_size=3),
    st.integers(1, 20),
    st.sampled_from([None, "done", "failed"]),
)
def test_page_by_page_every_run_is_shown_once_in_order(
    ago: dict[str, list[int]], limit: int, status: str | None
) -> None:
    runs = [
        make_run(f"{feed}{n}", feed, seconds, status="failed" if seconds % 3 else "done")
        for feed, found in ago.items()
        for n, seconds in enumerate(found)
    ]
    data, shown, before = Memory(found=runs), list[Run](), None
    for _ in range(len(runs) + 2):
        page = read_page(data.runs, list(ago), limit, before, status)
        assert len(page.runs) <= limit
        shown += page.runs
        if page.older is None:
            break
        before = read_mark(str(page.older))
    ordered = sorted(runs, key=lambda run: (run.started_at, run.id), reverse=True)
    assert shown == [run for run in ordered if status in {None, run.status}]


def test_of_many_feeds_no_more_runs_are_asked_for_than_a_page_needs() -> None:
    feeds = [f"feed-{n}" for n in range(20)]
    runs = [make_run(f"{feed}-{n}", feed, ago=20 * n + k) for k, feed in enumerate(feeds) for n in range(200)]
    data, got = Memory(found=runs), list[Run]()

    def ask(feeds: Sequence[str], limit: int, until: str) -> dict[str, list[Run]]:
        found = data.runs(feeds, limit, until)
        got.extend(run for some in found.values() for run in some)
        return found

    assert len(read_page(ask, feeds, 60, None, None).runs) == 60
    assert len(got) <= 120
    got.clear()
    assert read_page(ask, feeds, 60, None, "failed").older is not None
    assert len(got) < 3 * MOST_LOOKED_AT


# One run


def test_the_counts_of_a_run_add_up_in_words_and_in_a_bar() -> None:
    counts = {
        "read": 100,
        "loaded": 90,
        "rejected": 4,
        "filtered": 3,
        "superseded": 2,
        "withheld": 0,
        "blank": 1,
    }
    seen = see(Memory(found=[make_run(1, counts=counts)]), "/runs/run-1")
    assert "100 read = 90 loaded + 4 rejected + 3 filtered + 2 superseded + 1 blank ✓ adds up" in seen.text
    bar = [found for found in seen.all("rect") if found.get("height") == "28"]
    assert [found["class"] for found in bar] == [
        "c-loaded",
        "c-rejected",
        "c-filtered",
        "c-superseded",
        "c-blank",
    ]
    assert 990 < sum(float(found["width"] or 0) for found in bar) <= 1000


def test_of_a_query_the_rows_of_its_result_add_up_too_and_what_computed_it_is_told() -> None:
    run = make_run(
        1,
        result={"read": 7, "loaded": 6, "rejected": 1},
        engine="glue",
        engine_reason="the rows take more disk than the function has",
        references={"countries": {"key": "reference/countries.csv", "version": "v9"}},
    )
    seen = see(Memory(found=[run]), "/runs/run-1")
    assert "12 read = 10 loaded + 2 rejected ✓ adds up" in seen.text
    assert "7 read = 6 loaded + 1 rejected ✓ adds up" in seen.text
    assert "Of 7 rows read" in str(seen.all("svg", class_="counts")[1]["aria-label"])
    assert "glue: the rows take more disk than the function has" in seen.text
    assert "reference/countries.csv v9" in seen.text


def test_counts_that_do_not_add_up_are_called_out() -> None:
    counts = {"read": 100, "loaded": 90, "rejected": 4}
    seen = see(Memory(found=[make_run(1, counts=counts)]), "/runs/run-1")
    assert "does not add up: 94 accounted for" in seen.text
    assert "adds up" not in seen.text


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10**12), min_size=1))
def test_a_bar_is_shared_out_whole_and_what_is_small_can_be_seen(parts: dict[str, int]) -> None:
    found = widths(parts)
    assert sum(found.values()) == pytest.approx(1000)
    assert min(found.values()) >= 3.5


def test_each_code_is_a_bar_with_its_meaning_that_leads_to_its_rejects() -> None:
    seen = see(Memory(found=[make_run(1, errors={"type-error": 9, "extra-cell": 3})]), "/runs/run-1")
    assert seen.all("a", href="/runs/run-1/rejects?code=type-error")
    assert "The record has more cells than the header." in seen.text
    assert [found["width"] for found in seen.all("rect", class_="c-rejected", height="10")] == [
        "1000.0",
        "333.3",
    ]


@pytest.mark.parametrize(
    ("more", "commands"),
    [
        (
            {},
            [
                "penstock replay run-1",
                "penstock rejects run-1 --csv rejects.csv",
                "penstock replay --from rejects.csv",
            ],
        ),
        ({"counts": {"read": 1, "loaded": 1}}, []),
        ({"result": {"read": 3, "loaded": 3}}, ["penstock backfill incoming/orders/1.csv --again"]),
        ({"counts": {"read": 1, "loaded": 1}, "result": {"read": 3, "loaded": 3}}, []),
        ({"status": "rejected", "code": "delete-limit"}, ["penstock approve run-1"]),
        ({"status": "rejected", "code": "reject-limit"}, ["penstock sweep --feed orders"]),
        ({"status": "failed"}, ["penstock logs --run run-1", "penstock sweep --feed orders"]),
        ({"status": "failed", "replays": "run-0"}, ["penstock replay run-0"]),
        ({"status": "running", "ended_at": None}, []),
        ({"status": "handed over", "ended_at": None}, []),
    ],
)
def test_beside_what_wants_doing_stands_the_command(more: dict[str, Any], commands: list[str]) -> None:
    page = render(make_console(Memory(found=[make_run(1, **more)])).answer("/runs/run-1").page)
    assert re.findall(r'<code tabindex="0">(.*?)</code>', page) == commands


def test_a_run_that_goes_on_tells_no_counts() -> None:
    seen = see(
        Memory(found=[make_run(1, ago=90, status="running", ended_at=None, counts={}, errors={})]),
        "/runs/run-1",
    )
    assert "They are counted when the run ends." in seen.text
    assert "1 min 30 s" in seen.text


def test_a_run_that_is_not_there_is_told_so() -> None:
    assert "no run none" in see(Memory(), "/runs/none", status=404).text


# Rejects


def test_a_reject_stands_beside_the_line_of_the_contract_that_refused_it(contract: Path) -> None:
    seen = see(Memory(found=[make_run(1)], left=[make_reject(3)], path=contract), "/runs/run-1/rejects")
    assert "type-error in quantity: the cell is not of the type integer" in seen.text
    assert "A-1,many" in seen.text
    assert [found["value"] for found in seen.all("li", class_="refused")] == ["7"]
    assert "{name: quantity, type: integer, constraints: {minimum: 1}}" in seen.text
    assert len(seen.all("mark")) == 1


def test_a_reject_of_one_of_many_files_names_its_file(contract: Path) -> None:
    kept = [replace(make_reject(7), key="incoming/orders/a.csv", version="v1")]
    seen = see(Memory(found=[make_run(1)], left=kept, path=contract), "/runs/run-1/rejects")
    assert "line 7 of incoming/orders/a.csv" in seen.text


def test_a_reject_of_a_querys_result_is_told_from_one_of_the_file(contract: Path) -> None:
    run = make_run(
        1, counts={"read": 3, "loaded": 2, "rejected": 1}, result={"read": 2, "loaded": 1, "rejected": 1}
    )
    kept = [make_reject(7), replace(make_reject(2), of="result")]
    seen = see(Memory(found=[run], left=kept, path=contract), "/runs/run-1/rejects")
    titles = re.findall(r"line \d+(?: of the result)?", seen.text)
    assert titles.count("line 2 of the result") == 1
    assert titles[0] == "line 7"
    assert "all 2" in seen.text


def test_a_line_that_refused_twice_is_shown_once(contract: Path) -> None:
    again = Reason("type-error", "quantity", "the cell is not of the type integer")
    seen = see(
        Memory(found=[make_run(1)], left=[make_reject(3, b"x", TYPE_ERROR, again)], path=contract),
        "/runs/run-1/rejects",
    )
    assert len(seen.all("figure")) == 1


def test_rejects_come_page_by_page_and_by_code(contract: Path) -> None:
    extra = Reason("extra-cell", None, "3 cells where 2 are due")
    left = [make_reject(n, b"x", extra if n % 2 else TYPE_ERROR) for n in range(2 * REJECTS_SHOWN + 10)]
    data = Memory(found=[make_run(1)], left=left, path=contract)
    first = see(data, "/runs/run-1/rejects?code=extra-cell")
    (following,) = first.all("a", rel="next")
    second = see(data, str(following["href"]))
    assert len(first.all("article")) == REJECTS_SHOWN
    assert len(second.all("article")) == 5
    assert second.all("a", href="/runs/run-1/rejects?code=extra-cell"), "the first page is a link away"
    assert "cell is not of the type" not in first.text + second.text


def test_a_page_of_rejects_from_before_a_replay_begins_anew(contract: Path) -> None:
    data = Memory(found=[make_run(1, revision=1)], left=[make_reject(n) for n in range(3)], path=contract)
    assert len(see(data, "/runs/run-1/rejects?at=0-0-2&revision=0").all("article")) == 3
    assert len(see(data, "/runs/run-1/rejects?at=0-0-2&revision=1").all("article")) == 1


def test_of_a_feed_with_sensitive_fields_no_record_is_shown_that_was_kept_whole(contract: Path) -> None:
    data = Memory(found=[make_run(1)], left=[make_reject(3, b"canary")], path=contract, sensitive=True)
    seen = see(data, "/runs/run-1/rejects", "--aws")
    assert "canary" not in seen.text
    assert "type-error in quantity" in seen.text
    assert "penstock rejects run-1 --csv rejects.csv --aws" in seen.text


def test_a_record_whose_sensitive_cells_were_withheld_is_shown_as_it_was_kept(contract: Path) -> None:
    left = [replace(make_reject(3, b"A-1,(sensitive)"), withheld="cells")]
    seen = see(Memory(found=[make_run(1)], left=left, path=contract, sensitive=True), "/runs/run-1/rejects")
    assert "A-1,(sensitive)" in seen.text
    assert "is not shown" not in seen.text


def test_a_long_record_is_cut(contract: Path) -> None:
    data = Memory(found=[make_run(1)], left=[make_reject(3, b"x" * 50_000)], path=contract)
    page = render(make_console(data).answer("/runs/run-1/rejects").page)
    assert len(page) < 15_000
    assert "The record has 50,000 bytes" in page


def test_bytes_that_are_no_text_are_shown_as_bytes(contract: Path) -> None:
    data = Memory(found=[make_run(1)], left=[make_reject(3, b"Pi\xe7arra\t")], path=contract)
    seen = see(data, "/runs/run-1/rejects")
    assert "Pi\\xe7arra\\t" in seen.text
    assert len(seen.all("span", class_="unseen")) == 2


def test_of_a_feed_that_is_gone_the_rejects_are_shown_without_its_contract() -> None:
    seen = see(Memory(found=[make_run(1)], left=[make_reject(3)]), "/runs/run-1/rejects")
    assert "no contract of this feed any more" in seen.text


def test_the_rejects_of_a_replay_are_those_of_its_run() -> None:
    data = Memory(found=[make_run(1, replays="run-0")])
    assert "among the rejects of run-0" in see(data, "/runs/run-1/rejects", status=404).text
    assert see(data, "/runs/run-1").all("a", href="/runs/run-0/rejects")


# Trends


def test_the_age_of_the_data_grows_until_a_run_is_done() -> None:
    runs = [make_run(1, ago=3602), make_run(2, ago=1802), make_run(3, ago=602, status="failed")]
    seen = see(Memory(found=runs), "/trends")
    assert "Since the last run that was done: 30 min. Longest without one: 30 min." in seen.text
    (area,) = seen.all("path", class_="area")
    assert str(area["d"]).count("L") == 4, "it rises and falls twice"


def test_the_trends_tell_what_came_and_how_fast() -> None:
    seen = see(Memory(found=[make_run(n, ago=60 * n) for n in range(1, 4)]), "/trends")
    assert "30 records loaded and 6 rejected by 3 runs." in seen.text
    assert "Half of the runs read 6 records a second or fewer, the fastest 6 records a second." in seen.text


def test_the_trends_tell_how_long_a_file_took_from_its_arrival() -> None:
    late = {n: format_time(NOW - 60 * n - wait) for n, wait in ((1, 8), (2, 18), (3, 118))}
    runs = [make_run(n, ago=60 * n, arrived_at=arrived) for n, arrived in late.items()]
    seen = see(Memory(found=runs), "/trends")
    assert "Half of the files were loaded within 20 s, the slowest within 2 min." in seen.text
    assert "10 s" in see(Memory(found=runs), "/runs/run-1").text


def test_the_trends_of_one_feed_reach_further_back() -> None:
    data = Memory(
        found=[make_run(n, ago=60 * n) for n in range(1, 150)], named=("orders", *(f"f{n}" for n in range(9)))
    )
    (further,) = see(data, "/trends").all("a", href="/trends?feed=orders")
    assert "the latest: 40 runs" in see(data, "/trends").text
    assert "the latest: 149 runs" in see(data, str(further["href"])).text


def test_a_feed_without_runs_has_nothing_to_draw() -> None:
    seen = see(Memory(found=[make_run(1, status="failed", counts={})], named=("orders", "sales")), "/trends")
    assert "no runs yet" in seen.text
    assert seen.text.count("Nothing to show yet.") == 4


# Everywhere


def test_the_documentation_names_the_limits() -> None:
    told = " ".join((Path(__file__).parents[2] / "docs" / "console.md").read_text().split())
    assert (
        f"{RUNS_SHOWN} a page; where those of one status are looked for it looks at {MOST_LOOKED_AT} a page"
        in told
    )
    assert f"the latest {ALL_RUNS_DRAWN} runs, or of {RUNS_DRAWN} of one feed" in told


PATHS = [
    "/",
    "/runs",
    "/runs/run-1",
    "/runs/run-1/rejects",
    "/trends",
    "/alarms",
    f"/runs?feed={HOSTILE[:40]}",
]


@pytest.mark.parametrize("path", PATHS)
def test_hostile_text_is_text_wherever_it_stands(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "<img src=y>"
    folder.mkdir()
    (folder / "o.yaml").write_text(
        CONTRACT.replace("id, type: string", 'id, type: string, title: "<script>3</script>"')
    )
    run = make_run(
        1,
        status="failed",
        key=f"incoming/{HOSTILE}",
        reason=HOSTILE,
        code=HOSTILE,
        version=HOSTILE,
        request_id=HOSTILE,
        rejects=HOSTILE,
        report=HOSTILE,
        errors={HOSTILE: 2},
    )
    left = [
        make_reject(
            1, HOSTILE.encode(), Reason("type-error", "id", HOSTILE), Reason(HOSTILE, HOSTILE, HOSTILE)
        ),
    ]
    alarm = make_alarm(name=HOSTILE, reason=HOSTILE, description=f"{HOSTILE} Next: penstock runs {HOSTILE}")
    data = Memory(found=[run], left=left, alarmed=(alarm,), path=folder / "o.yaml")
    answer = make_console(data, "--project", HOSTILE, project=HOSTILE).answer(quote(path, safe="/?="))
    page = render(answer.page)
    seen = Seen(page)
    assert not {name for name, _ in seen.elements} & {"img", "iframe", "style", "base", "object"}
    assert [found.get("src") for found in seen.all("script")] == ["/console.js"]
    assert not any(name.startswith("on") or name == "style" for _, found in seen.elements for name in found)
    assert not set(page.replace("\n", "")) & set("\x1b\0\u202e")
    assert visible(HOSTILE) in seen.text


@pytest.mark.parametrize("path", PATHS[:-1])
def test_every_page_can_be_walked_by_keyboard_and_read_aloud(path: str, contract: Path) -> None:
    seen = see(
        Memory(found=[make_run(1)], left=[make_reject(1)], alarmed=(make_alarm(),), path=contract), path
    )
    assert seen.all("html", lang="en")
    assert seen.all("a", href="#content", class_="skip")
    assert seen.all("main", id="content")
    assert len(seen.all("h1")) == 1
    assert all(found.get("aria-label") or found.get("aria-hidden") == "true" for found in seen.all("svg"))
    levels = [int(name[1]) for name, _ in seen.elements if re.fullmatch("h[1-6]", name)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert format_time(NOW)[11:19] in seen.text
