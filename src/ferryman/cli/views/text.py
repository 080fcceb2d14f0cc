"""Figures as people read them: durations, rates, sizes, times of day."""

from __future__ import annotations

import time

NOTHING = "-"


def duration(seconds: float) -> str:
    """`0.8s`, `9s`, `3m10s`, `2h05m`, `3d4h`: two units at most, small numbers with a decimal."""
    seconds = max(0.0, seconds)
    if seconds < 9.95 and abs(seconds - round(seconds)) > 0.05:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    minutes, s = divmod(whole, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days}d{h}h" if h else f"{days}d"
    if hours:
        return f"{h}h{m:02d}m" if m else f"{h}h"
    if minutes:
        return f"{m}m{s:02d}s" if s else f"{m}m"
    return f"{s}s"


def count(number: float) -> str:
    """`1,204`."""
    return f"{round(number):,}"


def rate(per_second: float | None) -> str:
    """`0.4/s`, `97/s`, `1,204/s`."""
    if per_second is None:
        return NOTHING
    return f"{per_second:.1f}/s" if per_second < 9.95 else f"{count(per_second)}/s"


def percent(value: float | None) -> str:
    """`0.62%`, `4.1%`, `52%`: three digits at most; a share that is really zero is `0%`."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0%"
    if abs(value) < 1:
        return f"{value:.2f}%"
    return f"{value:.1f}%" if abs(value) < 9.95 else f"{value:.0f}%"


def weight(value: float) -> str:
    """`25%`, `0.5%`: as it was asked for."""
    return f"{value:g}%"


def milliseconds(value: float | None) -> str:
    """`0.8ms`, `48ms`, `1.2s`."""
    if value is None:
        return NOTHING
    if value < 9.95:
        return f"{value:.1f}ms"
    return f"{value:.0f}ms" if value < 999.5 else f"{value / 1000:.1f}s"


def size(value: float | None) -> str:
    """`21MB`, `1.4GB`, in powers of ten."""
    if value is None:
        return NOTHING
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f}{unit}"
        value /= 1000
    return f"{value:.1f}GB"


def change(now: float | None, before: float | None) -> float | None:
    """By how many percent `now` is above `before`; None where that cannot be said."""
    if now is None or not before:
        return None
    return 100.0 * (now - before) / before


def signed(value: float | None) -> str:
    """`+20%`, `-2%`, `x3.4` for what more than doubled."""
    if value is None:
        return NOTHING
    if value >= 150:
        factor = 1 + value / 100
        return f"x{factor:.1f}" if factor < 9.95 else f"x{factor:.0f}"
    return f"{value:+.0f}%" if abs(value) >= 0.5 else "+0%"


def clock(at: float) -> str:
    """The time of day, local."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def day_and_clock(at: float) -> str:
    """Date and time, local."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def plural(number: int, word: str) -> str:
    """`1 instance`, `3 instances`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def shorten(text: str, width: int, more: str = "…") -> str:
    """At most `width` characters on one line; what is left out becomes `more`."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(0, width - len(more))].rstrip() + more
