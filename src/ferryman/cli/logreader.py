"""The log of a project whose controller has ended, read from its file: what happened stays to be read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from ferryman.api.place import state_folder
from ferryman.api.wire import EventsPage
from ferryman.cli.client import connect, find
from ferryman.cli.services import DATABASE_FILE, Named
from ferryman.core.evolve import evolve
from ferryman.engine.audit import Question, audit, check_chains
from ferryman.engine.history import read_events, read_history
from ferryman.engine.series import measurement_series
from ferryman.metrics.envoy import EnvoyMetrics
from ferryman.model.audit import AuditPage, ChainsView
from ferryman.model.errors import FerrymanError
from ferryman.model.view import MeasurementSeries, RolloutSummary
from ferryman.store.base import MEASUREMENTS_PER_ROLLOUT_MAX
from ferryman.store.sqlite import SqliteStore

T = TypeVar("T")


class KnownService(msgspec.Struct, frozen=True):
    """A service that the log knows."""

    service: str
    down: bool


class PastReader(Protocol):
    """Who can tell what happened: a controller, or the log alone."""

    def views(self) -> Sequence[Named]: ...
    def history(self, service: str | None, limit: int = 50, *, after: str = "") -> tuple[RolloutSummary, ...]: ...
    def events(
        self,
        service: str | None = None,
        *,
        rollout: str | None = None,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        wait_seconds: float = 0.0,
    ) -> EventsPage: ...
    def verify(self, service: str) -> int: ...
    def measurements(self, rollout: str, points: int) -> MeasurementSeries: ...
    def audit(self, asked: Question) -> AuditPage: ...
    def chains(self) -> ChainsView: ...


def past_reader(project: Path, *, follow: bool = False) -> PastReader:
    """The running controller, else the log that the last one left. Raises `ControllerError` (``no_controller``) where
    there is neither, or where `follow` asks for what is still to come."""
    database = state_folder(project) / DATABASE_FILE
    running = find(project)
    if running is not None or follow or not database.exists():
        return running or connect(project)
    return LogReader(database)


class LogReader:
    """Answers as the controller would, from the file. Each call opens and closes it."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def views(self) -> tuple[Named, ...]:
        """All services of the log."""

        async def read(store: SqliteStore) -> tuple[Named, ...]:
            return tuple(KnownService(item.service.name, item.service.down) for item in await store.load_all())

        return self._with(read)

    def history(self, service: str | None, limit: int = 50, *, after: str = "") -> tuple[RolloutSummary, ...]:
        """Rollouts, newest first. Raises `FerrymanError`: ``unknown_service``, ``unknown_rollout``."""

        async def read(store: SqliteStore) -> tuple[RolloutSummary, ...]:
            if service is not None:
                await _known(store, service)
            return await read_history(store, service, after=after, limit=limit)

        return self._with(read)

    def events(
        self,
        service: str | None = None,
        *,
        rollout: str | None = None,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        wait_seconds: float = 0.0,
    ) -> EventsPage:
        """Events after a position, or before one; nothing new will come, whatever `wait_seconds` says."""

        async def read(store: SqliteStore) -> EventsPage:
            if service is not None:
                await _known(store, service)
            page = await read_events(store, service, after, before, limit, rollout)
            return EventsPage(page, page[-1].position if page else after)

        return self._with(read)

    def measurements(self, rollout: str, points: int) -> MeasurementSeries:
        """What the judge saw and said of a rollout."""

        async def read(store: SqliteStore) -> MeasurementSeries:
            found = await store.measurements(rollout, limit=MEASUREMENTS_PER_ROLLOUT_MAX)
            return measurement_series(rollout, found, EnvoyMetrics.bounds_ms, points)

        return self._with(read)

    def verify(self, service: str) -> int:
        """Events whose chain and fold were checked."""

        async def read(store: SqliteStore) -> int:
            await _known(store, service)
            return await store.verify(service)

        return self._with(read)

    def audit(self, asked: Question) -> AuditPage:
        """Who did what, newest last."""

        async def read(store: SqliteStore) -> AuditPage:
            if asked.service is not None:
                await _known(store, asked.service)
            return await audit(store, asked)

        return self._with(read)

    def chains(self) -> ChainsView:
        """Every hash chain, recomputed."""

        async def read(store: SqliteStore) -> ChainsView:
            return await check_chains(store)

        return self._with(read)

    def _with(self, read: Callable[[SqliteStore], Awaitable[T]]) -> T:
        async def opened() -> T:
            store = SqliteStore(self._database, fold=evolve)
            await store.open()
            try:
                return await read(store)
            finally:
                await store.close()

        return asyncio.run(opened())


async def _known(store: SqliteStore, service: str) -> None:
    names = await store.services()
    if service not in names:
        hint = f"known: {', '.join(names) or 'none yet'}"
        raise FerrymanError("unknown_service", f"there is no service {service!r} here", hint)
