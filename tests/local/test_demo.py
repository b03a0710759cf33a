import fcntl
import gzip
import io
import os
import pickle
from pathlib import Path

import pytest
from rich.console import Console

from penstock.local import demo
from penstock.local.demo import (
    DATA,
    DemoEvent,
    Dropped,
    Ended,
    Finished,
    ItemRead,
    Rejected,
    Working,
    run_demo,
)
from penstock.local.demo_alarm import AlarmHeard
from penstock.local.demo_files import EDITS, keep_lighted
from penstock.local.narrate import Narrator
from penstock.local.server import Server, is_alive, start_server

pytestmark = pytest.mark.aws

RUNWAYS_OF_THE_STORY = (b"239398,", b"236462,", b"602536,")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, cut short, with the rows that it tells of."""
    folder = tmp_path_factory.mktemp("data")
    for path in DATA.iterdir():
        header, *rows = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        if path.name.startswith("runways"):
            kept = rows[:2000] + [row for row in rows[2000:] if row.startswith(RUNWAYS_OF_THE_STORY)]
        else:
            kept = [row for row in rows if b",London," in row or b'"GB"' in row or b",-1," in row]
        (folder / path.name).write_bytes(gzip.compress(b"".join([header, *kept]), mtime=0))
    return folder


@pytest.fixture(scope="module")
def told(small: Path, tmp_path_factory: pytest.TempPathFactory) -> list[DemoEvent]:
    """What the demo tells. It runs once, also where the tests are divided among several processes."""
    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "demo.pickle"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            events: list[DemoEvent] = []
            run_demo(events.append, small)
            shared.write_bytes(pickle.dumps(events))
    found: list[DemoEvent] = pickle.loads(shared.read_bytes())
    return found


def test_every_record_is_accounted_for(told: list[DemoEvent]) -> None:
    runs = [event.run for event in told if isinstance(event, Ended)]
    assert [run.status for run in runs] == ["done"] * 4
    for run in runs:
        counts = dict(run.counts)
        assert counts.pop("read") == sum(counts.values()) > 0
    assert isinstance(told[-1], Finished)
    assert told[-1].read == sum(run.counts["read"] for run in runs)


def test_the_dirty_file_shows_every_edit_and_its_verdict(told: list[DemoEvent]) -> None:
    dropped = next(event for event in told if isinstance(event, Dropped) and "dirty" in event.landed.key)
    assert {edit.what for edit in EDITS} < set(dropped.notes)
    shown = next(event for event in told[told.index(dropped) :] if isinstance(event, Rejected))
    codes = [reason.code for reject in shown.rejects for reason in reject.errors]
    assert {edit.code for edit in EDITS if edit.code} <= set(codes)


def test_the_dirty_file_sets_off_an_alarm_that_is_heard(told: list[DemoEvent]) -> None:
    [heard] = [event for event in told if isinstance(event, AlarmHeard)]
    assert heard.alarm.name == "ourairports_runways_reject-share"
    assert heard.alarm.meaning == "More than 0.4% of a file's records were rejected."
    assert heard.alarm.command == "penstock runs --feed runways, then penstock rejects RUN"


def test_items_are_read_back_by_their_keys_and_one_has_changed(told: list[DemoEvent]) -> None:
    items = [event for event in told if isinstance(event, ItemRead)]
    assert all(event.item is not None for event in items)
    (changed,) = [event for event in items if event.before is not None]
    assert changed.before is not None
    assert changed.item is not None
    assert (changed.before["length_ft"], changed.item["length_ft"]) == ({"N": "7874"}, {"N": "8858"})


def test_in_a_pipe_the_demo_is_plain_lines(told: list[DemoEvent]) -> None:
    pipe = io.StringIO()
    with Narrator(Console(file=pipe)) as narrator:
        for event in told:
            narrator.tell(event)
    text = pipe.getvalue()
    assert "\x1b" not in text
    assert "2,002 read = 1,990 loaded + 10 rejected + 1 superseded + 1 blank" in text
    assert "line 201    encoding-error" in text
    assert '"Pi\\xe7arra"' in text
    assert "    length_ft                 7874 → 8858\n" in text
    assert "    Next: penstock runs --feed runways, then penstock rejects RUN\n" in text
    assert text.rstrip().endswith("every one accounted for.")


def test_on_a_terminal_the_demo_has_colours(told: list[DemoEvent]) -> None:
    screen = io.StringIO()
    with Narrator(Console(file=screen, force_terminal=True, width=120, color_system="standard")) as narrator:
        for event in told:
            narrator.tell(event)
    assert "\x1b[1;36m" in screen.getvalue()


def test_an_interruption_stops_all_that_was_started(monkeypatch: pytest.MonkeyPatch, small: Path) -> None:
    started: list[Server] = []

    def start(**options: object) -> Server:
        started.append(start_server())
        return started[-1]

    monkeypatch.setattr(demo, "start_server", start)

    def interrupt(event: DemoEvent) -> None:
        if isinstance(event, Working) and "Comparing" in event.text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(interrupt, small)
    (server,) = started
    assert not is_alive(server)
    assert not Path(server.scratch).exists()


def test_the_lighted_runways_are_rows_of_the_file_as_they_are() -> None:
    whole = (DATA / "runways-2026-01-03.csv.gz").read_bytes()
    rows = gzip.decompress(whole).splitlines()
    lighted = gzip.decompress(keep_lighted(whole)).splitlines()
    assert len(lighted) == 12_062
    assert set(lighted) <= set(rows)
