"""The data plane as it truly is: it acknowledges at once or late, refuses tables, goes away and comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from ferryman.model.errors import Rejected, Stale, Unreachable
from ferryman.model.generation import Generation
from ferryman.model.seen import RoutesSeen, RouteStatus
from ferryman.model.world import RouteTable
from ferryman.sim.fleet import Fact, Write
from ferryman.sim.kernel import Kernel, nobody

ABSENT = RoutesSeen()


@dataclass
class DataPlane:
    """One service's routes. `served` is what users meet, whatever controllers may know. `ack_seconds`: how long a
    table takes until it is served; `down_until`, `refusing_until`: epoch seconds. `on_serve` is told (table or None,
    the write) just before what is served changes."""

    kernel: Kernel
    on_serve: Callable[[RouteTable | None, Write], None] = nobody
    on_write: Callable[[RouteTable | None, Write], None] = nobody
    ack_seconds: float = 0.0
    down_until: float = 0.0
    refusing_until: float = 0.0
    generation: Generation | None = None
    number: int = 0
    table: RouteTable | None = None
    seen: RoutesSeen = ABSENT
    facts: list[Fact] = field(default_factory=list[Fact])
    _number: int = 0
    _waiting: bool = False

    def observe(self) -> RoutesSeen:
        """What can be seen of it now."""
        if self.kernel.now < self.down_until:
            return replace(self.seen, status=RouteStatus.UNREACHABLE, reason="it does not answer")
        if self._waiting:
            return replace(self.seen, status=RouteStatus.PENDING, reason="not acknowledged yet")
        return self.seen

    def refuses(self, generation: Generation) -> bool:
        """True for an older generation than the last one applied."""
        return self.generation is not None and generation < self.generation

    def apply(self, table: RouteTable, write: Write) -> None:
        """Take a table. Raises `Stale`, `Rejected`, `Unreachable`."""
        if not self._new(write):
            return
        if self.kernel.now < self.refusing_until:
            self.seen = replace(self.seen, status=RouteStatus.REJECTED, reason="told to refuse")
            self.facts.append(("routes_rejected", "told to refuse", {"generation": str(write.generation)}))
            self._number += 1
            self._waiting = False
            raise Rejected("routes_rejected", "told to refuse", "the routes before it still serve")
        self.on_write(table, write)
        if table == self.table and self.seen.status is RouteStatus.APPLIED and not self._waiting:
            if self.seen.generation != write.generation:
                self.seen = replace(self.seen, generation=write.generation)
            return
        self._number += 1
        number = self._number
        if not self.ack_seconds:
            self._serve(table, write)
            return
        self._waiting = True
        self.kernel.after(self.ack_seconds, lambda: self._acknowledge(number, table, write))

    def remove(self, write: Write) -> None:
        """Close the listener. Raises `Stale`, `Unreachable`."""
        if not self._new(write):
            return
        self.on_write(None, write)
        self._number += 1
        self._waiting = False
        if self.table is not None or self.seen.status is not RouteStatus.ABSENT:
            self.on_serve(None, write)
        self.table, self.seen = None, ABSENT

    def repeats(self, write: Write) -> bool:
        """True for a write that came already, or that a later one of the same generation has overtaken."""
        return write.generation == self.generation and write.number <= self.number

    def _new(self, write: Write) -> bool:
        """Whether a write is to be done. Raises `Stale`, `Unreachable`."""
        if self.kernel.now < self.down_until:
            raise Unreachable("router_unreachable", "the data plane does not answer")
        if self.refuses(write.generation):
            raise Stale("stale_generation", f"generation {write.generation} is older than {self.generation}")
        if self.repeats(write):
            return False
        self.generation, self.number = write.generation, write.number
        return True

    def _acknowledge(self, number: int, table: RouteTable, write: Write) -> None:
        if number == self._number:
            self._serve(table, write)

    def _serve(self, table: RouteTable, write: Write) -> None:
        self._waiting = False
        self.on_serve(table, write)
        self.table = table
        self.seen = RoutesSeen(
            status=RouteStatus.APPLIED,
            generation=write.generation,
            weights={revision: percent for revision, percent in table.weights.items() if percent > 0},
            endpoints={name: frozenset(spot.instance for spot in spots) for name, spots in table.endpoints.items()},
            matches=sum(bool(table.endpoints.get(match.revision)) for match in table.matches),
            preview=table.preview,
        )
