"""When a release may grow: windows of the week in a time zone, and dates on which nothing grows.

Zones and holidays are data here, looked up when the release file was read: what is decided with them needs no files, and
is decided alike wherever and whenever the log is read again.
"""

from __future__ import annotations

import msgspec

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


class Zone(msgspec.Struct, frozen=True):
    """A time zone by its IANA `name`. `changes` in order: from that epoch second on, local time is ahead of UTC by so many
    seconds; before the first one it is as with the first."""

    name: str = "UTC"
    changes: tuple[tuple[int, int], ...] = ((0, 0),)


class Window(msgspec.Struct, frozen=True):
    """Open on these `days` (0 is Monday) from minute to minute of local time, the end excluded. An end that is not after
    the beginning is of the day after: the window belongs to the day on which it begins."""

    days: tuple[int, ...] = EVERY_DAY
    from_minute: int = 0
    to_minute: int = 1440


class Windows(msgspec.Struct, frozen=True):
    """`open`: when exposure may grow (none: at any time); `off_hours` instead for releases at risk, if there are any.
    `closed` are dates (proleptic Gregorian ordinals, 1 is 1 January of the year 1) on which it never may, from midnight
    to midnight of local time; `holidays` those of them that were looked up, with their names."""

    zone: Zone = Zone()
    open: tuple[Window, ...] = ()
    off_hours: tuple[Window, ...] = ()
    closed: tuple[int, ...] = ()
    holidays: tuple[tuple[int, str], ...] = ()
