"""One project's controller: all services of a state folder, their loops, and what people may ask of them."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from ferryman.core.approving import with_account
from ferryman.core.evolve import evolve
from ferryman.core.held import with_what_holds
from ferryman.core.lint import sample_plan
from ferryman.core.verbs import Answer, deploy, preview
from ferryman.engine.approval_links import ApprovalLinks
from ferryman.engine.checklist import Checklists, with_checklist
from ferryman.engine.checks import Checks
from ferryman.engine.clock import SteadyClock
from ferryman.engine.flags.approving import asked_of_people
from ferryman.engine.flags.breakers import make_breakers
from ferryman.engine.flags.exposures import FlagExposures
from ferryman.engine.flags.notices import flag_notices
from ferryman.engine.flags.service import FlagService
from ferryman.engine.flags.side import drives
from ferryman.engine.folder import STATE_FOLDER, StateFolder
from ferryman.engine.history import Wanted, read_events, read_history, read_rollout
from ferryman.engine.link_key import LinkKey
from ferryman.engine.loop import ServiceLoop
from ferryman.engine.notifier import Notifier
from ferryman.engine.ports import Options, Ports
from ferryman.engine.prometheus import make_source
from ferryman.engine.release_files import copied_files, read_release, revision_of
from ferryman.engine.series import read_series
from ferryman.engine.starting import FIRST_EVENTS, STARTING_MAX, begin_all
from ferryman.engine.texts import event_view
from ferryman.engine.verbs import Verbs, said
from ferryman.engine.views import incident_view, service_view
from ferryman.engine.vitals import Vitals
from ferryman.metrics.envoy import EnvoyMetrics
from ferryman.model.checklist import ChecklistView
from ferryman.model.errors import FerrymanError
from ferryman.model.notice import Notice
from ferryman.model.plan import Plan
from ferryman.model.revision import Revision
from ferryman.model.rollout import Service
from ferryman.model.seen import RouteStatus
from ferryman.model.settings import Settings
from ferryman.model.view import AnswerView, EventView, MeasurementSeries, RolloutDetail, RolloutSummary, ServiceView
from ferryman.routers.envoy import EnvoyRouter
from ferryman.store.base import Loaded, Store, StoredEvent
from ferryman.store.sqlite import SqliteStore
from ferryman.targets.artifacts import prune_artifacts
from ferryman.targets.process import ProcessTarget

log = logging.getLogger("ferryman.controller")

RECENT_EVENTS = 6
SNAPSHOT_EVENTS = 8
DOWN_SECONDS = 60.0


class Controller:
    """See API of `ferry serve`. Verbs of one service are serialised with its loop; services do not wait for each other."""

    def __init__(
        self,
        project: Path,
        *,
        state_folder: Path | None = None,
        options: Options | None = None,
        take_over: bool = False,
        settings: Settings | None = None,
    ) -> None:
        self.project = project.resolve()
        self.folder = StateFolder((state_folder or self.project / STATE_FOLDER).resolve())
        self._options = options or Options()
        self._take_over = take_over
        self._beating: asyncio.Task[None] | None = None
        self._clock = SteadyClock()
        self._loops: dict[str, ServiceLoop] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._starting = asyncio.Semaphore(STARTING_MAX)
        self._position = 0
        self._news = asyncio.Event()
        self._ports: Ports | None = None
        self._router: EnvoyRouter | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self.verbs = Verbs(self.known, lambda: self.ports)
        settings = settings or Settings(str(self.project))
        asks = settings.flag_prometheus is not None
        self.flags = FlagService(self._clock, settings.flag_approvals, asks_prometheus=asks)
        self.flags.drivers = self._drivers
        self._exposures = FlagExposures(self.flags)
        self._sources = partial(make_source, settings=settings)
        self._approvals = settings.flag_approvals
        self._breakers = make_breakers(self.flags, settings, self._clock)
        self._checklists = Checklists(self._loops.get, self._clock, self.flags.stale)
        self.links = ApprovalLinks(
            LinkKey(self.folder.path),
            settings,
            lambda name: self.known(name).service,
            self.view,
            self.verbs,
            lambda: self.store,
            self._clock,
        )
        self.notifier = Notifier(settings, self._states, self.links, self._clock, self._standing)
        self.vitals = Vitals(self._loops, self._tasks, lambda: self._ports)

    # ------------------------------------------------------------------ life
    async def start(self) -> None:
        """Take the folder, with `take_over` also from a controller that does nothing any more; adopt what runs, go on with
        every rollout. Raises `ControllerError`, `StoreError` or `AdapterError`."""
        self.folder.open(take_over=self._take_over)
        self._beating = asyncio.create_task(self.folder.beat())
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> None:
        path, owner = self.folder.path, f"pid-{os.getpid()}-{secrets.token_hex(4)}"
        store = SqliteStore(self.folder.database, fold=evolve, snapshot_events=SNAPSHOT_EVENTS)
        await store.open()
        # The folder's lock is ours, so whoever held a lease is dead.
        await store.end_leases()
        self._router = EnvoyRouter(path)
        target = ProcessTarget(path, owner=owner, now=self._clock)
        self._ports = Ports(
            store=store,
            target=target,
            router=self._router,
            metrics=EnvoyMetrics(path),
            now=self._clock,
            owner=owner,
            flags=self._exposures,
            sources=self._sources,
            checker=lambda done: Checks(str(self.project), done, self._checklists.ask),
            cpu_count=os.cpu_count() or 1,
            telemetry=self.vitals.telemetry,
        )
        self._unsubscribe = store.on_append(self._appended)
        newest = await store.newest(limit=FIRST_EVENTS)
        for stored in newest:
            self._position = stored.position
        self._clock.not_before(await store.latest_at())
        await self.flags.load(store, store)
        await self.flags.keep_counts(store, time.time)
        self.flags.on_change(self._flags_changed)
        await self._router.start()
        await target.start()
        target.on_change(self._wake)
        loaded = await begin_all(store, newest, self._loop_of)
        prune_artifacts(path, {r.run.artifact for i in loaded for r in i.service.revisions.values() if r.run.artifact})
        await self.notifier.start(store)
        self.flags.on_change(self._flags_told)
        self._breakers.start()

    async def close(self) -> None:
        """Let go: loops end, leases go back; instances and Envoy serve on. Never raises."""
        if self._beating is not None:
            self._beating.cancel()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
        await self._breakers.close()
        with contextlib.suppress(FerrymanError):
            await asyncio.gather(*(loop.close() for loop in self._loops.values()), return_exceptions=True)
        if self._unsubscribe is not None:
            self._unsubscribe()
        await self.notifier.close()
        await self.flags.close()
        if self._ports is not None:
            for part in (self._ports.target, self._ports.router, self._ports.metrics, self._ports.store):
                with contextlib.suppress(FerrymanError, OSError):
                    await part.close()
        self.folder.close()
        self._news.set()

    async def shutdown(self) -> None:
        """Stop Envoy too; call it when all services are down."""
        if self._router is not None:
            with contextlib.suppress(FerrymanError):
                await self._router.shutdown()
        await self.close()

    @property
    def ports(self) -> Ports:
        """The adapters; there from `start` on."""
        assert self._ports is not None, "the controller was not started"
        return self._ports

    @property
    def store(self) -> Store:
        """The log and its journals; there from `start` on."""
        return self.ports.store

    def _states(self) -> tuple[Service, ...]:
        return tuple(loop.service for loop in self._loops.values())

    def _flags_told(self, environment: str, version: int, keys: frozenset[str]) -> None:
        self.notifier.look()

    def _standing(self, now: float) -> Iterator[Notice]:
        return flag_notices(self.flags.ledger, now)

    def _loop_of(self, service: str, loaded: Loaded | None = None) -> ServiceLoop:
        loop = self._loops.get(service)
        if loop is None:
            loop = ServiceLoop(service, self.ports, self._options, self.folder.free_reserve)
            if loaded is not None:
                loop.begin_with(loaded)
            self._loops[service] = loop
            self._tasks[service] = asyncio.create_task(loop.run(self._starting), name=f"loop of {service}")
        return loop

    def _wake(self, service: str) -> None:
        if service in self._loops:
            self._loops[service].wake()

    def _drivers(self) -> dict[tuple[str, str], str]:
        return {flag: rollout for service in self._states() for flag, rollout in drives(service).items()}

    def _flags_changed(self, environment: str, version: int, keys: frozenset[str]) -> None:
        for service in self._states():
            if any((environment, key) in drives(service) for key in keys):
                self._wake(service.name)

    def _appended(self, stored: tuple[StoredEvent, ...]) -> None:
        self._position = max(self._position, stored[-1].position)
        self._news.set()
        self._news = asyncio.Event()
        self.notifier.wake()

    # ------------------------------------------------------------------ reads
    def known(self, service: str) -> ServiceLoop:
        """Raises `FerrymanError` (``unknown_service``)."""
        loop = self._loops.get(service)
        if loop is None:
            near = difflib.get_close_matches(service, self._loops, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(self._loops)) or 'none yet'}"
            raise FerrymanError("unknown_service", f"there is no service {service!r} here", hint)
        return loop

    async def view(self, service: str) -> ServiceView:
        """What is shown of a service now."""
        loop = self.known(service)
        recent = tuple(event_view(s) for s in await self.ports.store.newest(service, limit=RECENT_EVENTS))
        seen = loop.seen(self._clock())
        view = service_view(loop.service, seen, loop.traffic, loop.feed.stage_from, loop.health.trouble, recent)
        unheard = self.notifier.trouble(service)
        return replace(view, unheard=unheard) if unheard else view

    async def views(self) -> tuple[ServiceView, ...]:
        """The same of all services, by name."""
        return tuple([await self.view(name) for name in sorted(self._loops)])

    async def names(self) -> tuple[str, ...]:
        """Names of all services, sorted."""
        return tuple(sorted(self._loops))

    async def history(
        self, service: str | None, *, after: str = "", limit: int = 50, wanted: Wanted = lambda _: True
    ) -> tuple[RolloutSummary, ...]:
        """Rollouts, newest first."""
        if service is not None:
            self.known(service)
        return await read_history(self.ports.store, service, after=after, limit=limit, wanted=wanted)

    async def rollout(self, service: str, rollout: str) -> RolloutDetail:
        """What one rollout was about. Raises `FerrymanError` (``unknown_rollout``)."""
        loop = self.known(service)
        return await read_rollout(self.ports.store, service, rollout, incident_view(loop.service, rollout))

    async def measurements(self, service: str, rollout: str, points: int = 600) -> MeasurementSeries:
        """What the judge saw and said, for charts; empty for a rollout that was not judged, or long ago."""
        self.known(service)
        return await read_series(self.ports.store, rollout, self.ports.metrics.bounds_ms, points)

    async def events(
        self,
        service: str | None,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        rollout: str | None = None,
    ) -> tuple[EventView, ...]:
        """Events between two positions, in order: the first of them, or with `before` the last."""
        if service is not None:
            self.known(service)
        return await read_events(self.ports.store, service, after, before, limit, rollout)

    async def checklist(self, service: str) -> ChecklistView:
        """How the checklist of a service stands."""
        self.known(service)
        return await self._checklists.of(service)

    async def wait(self, after: int, timeout_seconds: float) -> int:
        """The newest position, once it is beyond `after` or the time is over."""
        news = self._news
        if self._position <= after:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await news.wait()
        return self._position

    async def logs(
        self, service: str, *, instance: str | None = None, label: str | None = None, lines: int = 100
    ) -> dict[str, str]:
        """Last lines per instance."""
        loop = self.known(service)
        wanted = [
            i
            for i in loop.instances
            if (instance is None or i.id == instance) and (label is None or loop.service.label(i.revision) == label)
        ]
        if instance is not None and not wanted:
            raise FerrymanError(
                "unknown_instance", f"{service} has no instance {instance!r}", "see `ferry status --json`"
            )
        return {i.id: await self.ports.target.logs(i.id, lines) for i in wanted}

    async def verify(self, service: str) -> int:
        """Events whose hash chain and fold were checked."""
        self.known(service)
        return await self.ports.store.verify(service)

    # ------------------------------------------------------------------ verbs
    async def plan(self, document: str, file: str) -> tuple[Service, Plan, Revision]:
        """What a deploy of this document would start now."""
        release = asked_of_people(read_release(self.project, document, file), self._approvals)
        artifact = await copied_files(self.project, release, self.folder.path)
        loop = self._loops.get(release.service)
        service = loop.service if loop is not None else Service(name=release.service)
        self._exposures.admit(sample_plan(release), release.service)
        revision = revision_of(service, release, artifact)
        return service, preview(service, release, revision), revision

    async def deploy(
        self,
        document: str,
        file: str,
        *,
        actor: str,
        base: str | None,
        reason: str,
        emergency: bool = False,
        account: str = "",
    ) -> AnswerView:
        """Carry a service to what the document says."""
        release = asked_of_people(read_release(self.project, document, file), self._approvals)
        artifact = await copied_files(self.project, release, self.folder.path)
        listed = await self._checklists.admit(release, emergency=emergency)
        self._exposures.admit(sample_plan(release), release.service)
        loop = self._loop_of(release.service)

        def answer(service: Service, now: float) -> Answer:
            revision = revision_of(service, release, artifact)
            begun = deploy(
                service, release, revision, actor=actor, now=now, base=base, reason=reason, emergency=emergency
            )
            return with_checklist(with_what_holds(service, with_account(begun, account), now), listed)

        return said(release.service, await loop.ask(answer))

    async def down(self, service: str, *, actor: str, reason: str = "", standing: str = "") -> AnswerView:
        """Stop a service; returns when nothing of it is left, or after a minute."""
        loop = self.known(service)
        answer = await self.verbs.take_down(service, actor=actor, reason=reason, standing=standing)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DOWN_SECONDS):
                while not loop.gone or loop.routes.status is not RouteStatus.ABSENT:
                    loop.wake()
                    await asyncio.sleep(0.1)
        return answer
