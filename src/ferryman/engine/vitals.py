"""How a controller fares at one moment, and whether it can do its work: read off its loops and its store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from ferryman.engine.loop import ServiceLoop
from ferryman.engine.ports import Ports
from ferryman.engine.telemetry import Pulse, Readiness, Telemetry
from ferryman.model.errors import FerrymanError
from ferryman.model.seen import RouteStatus

PROBE = "ferryman/ready"
"""A lease that nobody else wants: taking it is a real, durable write. No service can have this name."""

PROBE_SECONDS = 5.0
STUCK_SECONDS = 60.0


class Vitals:
    """Of one controller: `loops` and `tasks` by service; `ports` are None before it started."""

    def __init__(
        self,
        loops: Mapping[str, ServiceLoop],
        tasks: Mapping[str, asyncio.Task[None]],
        ports: Callable[[], Ports | None],
    ) -> None:
        self.telemetry = Telemetry()
        self._loops = loops
        self._tasks = tasks
        self._ports = ports

    def pulse(self) -> Pulse:
        """How it fares now."""
        ports = self._ports()
        now = ports.now() if ports is not None else 0.0
        loops = self._loops.values()
        return Pulse(
            services=len(self._loops),
            phases=dict(
                Counter(loop.service.current.phase.value for loop in loops if loop.service.current is not None)
            ),
            leases=sum(loop.holds_lease for loop in loops),
            store_waiting=ports.store.waiting if ports is not None else 0,
            queued=sum(len(loop.service.queue) for loop in loops),
            oldest_turn_seconds=max((now - loop.health.turned_at for loop in loops if loop.health.turns), default=0.0),
            troubles={loop.name: loop.health.trouble for loop in loops if loop.health.trouble},
            dead=tuple(sorted(name for name, task in self._tasks.items() if task.done())),
        )

    async def readiness(self) -> Readiness:
        """Whether the store takes writes, every loop turns and the router answers."""
        ports = self._ports()
        if ports is None:
            return Readiness(ready=False, problems=("the controller has not started",))
        problems = [f"the loop of {name} ended" for name in self.pulse().dead]
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await ports.store.claim(PROBE, ports.owner, ports.now(), PROBE_SECONDS)
        except FerrymanError as problem:
            problems.append(f"the store takes no writes: {problem.message}")
        except TimeoutError:
            problems.append(f"the store did not answer within {PROBE_SECONDS:g} s")
        for loop in self._loops.values():
            late = ports.now() - loop.health.turned_at
            if loop.health.turns and late > STUCK_SECONDS:
                problems.append(f"the loop of {loop.name} has not turned for {late:.0f} s: {loop.health.trouble}")
            if loop.routes.status is RouteStatus.UNREACHABLE:
                problems.append(f"the router does not answer for {loop.name}: {loop.routes.reason}")
        return Readiness(ready=not problems, problems=tuple(problems))
