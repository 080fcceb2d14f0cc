"""How the loops themselves fare: plain counters that whoever shows them reads, and a hook around each turn and duty.

The engine knows no metrics library and no tracer. `Telemetry.tracer` is empty unless somebody wants spans.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from traceback import walk_tb

import msgspec

from ferryman.model.errors import AdapterError, Conflict, FerrymanError, Rejected, Stale, StoreError, Unreachable
from ferryman.model.rollout import Service

LAG_BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

TURN = "turn"
"""What all duties of one turn are part of."""

Tracer = Callable[[str, Service], AbstractContextManager[object]]
"""Given the name of a duty, or `TURN`, and the service as it is then: what to hold while that runs."""

_IDLE = nullcontext()
_KINDS: tuple[tuple[type[FerrymanError], str], ...] = (
    (Stale, "stale"),
    (Conflict, "conflict"),
    (StoreError, "store"),
    (Unreachable, "unreachable"),
    (Rejected, "rejected"),
    (AdapterError, "adapter"),
    (FerrymanError, "other"),
)
_ADAPTERS = {
    "ferryman.targets": "target",
    "ferryman.routers": "router",
    "ferryman.metrics": "metrics",
    "ferryman.store": "store",
}


@dataclass
class Telemetry:
    """Counters since the controller started. `lag_counts` has a count per bound (not cumulative) and one beyond them:
    by how much turns began later than they were due. `failures` counts turns that failed, by (duty, kind, adapter), the
    last "" for what failed in no adapter; `notes` what adapters had to say of what they could not do, by adapter."""

    turns: int = 0
    moves: int = 0
    events: int = 0
    lag_counts: list[int] = field(default_factory=lambda: [0] * (len(LAG_BOUNDS_SECONDS) + 1))
    lag_seconds: float = 0.0
    failures: dict[tuple[str, str, str], int] = field(default_factory=dict[tuple[str, str, str], int])
    notes: dict[str, int] = field(default_factory=dict[str, int])
    tracer: Tracer | None = None

    def began(self, lag_seconds: float) -> None:
        """A turn begins, so much later than it was due."""
        self.lag_counts[bisect_left(LAG_BOUNDS_SECONDS, lag_seconds)] += 1
        self.lag_seconds += lag_seconds

    def decided(self, events: int) -> None:
        """A turn went through its duties and recorded so many events."""
        self.turns += 1
        self.moves += events > 0
        self.events += events

    def failed(self, duty: str, problem: BaseException) -> None:
        """A duty failed."""
        kind = next((name for known, name in _KINDS if isinstance(problem, known)), "defect")
        what = duty, kind, adapter_of(problem)
        self.failures[what] = self.failures.get(what, 0) + 1

    def noted(self, adapter: str, count: int) -> None:
        """An adapter had so many things to say."""
        if count:
            self.notes[adapter] = self.notes.get(adapter, 0) + count

    def duty(self, name: str, service: Service) -> AbstractContextManager[object]:
        """To be held while a duty, or a whole turn, runs; costs nothing while nobody traces."""
        return _IDLE if self.tracer is None else self.tracer(name, service)


def adapter_of(problem: BaseException) -> str:
    """Which adapter raised it: the innermost one that it came through, by its traceback; "" for none."""
    found = ""
    for frame, _ in walk_tb(problem.__traceback__):
        room = ".".join(str(frame.f_globals.get("__name__", "")).split(".")[:2])
        found = _ADAPTERS.get(room, found)
    return found


class Pulse(msgspec.Struct, frozen=True):
    """How a controller fares at one moment. `phases` counts services by the phase of their present rollout, `leases` those
    whose lease is held, `store_waiting` writes that are not durable yet; `oldest_turn_seconds` is how long ago the loop that waited longest turned; `troubles` says by
    service what failed in its last turn; `dead` names services whose loop ended."""

    services: int = 0
    phases: dict[str, int] = {}
    leases: int = 0
    queued: int = 0
    store_waiting: int = 0
    oldest_turn_seconds: float = 0.0
    troubles: dict[str, str] = {}
    dead: tuple[str, ...] = ()


class Readiness(msgspec.Struct, frozen=True):
    """Whether a controller can do its work; `problems` says what it cannot, empty when ready."""

    ready: bool
    problems: tuple[str, ...] = ()
