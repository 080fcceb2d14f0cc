"""Charts as SVG without a script: lines over time, in the colours of the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from ferryman.cli.postmortem.case import clock_utc

WIDTH, HEIGHT = 720, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 10, 24
GRID_LINES = 4
POINTS_MAX = 400


class Line(NamedTuple):
    """One line: its name, its class in the style sheet, its points (epoch second, value; None is a gap)."""

    name: str
    style: str
    points: Sequence[tuple[float, float | None]]


class Limit(NamedTuple):
    """A horizontal line with its name and its class in the style sheet."""

    name: str
    value: float
    style: str = "bad"


def chart(
    title: str, unit: str, lines: Sequence[Line], limits: Sequence[Limit] = (), marks: Sequence[float] = ()
) -> str:
    """A figure; "" when there is nothing to draw. `marks` are epoch seconds at which something was decided."""
    known = [(at, value) for line in lines for at, value in line.points if value is not None]
    if len(known) < 2:
        return ""
    first, last = min(at for at, _ in known), max([at for at, _ in known] + list(marks))
    if last <= first:
        return ""
    top = _round_up(max([value for _, value in known] + [limit.value for limit in limits]))
    frame = _Frame(first, last, top)
    parts = [*frame.grid(unit), *(frame.mark(at) for at in marks if first <= at <= last)]
    parts += [frame.limit(limit) for limit in limits]
    parts += [frame.line(line) for line in lines]
    legend = "".join(f'<span class="key {line.style}">{escape(line.name)}</span>' for line in lines)
    legend += "".join(f'<span class="key limit {limit.style}">{escape(limit.name)}</span>' for limit in limits)
    legend += '<span class="key mark">decided to go back</span>' if marks else ""
    body = "\n".join(parts)
    return (
        f'<figure><figcaption><b>{escape(title)}</b> <span class="legend">{legend}</span></figcaption>\n'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">\n{body}\n</svg></figure>'
    )


class _Frame:
    """From figures to places on the picture."""

    def __init__(self, first: float, last: float, top: float) -> None:
        self.first, self.last, self.top = first, last, top

    def x(self, at: float) -> float:
        return LEFT + (at - self.first) / (self.last - self.first) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - min(1.0, max(0.0, value / self.top)) * (HEIGHT - TOP - BOTTOM)

    def grid(self, unit: str) -> list[str]:
        parts: list[str] = []
        for number in range(GRID_LINES + 1):
            value = self.top * number / GRID_LINES
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="tick" x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{value:.3g}{unit}</text>'
            )
        for number in range(GRID_LINES + 1):
            at = self.first + (self.last - self.first) * number / GRID_LINES
            anchor = "start" if number == 0 else "end" if number == GRID_LINES else "middle"
            parts.append(
                f'<text class="tick" x="{self.x(at):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{clock_utc(at)}</text>'
            )
        return parts

    def line(self, line: Line) -> str:
        step = max(1, len(line.points) // POINTS_MAX)
        chosen = [*line.points[::step], *line.points[-1:]]
        runs: list[list[str]] = [[]]
        for at, value in chosen:
            if value is None:
                runs.append([])
            else:
                runs[-1].append(f"{self.x(at):.1f},{self.y(value):.1f}")
        return "".join(f'<polyline class="{line.style}" points="{" ".join(run)}"/>' for run in runs if len(run) > 1)

    def limit(self, limit: Limit) -> str:
        y = self.y(limit.value)
        return f'<line class="limit {limit.style}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'

    def mark(self, at: float) -> str:
        x = self.x(at)
        return f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    size = 1.0
    while size * 10 <= value:
        size *= 10
    while size > value:
        size /= 10
    return next(size * step for step in (1.0, 2.0, 2.5, 5.0, 10.0) if size * step >= value - 1e-12)
