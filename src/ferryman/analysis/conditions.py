"""Conditions of the `threshold` judge, such as `error_rate < 0.01` or `p99_ms_ratio <= 1.5`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence

import msgspec

from ferryman.analysis.options import HeaderError, did_you_mean
from ferryman.analysis.window import EVENT_FIGURE, FIGURES, Window

RATIO = "_ratio"
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}
SHAPE = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*(<=|>=|==|!=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


class Condition(msgspec.Struct, frozen=True, array_like=True):
    """`figure` of the candidate, or with `ratio` the candidate's over the stable one's, against `limit`."""

    figure: str
    ratio: bool
    operator: str
    limit: float

    def __str__(self) -> str:
        return f"{self.figure}{RATIO if self.ratio else ''} {self.operator} {self.limit:g}"

    def value(self, window: Window, bounds: Sequence[float]) -> float | None:
        """What is compared; None without data for it, or with a stable value of 0 to divide by."""
        candidate = window.candidate.figure(self.figure, bounds)
        if not self.ratio or candidate is None:
            return candidate
        stable = window.stable.figure(self.figure, bounds)
        return candidate / stable if stable else None

    def holds(self, window: Window, bounds: Sequence[float]) -> bool | None:
        """Whether it is true of the window; None without data."""
        value = self.value(window, bounds)
        return None if value is None else OPERATORS[self.operator](value, self.limit)


def parse_conditions(texts: str | Sequence[str] | None) -> tuple[Condition, ...]:
    """Conditions from a text or several. Raises `HeaderError` naming the one that is wrong."""
    if texts is None:
        return ()
    return tuple(parse_condition(text) for text in ([texts] if isinstance(texts, str) else texts))


def parse_condition(text: str) -> Condition:
    """One condition. Raises `HeaderError`."""
    match = SHAPE.fullmatch(text)
    if not match:
        raise HeaderError(f"{text!r} is no condition", "write a figure, a comparison and a number: error_rate < 0.01")
    name, sign, number = match.groups()
    ratio = name.endswith(RATIO)
    figure = name.removesuffix(RATIO)
    if figure not in FIGURES and not EVENT_FIGURE.fullmatch(figure):
        meant = did_you_mean(figure, FIGURES)
        known = f"figures are {', '.join(FIGURES)} and events.NAME, each also with {RATIO} at its end"
        raise HeaderError(f"condition {text!r} reads an unknown figure", f"did you mean {meant!r}?" if meant else known)
    return Condition(figure, ratio, sign, float(number))
