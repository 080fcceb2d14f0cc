"""The port: orders become drains, stops and starts under the fence of the service."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from ferryman.model.errors import AdapterError
from ferryman.model.generation import Generation
from ferryman.model.revision import Revision
from ferryman.model.seen import Instance
from ferryman.model.world import Orders
from ferryman.targets.base import Action, DrainInstance, StartInstance, StopInstance
from ferryman.targets.planning import Planned, plan_actions
from ferryman.targets.process import adoption, sockets
from ferryman.targets.process.errorlines import ErrorLines
from ferryman.targets.process.folder import StateFolder
from ferryman.targets.process.housekeeping import Housekeeping
from ferryman.targets.process.instance import Managed
from ferryman.targets.process.journal import Journal
from ferryman.targets.process.logs import masked
from ferryman.targets.process.settings import ProcessSettings
from ferryman.targets.process.supervisor import Supervisor

# Counting walks all connections of the machine: done often only while somebody waits for the last ones to go.
CONNECTIONS_CACHED_SECONDS = 1.0
CONNECTIONS_CACHED_DRAINING_SECONDS = 0.1


class ProcessTarget:
    """Instances are detached processes of this machine; see `targets.base.Target` for the contract.

    `state_folder` holds records, generations and logs; whoever opens the same folder later takes over what runs.
    `owner` names this controller in the records. `now` gives epoch seconds: a controller hands in its own clock, so that
    ages and time-outs are counted on the clock by which they are decided. Linux only.
    """

    def __init__(
        self,
        state_folder: Path,
        *,
        owner: str = "",
        settings: ProcessSettings | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._settings = settings or ProcessSettings()
        self._folder = StateFolder(state_folder, self._settings)
        self._journal = Journal()
        self._owner = owner
        self._supervisor: Supervisor | None = None
        self._housekeeping: asyncio.Task[None] | None = None
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._applies: set[asyncio.Task[tuple[Action, ...]]] = set()
        self._connections: tuple[float, Counter[int]] = (float("-inf"), Counter())
        self._errors: dict[str, ErrorLines] = {}

    async def start(self) -> None:
        if self._supervisor is not None:
            return
        supervisor = Supervisor(self._folder, self._owner, self._settings, self._journal, self._now)
        try:
            await supervisor.on_disk(self._folder.create)
            await adoption.adopt(supervisor)
        except OSError as error:
            await supervisor.close()
            raise self._unwritable(error) from error
        self._supervisor = supervisor
        self._housekeeping = asyncio.create_task(Housekeeping(supervisor).run())

    async def apply(
        self, service: str, orders: Orders, revisions: Mapping[str, Revision], generation: Generation
    ) -> tuple[Action, ...]:
        # A caller that gives up must not leave a process behind that nobody knows: what was begun is carried through.
        task = asyncio.create_task(self._apply(service, orders, revisions, generation))
        self._applies.add(task)
        task.add_done_callback(self._apply_done)
        return await asyncio.shield(task)

    def _apply_done(self, task: asyncio.Task[tuple[Action, ...]]) -> None:
        self._applies.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may be gone; then nobody else would ask for it

    async def _apply(
        self, service: str, orders: Orders, revisions: Mapping[str, Revision], generation: Generation
    ) -> tuple[Action, ...]:
        supervisor = self._running()
        async with self._locks[service]:
            try:
                held = await asyncio.to_thread(self._folder.fence.acquire, service, generation)
                with contextlib.closing(held):
                    if held.advanced:  # whoever held the lease before may have started something since we looked
                        await adoption.adopt(supervisor, held=service)
                    planned = self._plan(supervisor, service, orders, revisions)
                    return await self._carry_out(supervisor, service, planned, revisions, generation)
            except OSError as error:
                raise self._unwritable(error) from error

    def _plan(self, supervisor: Supervisor, service: str, orders: Orders, revisions: Mapping[str, Revision]) -> Planned:
        now = self._now()
        mine = [one for one in supervisor.instances.values() if one.record.service == service]
        planned = plan_actions(
            instances=[one.seen() for one in mine],
            stopping={one.record.id for one in mine if one.record.stop_asked_at is not None},
            orders=orders,
            known_revisions=revisions.keys(),
            not_before=lambda revision: supervisor.not_before(service, revision, now),
            now=now,
        )
        if planned.wake_at is not None:
            self._journal.wake_in(service, planned.wake_at - now)
        return planned

    async def _carry_out(
        self,
        supervisor: Supervisor,
        service: str,
        planned: Planned,
        revisions: Mapping[str, Revision],
        generation: Generation,
    ) -> tuple[Action, ...]:
        actions: list[Action] = []
        for instance in planned.drain:
            if (managed := _living(supervisor, instance)) is not None:
                await supervisor.drain(managed)
                actions.append(DrainInstance(instance))
        for instance in planned.stop:
            if (managed := _living(supervisor, instance)) is not None:
                await supervisor.stop(managed)
                actions.append(StopInstance(instance))
        for revision in planned.start:
            await supervisor.launch(service, revisions[revision], generation)
            actions.append(StartInstance(revision))
        return tuple(actions)

    async def observe(self, service: str) -> tuple[Instance, ...]:
        supervisor = self._running()
        mine = [one for one in supervisor.instances.values() if one.record.service == service]
        draining = any(one.alive and one.leaving for one in mine)
        connections = await self._count_connections(
            CONNECTIONS_CACHED_DRAINING_SECONDS if draining else CONNECTIONS_CACHED_SECONDS
        )
        return tuple(sorted((one.seen(connections) for one in mine), key=lambda one: (one.started_at, one.id)))

    async def _count_connections(self, cached_seconds: float) -> Counter[int]:
        at, counted = self._connections
        if time.monotonic() - at >= cached_seconds:
            counted = await asyncio.to_thread(sockets.established)
            self._connections = (time.monotonic(), counted)
        return counted

    async def logs(self, instance: str, lines: int) -> str:
        """See `targets.base.Target`; secrets of the instance are masked as far as their values are known."""
        supervisor = self._running()
        managed = supervisor.instances.get(instance)
        if not self._folder.logs.names(instance):
            return ""
        text = await asyncio.to_thread(self._folder.logs.tail, instance, lines)
        return text if managed is None else masked(text, managed.secrets)

    async def log_errors(self, service: str) -> dict[str, int]:
        supervisor = self._running()
        mine = [
            (one.record.id, one.record.revision)
            for one in supervisor.instances.values()
            if one.record.service == service
        ]
        counter = self._errors.get(service)
        if counter is None:
            counter = self._errors[service] = ErrorLines(self._folder.logs.path)
            for instance, _ in mine:
                counter.skip(instance)
        return await asyncio.to_thread(counter.count, mine)

    def on_change(self, callback: Callable[[str], None]) -> None:
        self._journal.on_change(callback)

    def facts(self, service: str) -> list[tuple[str, str, dict[str, object]]]:
        return self._journal.collect(service)

    async def close(self) -> None:
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        await asyncio.gather(*self._applies, return_exceptions=True)
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            await asyncio.gather(self._housekeeping, return_exceptions=True)
        self._journal.close()
        await supervisor.close()

    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise AdapterError(
                "target_not_started",
                f"the process target of {self._folder.root} is not running",
                "call start() before it is used, and not after close()",
            )
        return self._supervisor

    def _unwritable(self, error: OSError) -> AdapterError:
        return AdapterError(
            "state_unwritable",
            f"cannot keep the state of instances in {self._folder.root}: {error.strerror or error}",
            "make the folder writable and free some space; nothing was started that is not recorded",
        )


def _living(supervisor: Supervisor, instance: str) -> Managed | None:
    managed = supervisor.instances.get(instance)
    return managed if managed is not None and managed.alive else None
