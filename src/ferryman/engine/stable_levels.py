"""What the stable version showed while it last had users: what the candidate's absolute limits are held against later."""

from __future__ import annotations

import msgspec

from ferryman.analysis.limits import Shown
from ferryman.engine.traffic import quantile_ms, since
from ferryman.metrics.base import Counters

STEP_SECONDS = 10.0
KEPT = 4
"""So many readings are kept, so far apart."""


class Reading(msgspec.Struct, frozen=True):
    """Counters of one side as they were at epoch second `at`."""

    at: float
    counters: Counters


class Control(msgspec.Struct):
    """The last readings, so that the last ten to forty seconds can be told apart from all that was before."""

    readings: tuple[Reading, ...] = ()

    def note(self, at: float, counters: Counters | None) -> None:
        """Stable has users at epoch second `at`, and this is what was counted of it so far."""
        if counters is not None and (not self.readings or at - self.readings[-1].at >= STEP_SECONDS):
            self.readings = (*self.readings[1 - KEPT :], Reading(at, counters))

    def shown(self, last: Counters | None, bounds_ms: tuple[float, ...]) -> tuple[Shown, ...]:
        """What its users met since each reading; `last` is what is counted of it now that it has none."""
        if last is None:
            return ()
        spans = [since(last, reading.counters) for reading in self.readings]
        return tuple(Shown(span.requests, span.errors, quantile_ms(span.buckets, bounds_ms, 0.95)) for span in spans)
