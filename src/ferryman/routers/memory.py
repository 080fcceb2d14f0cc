"""A router that routes nobody: for tests and simulations. Delay and refusals are set from outside."""

from __future__ import annotations

import asyncio

import msgspec

from ferryman.model.errors import Rejected, Stale, Unreachable
from ferryman.model.generation import Generation
from ferryman.model.seen import RoutesSeen, RouteStatus
from ferryman.model.world import RouteTable
from ferryman.routers.base import Capabilities

WEIGHT_TOLERANCE = 0.05

Fact = tuple[str, str, dict[str, object]]


class MemoryRouter:
    """`delay_seconds`: what an acknowledgement takes. `refuse`: why the next tables are refused (None: they are taken).
    `ack_limit_seconds`: how long `apply` waits; after that the table is pending until its delay is over.
    `down`: nothing answers. `history` holds every acknowledged (generation, table), oldest first."""

    caps = Capabilities(
        smallest_weight_percent=0.01, matches=True, sticky=True, mirror=False, atomic=True, acknowledges=True
    )

    def __init__(self, *, delay_seconds: float = 0.0, ack_limit_seconds: float = 2.0) -> None:
        self.delay_seconds = delay_seconds
        self.ack_limit_seconds = ack_limit_seconds
        self.refuse: str | None = None
        self.down = False
        self.history: list[tuple[Generation, RouteTable]] = []
        self._fences: dict[str, Generation] = {}
        self._served: dict[str, RoutesSeen] = {}
        self._waiting: dict[str, tuple[float, Generation, RouteTable]] = {}
        self._facts: dict[str, list[Fact]] = {}

    async def start(self) -> None:
        return

    async def apply(self, table: RouteTable, generation: Generation) -> RoutesSeen:
        self._check_up()
        service = table.service
        self._fence(service, generation)
        problem = self.refuse or _problem(table)
        if problem:
            old = self._served.get(service, RoutesSeen())
            self._served[service] = msgspec.structs.replace(old, status=RouteStatus.REJECTED, reason=problem)
            self._waiting.pop(service, None)
            self._facts.setdefault(service, []).append(("routes_rejected", problem, {"generation": str(generation)}))
            raise Rejected("routes_rejected", problem, "the routes before it still serve")
        waiting = asyncio.get_running_loop().time() + self.delay_seconds, generation, table
        self._waiting[service] = waiting
        if self.delay_seconds:
            await asyncio.sleep(min(self.delay_seconds, self.ack_limit_seconds))
        if self.delay_seconds <= self.ack_limit_seconds and self._waiting.get(service) is waiting:
            self._waiting[service] = 0.0, generation, table  # a loop may wake a hair too early
        return await self.observe(service)

    async def observe(self, service: str) -> RoutesSeen:
        if self.down:
            old = self._served.get(service, RoutesSeen())
            return msgspec.structs.replace(old, status=RouteStatus.UNREACHABLE, reason="told to be down")
        waiting = self._waiting.get(service)
        if waiting is None:
            return self._served.get(service, RoutesSeen())
        due, generation, table = waiting
        if asyncio.get_running_loop().time() < due:
            old = self._served.get(service, RoutesSeen())
            return msgspec.structs.replace(old, status=RouteStatus.PENDING, reason="not acknowledged yet")
        del self._waiting[service]
        self._served[service] = _seen(table, generation)
        self.history.append((generation, table))
        return self._served[service]

    async def remove(self, service: str, generation: Generation) -> None:
        self._check_up()
        self._fence(service, generation)
        self._served.pop(service, None)
        self._waiting.pop(service, None)

    def facts(self, service: str) -> list[Fact]:
        return self._facts.pop(service, [])

    async def close(self) -> None:
        return

    async def shutdown(self) -> None:
        self._served.clear()
        self._waiting.clear()

    def _fence(self, service: str, generation: Generation) -> None:
        fence = self._fences.get(service)
        if fence is not None and generation < fence:
            raise Stale("stale_generation", f"routes of {service}: generation {generation} is older than {fence}")
        self._fences[service] = generation

    def _check_up(self) -> None:
        if self.down:
            raise Unreachable("router_unreachable", "the router does not answer: told to be down")


def _problem(table: RouteTable) -> str:
    total = sum(table.weights.values())
    if table.weights and abs(total - 100) > WEIGHT_TOLERANCE:
        return f"weights {table.weights} of {table.service} do not sum to 100"
    return ""


def _seen(table: RouteTable, generation: Generation) -> RoutesSeen:
    return RoutesSeen(
        status=RouteStatus.APPLIED,
        generation=generation,
        weights={revision: percent for revision, percent in table.weights.items() if percent > 0},
        endpoints={name: frozenset(spot.instance for spot in spots) for name, spots in table.endpoints.items()},
        matches=sum(bool(table.endpoints.get(match.revision)) for match in table.matches),
        preview=table.preview,
    )
