"""Zones and holidays as data: looked up when a release file is read, so that deciding later needs no files.

The years are fixed, not counted from today: the same file always means the same release.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ferryman.model.calendar import Zone

YEARS = range(2025, 2037)
"""Holidays are known in these years; of a zone the changes of its clocks, and after them the last one goes on."""

STEP = timedelta(hours=12)


@cache
def zone_of(name: str) -> Zone | None:
    """The zone of this IANA name; None when there is none."""
    if name == "UTC":
        return Zone()
    try:
        info = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    at, end = datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[-1] + 1, 1, 1, tzinfo=UTC)
    offset = _offset(info, at)
    changes = [(int(at.timestamp()), offset)]
    while at < end:
        following = at + STEP
        if _offset(info, following) != offset:
            moment = _change(info, int(at.timestamp()), int(following.timestamp()))
            offset = _offset(info, datetime.fromtimestamp(moment, UTC))
            changes.append((moment, offset))
        at = following
    return Zone(name, tuple(changes))


def zone_names() -> tuple[str, ...]:
    """All names that this machine knows."""
    return tuple(sorted(available_timezones()))


@cache
def holidays_of(place: str) -> tuple[tuple[int, str], ...] | None:
    """Public holidays of a country (``AT``) or a part of it (``DE-BY``), as (ordinal, name); None when it is not known."""
    import holidays  # noqa: PLC0415 -- its import takes longer than all of ours, and few releases need it

    country, _, part = place.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=part or None, years=YEARS, language="en_US")
    except (NotImplementedError, KeyError):
        return None
    return tuple(sorted((date.toordinal(), name) for date, name in found.items()))


def _offset(info: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(info).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _change(info: ZoneInfo, low: int, high: int) -> int:
    """The first second at which the clocks differ from those at `low`; `high` is after it."""
    before = _offset(info, datetime.fromtimestamp(low, UTC))
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(info, datetime.fromtimestamp(middle, UTC)) == before:
            low = middle
        else:
            high = middle
    return high
