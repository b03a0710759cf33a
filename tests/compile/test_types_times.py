"""Dates, times and datetimes are those of the calendar. Python's datetime judges."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from cell_harness import judge_cell, judge_cells, make_field
from hypothesis import given, settings
from hypothesis import strategies as st

DATES = st.dates()
TIMES = st.times()
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
DATE_PARTS = [
    "%d/%m/%Y",
    "%m-%d-%Y",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d%m%Y",
    "%d %b %Y",
    "%B %d, %Y",
    "%a %d %b %Y",
    "%A, %d. %B %Y",
    "%Y-%j",
    "%Y%j",
]
TIME_PARTS = ["%H:%M:%S", "%H%M%S", "%I:%M:%S %p", "%H.%M.%S.%f", "%I%M%S%p", "%H:%M:%S.%f"]


def test_the_calendar_is_whole() -> None:
    years = ["0000", "0001", "0004", "0100", "0400", "1582", "1900", "2000", "2023", "2024", "2100", "9999"]
    cells = [f"{y}-{m:02}-{d:02}" for y, m, d in itertools.product(years, range(14), range(33))]
    judged = judge_cells(make_field(type="date"), cells)
    assert [cell.cell for cell in judged if cell.valid] == [cell for cell in cells if _is_date(cell)]
    assert [cell.value for cell in judged if cell.valid] == [
        dt.date.fromisoformat(c) for c in cells if _is_date(c)
    ]


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def test_the_clock_is_whole() -> None:
    cells = [
        f"{h:02}:{m:02}:{s:02}"
        for h, m, s in itertools.product(range(26), (0, 1, 59, 60, 99), (0, 1, 59, 60, 61))
    ]
    judged = judge_cells(make_field(type="time"), cells)
    assert [cell.cell for cell in judged if cell.valid] == [
        c for c in cells if c[:2] < "24" and c[3:5] < "60" and c[6:] < "60"
    ]
    assert [cell.value for cell in judged if cell.valid] == [
        dt.time.fromisoformat(cell.cell or "") for cell in judged if cell.valid
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.datetimes(timezones=st.none() | OFFSETS), min_size=1, max_size=30))
def test_iso_datetimes_are_values_in_utc(moments: list[dt.datetime]) -> None:
    judged = judge_cells(make_field(type="datetime"), [moment.isoformat() for moment in moments])
    for moment, cell in zip(moments, judged, strict=True):
        assert (cell.valid, cell.text, cell.fits) == (True, moment.isoformat(), True)
        try:
            expected = moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
        except OverflowError:
            continue  # in UTC before the year 1 or after 9999
        assert cell.value == expected


@pytest.mark.parametrize("form", DATE_PARTS)
@settings(max_examples=8, deadline=None)
@given(dates=st.lists(DATES, min_size=1, max_size=30))
def test_a_date_written_by_strftime_is_read_by_its_format(form: str, dates: list[dt.date]) -> None:
    cells = [date.strftime(form.replace("%Y", f"{date.year:04}")) for date in dates]
    judged = judge_cells(make_field(type="date", format=form), cells)
    assert [cell.value for cell in judged] == dates
    assert [cell.text for cell in judged] == [date.isoformat() for date in dates]


@pytest.mark.parametrize("form", TIME_PARTS)
@settings(max_examples=8, deadline=None)
@given(times=st.lists(TIMES, min_size=1, max_size=30))
def test_a_time_written_by_strftime_is_read_by_its_format(form: str, times: list[dt.time]) -> None:
    whole = [time if "%f" in form else time.replace(microsecond=0) for time in times]
    judged = judge_cells(make_field(type="time", format=form), [time.strftime(form) for time in whole])
    assert [cell.value for cell in judged] == whole


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%Y-%m-%d", "%m.%d.%y", "%Y/%j", "%d%m%Y"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_date_is_taken_where_strptime_takes_it(form: str, data: st.DataObject) -> None:
    number = st.text("0123456789", min_size=1, max_size=4)
    separator = st.just(next((c for c in form if c in "/-."), ""))
    cells = data.draw(
        st.lists(
            st.builds(lambda a, b, c, s: f"{a}{s}{b}{s}{c}", number, number, number, separator),
            min_size=1,
            max_size=40,
        )
    )
    for cell in judge_cells(make_field(type="date", format=form), cells):
        expected = _strptime(cell.cell or "", form)
        if form == "%d%m%Y" and len(cell.cell or "") != 8:
            expected = None  # strptime guesses where the day ends
        assert (cell.value if cell.valid else None) == expected, cell


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.integers(0, 70)] * 3, st.sampled_from(["AM", "PM", "am", "M"])),
        min_size=1,
        max_size=40,
    )
)
def test_a_twelve_hour_time_is_taken_where_strptime_takes_it(parts: list[tuple[int, int, int, str]]) -> None:
    form = "%I:%M:%S %p"
    cells = [f"{h}:{m}:{s} {p}" for h, m, s, p in parts]
    for cell in judge_cells(make_field(type="time", format=form), cells):
        expected = _strptime(f"2000 {cell.cell}", f"%Y {form}", time=True)
        assert (cell.value if cell.valid else None) == expected, cell


def _strptime(text: str, form: str, time: bool = False) -> dt.date | dt.time | None:
    try:
        moment = dt.datetime.strptime(text, form)
    except ValueError:
        return None
    return moment.time() if time else moment.date()


@pytest.mark.parametrize(
    ("cell", "utc"),
    [
        ("10:00:00", "10:00:00"),
        ("10:00:00Z", "10:00:00"),
        ("10:00:00+02:00", "08:00:00"),
        ("01:00:00+02:00", "23:00:00"),
    ],
)
def test_a_time_with_an_offset_is_a_value_in_utc(cell: str, utc: str) -> None:
    assert str(judge_cell(make_field(type="time"), cell).value) == utc


@pytest.mark.parametrize("kind", ["time", "datetime"])
@pytest.mark.parametrize(
    ("fraction", "fits"),
    [(".123456", True), (".1234560", True), (".123456000", True), (".1234567", False), (".000000001", False)],
)
def test_what_is_finer_than_a_microsecond_does_not_fit_a_value(kind: str, fraction: str, fits: bool) -> None:
    cell = ("2024-01-01T" if kind == "datetime" else "") + "00:00:00" + fraction
    assert judge_cell(make_field(type=kind), cell).fits is fits
    assert judge_cell(make_field(type=kind), cell + "+01:00").fits is fits
