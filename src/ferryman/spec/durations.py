"""Durations as people write them: `500ms`, `30s`, `10m`, `1h30m`, `2d`."""

from __future__ import annotations

import re

PATTERN = (
    r"^(?=.)([0-9]+(\.[0-9]+)?d)?([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m)?([0-9]+(\.[0-9]+)?s)?([0-9]+(\.[0-9]+)?ms)?$"
)
_UNITS = (("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0))
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|d|h|m|s)")
_WHOLE = re.compile(PATTERN)
TEXT_MAX = 60


def parse_duration(text: str) -> float | None:
    """Seconds, or None when `text` is no duration. Units fall from days to milliseconds, each at most once."""
    if len(text) > TEXT_MAX or not _WHOLE.fullmatch(text):
        return None
    factors = dict(_UNITS)
    return sum(
        float(number) / 1000.0 if unit == "ms" else float(number) * factors[unit]
        for number, unit in _PART.findall(text)
    )


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads as `seconds` (to the millisecond)."""
    left = round(seconds * 1000)
    parts: list[str] = []
    for unit, factor in _UNITS:
        count, left = divmod(left, int(factor * 1000))
        if count:
            parts.append(f"{count}{unit}")
    if left:
        parts.append(f"{left}ms")
    return "".join(parts) or "0s"
