"""Simulated time: a heap of (time, number, call), one source of chance, and a trace that is the same for the same seed."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable

EPOCH = 1_000_000.0
"""Every simulation begins at this epoch second."""

FLUSH_LINES = 2000


def nobody(*told: object) -> None:
    """Who is told when nobody listens."""


class Kernel:
    """`now` is the world's own time in epoch seconds. `ticks` counts what was moved: each call from the heap and each
    point at which a controller was stepped.

    With `keep_lines` the trace is kept as text too; it is always hashed.
    """

    def __init__(self, seed: int, *, keep_lines: bool = False) -> None:
        self.now = EPOCH
        self.chance = random.Random(seed)
        self.ticks = 0
        self.lines: list[str] = []
        self._keep = keep_lines
        self._pending: list[str] = []
        self._digest = hashlib.sha256()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Call it at epoch second `when`; in the order in which they were asked for where times are equal."""
        self._numbers += 1
        heapq.heappush(self._heap, (max(when, self.now), self._numbers, call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call it so many seconds from now."""
        self.at(self.now + seconds, call)

    def step(self, until: float) -> bool:
        """The next call that is due by `until`; False when there is none, and then it is `until`."""
        if not self._heap or self._heap[0][0] > until:
            self.now = max(self.now, until)
            return False
        self.now, _, call = heapq.heappop(self._heap)
        self.ticks += 1
        call()
        return True

    def run(self, until: float) -> None:
        """All calls up to epoch second `until`."""
        while self.step(until):
            pass

    def say(self, line: str) -> None:
        """A line of the trace, with the time."""
        text = f"{self.now - EPOCH:.3f} {line}"
        self._pending.append(text)
        if len(self._pending) >= FLUSH_LINES:
            self._flush()

    @property
    def trace_hash(self) -> str:
        """SHA-256 over the trace so far, hex."""
        self._flush()
        return self._digest.hexdigest()

    def _flush(self) -> None:
        if self._keep:
            self.lines += self._pending
        self._digest.update("".join(f"{line}\n" for line in self._pending).encode())
        self._pending.clear()
