"""Release windows: is one open, and when does the next one open. Times are epoch seconds, the zone comes as data.

Whether a window is open is asked of local wall-clock time. Where clocks are set forward a window may so be shorter, where
they are set back longer; what begins within an hour that does not exist begins with the hour after it.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime

from ferryman.model.calendar import Window, Windows, Zone

DAY_SECONDS = 86_400
DAY_MINUTES = 1440
EPOCH_ORDINAL = 719_163
HORIZON_SECONDS = 400 * DAY_SECONDS
"""Whoever opens no window for more than a year is told that none opens."""


def is_open(windows: Windows, risky: bool, at: float) -> bool:
    """Whether exposure may grow at this moment."""
    return _open_on_the_wall(windows, _wanted(windows, risky), _local(windows.zone, at))


def next_opening(windows: Windows, risky: bool, at: float) -> float | None:
    """The first moment from `at` on at which exposure may grow; None when there is none within the horizon."""
    wanted, now = _wanted(windows, risky), at
    while now < at + HORIZON_SECONDS:
        if _open_on_the_wall(windows, wanted, _local(windows.zone, now)):
            return now
        now = _next_edge(windows.zone, wanted, now)
    return None


def on_the_wall(zone: Zone, at: float) -> str:
    """``Mon 2026-11-30 09:00 Europe/Vienna``."""
    return f"{datetime.fromtimestamp(_local(zone, at), UTC):%a %Y-%m-%d %H:%M} {zone.name}"


def why_closed(windows: Windows, at: float) -> str:
    """What keeps it shut at this moment: the name of a holiday, a closed day, or the hour."""
    day = _day(_local(windows.zone, at))
    names = [name for date, name in windows.holidays if date == day]
    if names:
        return f"holiday ({names[0]})"
    return "closed day" if day in windows.closed else "outside the release window"


def _wanted(windows: Windows, risky: bool) -> tuple[Window, ...]:
    return windows.off_hours if risky and windows.off_hours else windows.open


def _local(zone: Zone, at: float) -> float:
    """Seconds of local time, counted as epoch seconds are."""
    return at + zone.changes[max(0, bisect_right(zone.changes, at, key=lambda change: change[0]) - 1)][1]


def _day(local: float) -> int:
    return int(local // DAY_SECONDS) + EPOCH_ORDINAL


def _open_on_the_wall(windows: Windows, wanted: tuple[Window, ...], local: float) -> bool:
    day = _day(local)
    if day in windows.closed or any(date == day for date, _ in windows.holidays):
        return False
    minute = local % DAY_SECONDS / 60
    return not wanted or any(_within(window, (day - 1) % 7, minute) for window in wanted)


def _within(window: Window, weekday: int, minute: float) -> bool:
    if window.to_minute > window.from_minute:
        return weekday in window.days and window.from_minute <= minute < window.to_minute
    late = weekday in window.days and minute >= window.from_minute
    early = (weekday - 1) % 7 in window.days and minute < window.to_minute
    return late or early


def _next_edge(zone: Zone, wanted: tuple[Window, ...], at: float) -> float:
    """The next moment at which anything may change: midnight, an edge of a window, or the clocks."""
    local = _local(zone, at)
    midnight, minute = local // DAY_SECONDS * DAY_SECONDS, local % DAY_SECONDS / 60
    edges = {DAY_MINUTES, *(w.from_minute for w in wanted), *(w.to_minute for w in wanted)}
    ahead = min(edge for edge in edges if edge > minute)
    changed = bisect_right(zone.changes, at, key=lambda change: change[0])
    clocks = zone.changes[changed][0] if changed < len(zone.changes) else float("inf")
    return min(midnight + ahead * 60 - (local - at), clocks)
