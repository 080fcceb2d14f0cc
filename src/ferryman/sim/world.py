"""One service and everything around it, shared by all controllers."""

from __future__ import annotations

from dataclasses import dataclass, field

from ferryman.metrics.base import Counters
from ferryman.model.world import RouteTable
from ferryman.sim.dataplane import DataPlane
from ferryman.sim.flagboard import FlagBoard
from ferryman.sim.fleet import Fleet, Write
from ferryman.sim.kernel import EPOCH, Kernel
from ferryman.sim.log import EventLog
from ferryman.sim.traffic import Traffic

HUGE = 1000
READINGS_KEPT = 40


@dataclass
class World:
    """The truth. `*_down_until` are epoch seconds until which that part does not answer. `wrong` says how readings of
    the counters are wrong until `wrong_until`: error, zero, huge, repeat or late. `failing_checks` are revisions whose
    checks fail; `late_seconds` the longest that a late write is under way."""

    kernel: Kernel
    name: str = "shop"
    log: EventLog = field(init=False)
    fleet: Fleet = field(init=False)
    plane: DataPlane = field(init=False)
    traffic: Traffic = field(init=False)
    flags: FlagBoard = field(init=False)
    log_down_until: float = 0.0
    fleet_down_until: float = 0.0
    wrong: str = ""
    wrong_until: float = 0.0
    failing_checks: set[str] = field(default_factory=set[str])
    late_seconds: float = 12.0
    readings: list[dict[str, Counters]] = field(default_factory=list[dict[str, Counters]])

    def __post_init__(self) -> None:
        self.log = EventLog(self.kernel, self.name)
        self.fleet = Fleet(self.kernel)
        self.plane = DataPlane(self.kernel, on_serve=self._served)
        self.traffic = Traffic(self.kernel)
        self.flags = FlagBoard(self.kernel, self.traffic)

    def _served(self, table: RouteTable | None, write: Write) -> None:
        self.traffic.serve(table.weights if table is not None else {})

    def measure(self) -> dict[str, Counters] | None:
        """What the metrics source answers now; None when it does not."""
        wrong = self.wrong if self.kernel.now < self.wrong_until else ""
        if wrong == "error" or self.kernel.now < self.plane.down_until:
            return None
        true = self.traffic.read()
        self.readings.append(true)
        del self.readings[:-READINGS_KEPT]
        match wrong:
            case "zero":
                return {revision: _times(counters, 0) for revision, counters in true.items()}
            case "huge":
                return {revision: _times(counters, HUGE) for revision, counters in true.items()}
            case "repeat":
                return self.readings[0]
            case "late":
                return self.readings[max(0, len(self.readings) - 4)]
            case _:
                return true

    def plane_restarts(self, seconds: float) -> None:
        """The data plane is away for so long; its counters begin anew."""
        self.plane.down_until = self.kernel.now + seconds
        self.traffic.restart()

    @property
    def disturbed(self) -> bool:
        """True while a part of it does not answer or refuses."""
        plane = self.plane
        ends = (self.log_down_until, self.fleet_down_until, plane.down_until, plane.refusing_until)
        return self.kernel.now < max(ends)

    @property
    def elapsed(self) -> float:
        """Seconds since the simulation began."""
        return self.kernel.now - EPOCH


def _times(counters: Counters, factor: int) -> Counters:
    return Counters(
        requests=counters.requests * factor,
        errors=counters.errors * factor,
        buckets=tuple(count * factor for count in counters.buckets),
    )
