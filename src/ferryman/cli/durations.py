"""Durations and rates on the command line."""

from __future__ import annotations

import re

from ferryman.model.errors import UsageError
from ferryman.spec.durations import parse_duration

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/?\s*(s|sec|second|m|min|minute|h|hour)|rps)?")
_PER = {"s": 1.0, "m": 60.0, "h": 3600.0}


def timeout_seconds(text: str | None, option: str = "--timeout") -> float | None:
    """The value of `option`: `90`, `90s`, `10m`; None stays None. Raises `UsageError`."""
    if text is None:
        return None
    seconds = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else parse_duration(text)
    if seconds is None:
        raise UsageError("bad_duration", f"{option} {text!r} is no duration", "write 90s, 10m or 1h30m")
    return seconds


def requests_per_second(text: str) -> float:
    """`50/s`, `50`, `50rps`, `3000/m`. Raises `UsageError`."""
    found = _RATE.fullmatch(text.strip())
    if not found or float(found.group(1)) <= 0:
        raise UsageError("bad_rate", f"{text!r} is no rate of requests", "write 50/s or 3000/m")
    return float(found.group(1)) / _PER[(found.group(2) or "s")[0]]


def share(text: str) -> float:
    """`0.5%` as 0.005. Raises `UsageError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%?", text.strip())
    if not found or not 0 <= float(found.group(1)) < 100:
        raise UsageError("bad_percent", f"{text!r} is no share in percent", "write 0.5%")
    return float(found.group(1)) / 100.0
