"""The invariants, checked against the truth of the simulated world at each thing that happens.

Each check restates a promise in its own words; none asks the code that it checks. Numbers are those of
docs/invariants.md. What is checked beyond them has the number 0.
"""

from __future__ import annotations

import msgspec

NAMES: dict[int, str] = {
    0: "promise",
    1: "recorded before exposed",
    2: "rolled back stays back",
    3: "capacity bounds",
    4: "weights fit capacity",
    5: "one gapless history",
    6: "no older generation",
    7: "contract last",
    8: "no step without evidence",
    9: "window",
    10: "twice is once",
    11: "everything ends",
    12: "takeover in time",
    13: "abort acts",
}


class Violation(msgspec.Struct, frozen=True):
    """A broken promise, at `at` seconds of the simulation."""

    number: int
    text: str
    at: float

    @property
    def name(self) -> str:
        """The invariant's name."""
        return NAMES[self.number]

    def __str__(self) -> str:
        return f"Invariant {self.number} ({self.name}) at {self.at:.3f} s: {self.text}"


class Findings:
    """Violations so far; a run ends at the first."""

    def __init__(self) -> None:
        self.all: list[Violation] = []
        self.now = 0.0

    def broken(self, number: int, text: str, at: float) -> None:
        """A promise does not hold."""
        self.all.append(Violation(number, text, at))

    def __bool__(self) -> bool:
        return bool(self.all)
