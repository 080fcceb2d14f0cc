"""Signs and colours: what is well, what is doubtful, what is bad; with plain letters where a terminal has no others.

Colour never says anything alone: each sign stands for itself.
"""

from __future__ import annotations

from enum import Enum

import msgspec
from rich.text import Text

STABLE_STYLE, CANDIDATE_STYLE = "cyan", "magenta"


class Mark(Enum):
    """How a figure is to be taken."""

    OK = "green"
    WARN = "yellow"
    BAD = "red"
    NONE = "dim"


class Signs(msgspec.Struct, frozen=True):
    """The characters in use."""

    ok: str
    warn: str
    bad: str
    stable: str
    candidate: str
    full: str
    rest: str
    done: str
    here: str
    ahead: str
    arrow: str
    more: str

    def of(self, mark: Mark) -> Text:
        """The sign of a mark, one cell wide."""
        sign = {Mark.OK: self.ok, Mark.WARN: self.warn, Mark.BAD: self.bad, Mark.NONE: " "}[mark]
        return Text(sign, style=mark.value)


UNICODE = Signs("✓", "▲", "✗", "█", "▒", "━", "─", "✓", "●", "○", "→", "…")
ASCII = Signs("+", "!", "x", "#", ":", "=", ".", "+", "*", "o", "->", "...")


def bar(part: float, width: int, style: str, signs: Signs) -> Text:
    """A small bar that is full at `part` 1; anything above nothing shows at least one cell."""
    cells = min(width, max(1 if part > 0.005 else 0, round(part * width)))
    return Text(signs.full * cells, style=style).append(signs.rest * (width - cells), style="dim")
