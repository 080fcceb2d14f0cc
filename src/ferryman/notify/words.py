"""Texts of others made safe to be one line, and a notice as plain lines."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ferryman.model.notice import Notice
from ferryman.notify.figures import figure_text

TEXT_MAX = 500
# Control characters, line and paragraph separators, marks that turn the direction of writing, lone surrogates.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


def clean(text: str, most: int = TEXT_MAX) -> str:
    """One line of what can be seen, at most `most` characters."""
    seen = " ".join(_UNSEEN.sub(" ", text).split())
    return seen if len(seen) <= most else seen[: most - 1] + "…"


def seconds_text(seconds: float) -> str:
    """A duration in its two largest units: ``3.2s``, ``4m10s``, ``2h05m``."""
    if seconds < 60:
        return f"{seconds:.1f}s".replace(".0s", "s")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s" if rest else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if minutes else f"{hours}h"


def moment_text(at: float) -> str:
    """An epoch second as people and programs read it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def facts(notice: Notice) -> tuple[tuple[str, str], ...]:
    """The facts of a notice as pairs of name and value; empty ones are left out."""
    versions = f"{notice.candidate} over {notice.stable}" if notice.stable else notice.candidate
    place = f"{notice.phase}, step {notice.step + 1} {notice.step_name!r}" if notice.rollout else ""
    found = (
        ("Service", notice.service),
        ("Rollout", f"{notice.rollout}, attempt {notice.attempt}" if notice.attempt > 1 else notice.rollout),
        ("Versions", versions),
        ("Phase", place),
        ("By", notice.actor),
        ("Released by", notice.author if notice.author != notice.actor else ""),
        ("Until", moment_text(notice.until) if notice.until is not None else ""),
        ("At", moment_text(notice.at)),
    )
    return tuple((name, value) for name, value in found if value)


def numbers(notice: Notice) -> tuple[str, ...]:
    """The figures, a line each."""
    return tuple(figure_text(figure) for figure in notice.figures)


def text(notice: Notice) -> str:
    """The whole notice in plain lines, title first."""
    said = [notice.title]
    if notice.reason and notice.reason not in notice.title:
        said.append(f"Reason: {notice.reason}")
    said += [*numbers(notice), *notice.lines]
    said += [f"{name}: {value}" for name, value in facts(notice)]
    return "\n".join(said) + "\n"
