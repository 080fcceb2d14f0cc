"""Release windows against the clock on the wall, as the standard library tells it. Invariant 9."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.core.windows import is_open, next_opening, why_closed
from ferryman.model.calendar import EVERY_DAY, Window, Windows
from ferryman.spec.calendars import zone_of

ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
CHANGES = (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
DAY = timedelta(days=1)

windows_of_the_week = st.builds(
    Window,
    days=st.sets(st.sampled_from(EVERY_DAY), min_size=1).map(lambda d: tuple(sorted(d))),
    from_minute=st.integers(0, 1439),
    to_minute=st.integers(0, 1440),
).filter(lambda w: w.from_minute != w.to_minute)


def moments() -> st.SearchStrategy[float]:
    anywhere = st.floats(FIRST.timestamp(), LAST.timestamp(), allow_nan=False)
    near_changes = st.builds(lambda c, s: c.timestamp() + s, st.sampled_from(CHANGES), st.integers(-7200, 10_800))
    return anywhere | near_changes


@st.composite
def calendars(draw: st.DrawFn) -> tuple[str, Windows]:
    name = draw(st.sampled_from(ZONES))
    zone = zone_of(name)
    assert zone is not None
    closed = draw(st.lists(st.integers(0, 1460).map(lambda n: (FIRST.date() + n * DAY).toordinal()), max_size=3))
    return name, Windows(zone=zone, open=tuple(draw(st.lists(windows_of_the_week, max_size=3))), closed=tuple(closed))


def told_by_the_wall(name: str, windows: Windows, at: float) -> bool:
    """The same question, asked of the standard library's clocks."""
    there = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(name))
    if there.date().toordinal() in windows.closed:
        return False
    seconds = there.hour * 3600 + there.minute * 60 + there.second + there.microsecond / 1e6
    today, yesterday = there.weekday(), (there.weekday() - 1) % 7
    for window in windows.open:
        begins, ends = window.from_minute * 60, window.to_minute * 60
        if begins < ends and today in window.days and begins <= seconds < ends:
            return True
        late = today in window.days and seconds >= begins
        if begins > ends and (late or (yesterday in window.days and seconds < ends)):
            return True
    return not windows.open


@given(calendars(), moments())
@settings(max_examples=300, deadline=None)
def test_open_is_what_the_wall_says(calendar: tuple[str, Windows], at: float) -> None:
    name, windows = calendar
    assert is_open(windows, False, at) == told_by_the_wall(name, windows, at)


@given(calendars(), moments())
@settings(max_examples=150, deadline=None)
def test_the_next_opening_is_open_and_nothing_before_it_is(calendar: tuple[str, Windows], at: float) -> None:
    name, windows = calendar
    until = next_opening(windows, False, at)
    assert until is not None
    assert until >= at
    assert told_by_the_wall(name, windows, until)
    assert until == at or not told_by_the_wall(name, windows, until - 1e-3)
    looked = at
    while looked < until:
        assert not told_by_the_wall(name, windows, looked), looked
        looked += 61.0 if until - looked < 90_000 else 3607.0


@pytest.mark.parametrize(
    ("zone", "window", "at", "opens"),
    [
        # Clocks go from 02:00 to 03:00: what begins at 02:30 begins when 03:00 comes.
        ("Europe/Vienna", Window((6,), 150, 600), "2026-03-29T00:00+00:00", "2026-03-29T01:00+00:00"),
        # Clocks go back from 03:00 to 02:00: 02:30 comes twice, the first one opens it.
        ("Europe/Vienna", Window((6,), 150, 600), "2026-10-24T23:00+00:00", "2026-10-25T00:30+00:00"),
        # Over midnight, of the day on which it begins.
        ("Europe/Vienna", Window((4,), 1320, 300), "2026-06-06T01:00+00:00", "2026-06-06T01:00+00:00"),
        ("Europe/Vienna", Window((4,), 1320, 300), "2026-06-06T03:00+00:00", "2026-06-12T20:00+00:00"),
    ],
)
def test_known_openings(zone: str, window: Window, at: str, opens: str) -> None:
    known = zone_of(zone)
    assert known is not None
    until = next_opening(Windows(zone=known, open=(window,)), False, datetime.fromisoformat(at).timestamp())
    assert until == datetime.fromisoformat(opens).timestamp()


def test_off_hours_are_for_releases_at_risk() -> None:
    noon = datetime(2026, 6, 3, 12, tzinfo=UTC).timestamp()
    windows = Windows(open=(Window((2,), 540, 1020),), off_hours=(Window((2,), 1320, 240),))
    assert is_open(windows, False, noon)
    assert not is_open(windows, True, noon)
    assert next_opening(windows, True, noon) == noon + 10 * 3600
    assert is_open(Windows(open=windows.open), True, noon)


def test_a_window_that_never_opens() -> None:
    never = tuple(date(2026, 1, 1).toordinal() + n for n in range(800))
    assert next_opening(Windows(closed=never), False, FIRST.timestamp()) is None


def test_a_holiday_is_named() -> None:
    new_year = Windows(holidays=((date(2026, 1, 1).toordinal(), "New Year's Day"),))
    assert why_closed(new_year, FIRST.timestamp()) == "holiday (New Year's Day)"
    assert next_opening(new_year, False, FIRST.timestamp()) == (FIRST + DAY).timestamp()
