"""A wall clock that never goes back: what time is written into events."""

from __future__ import annotations

import time


class SteadyClock:
    """Epoch seconds of the moment it was made, plus monotonic time since: a clock that is set during the run moves
    nothing. `not_before` (the newest time in the log) keeps it from starting behind the log."""

    def __init__(self, not_before: float = 0.0) -> None:
        self._base = time.time()
        self._began = time.monotonic()
        self.not_before(not_before)

    def not_before(self, at: float) -> None:
        """Never read earlier than epoch second `at` from now on."""
        behind = at - self()
        if behind > 0:
            self._base += behind

    def __call__(self) -> float:
        """Epoch seconds now."""
        return self._base + (time.monotonic() - self._began)
