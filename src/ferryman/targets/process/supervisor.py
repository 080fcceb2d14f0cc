"""The life of every instance: launched or adopted, probed, drained, stopped, ended, forgotten.

Everything here runs in the event loop; what blocks goes to threads. All records are written by one thread, in the order
in which they changed, so the last one written is the present one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import msgspec

from ferryman.model.generation import Generation
from ferryman.model.revision import Revision
from ferryman.model.seen import InstanceState
from ferryman.targets.backoff import CrashLoop
from ferryman.targets.process import probing, procfs, session, signals, spawn
from ferryman.targets.process.folder import StateFolder
from ferryman.targets.process.instance import Managed
from ferryman.targets.process.journal import Journal
from ferryman.targets.process.logs import last_words, masked, secret_values
from ferryman.targets.process.ports import NoPortError, PortPool
from ferryman.targets.process.records import Record
from ferryman.targets.process.settings import ProcessSettings

P = ParamSpec("P")
T = TypeVar("T")
LOG = logging.getLogger(__name__)
EARLY_PROBE_SECONDS = 0.1
REST_POLL_SECONDS = 0.1
LAST_WORDS_LINES = 20


class Supervisor:
    """Owns the instances of one state folder. `journal` takes facts and wake-ups, `now` gives epoch seconds."""

    def __init__(
        self, folder: StateFolder, owner: str, settings: ProcessSettings, journal: Journal, now: Callable[[], float]
    ) -> None:
        self.folder = folder
        self.now = now
        self.owner = owner
        self.settings = settings
        self.journal = journal
        self.instances: dict[str, Managed] = {}
        self.ports = PortPool(settings.ports, settings.port_reuse_seconds)
        self.crash_loops: dict[tuple[str, str], CrashLoop] = {}
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="instance-records")
        self._tasks: set[asyncio.Task[None]] = set()
        self.adopting = asyncio.Lock()

    # -- begin and end of an instance ---------------------------------------------------------------------------

    async def launch(self, service: str, revision: Revision, generation: Generation) -> None:
        """Start one instance. One that cannot be started becomes a failed one, with the reason. Raises OSError if
        its record cannot be written; then nothing was started."""
        now = self.now()
        instance = await self.on_disk(self.folder.new_id, revision.label or revision.id, frozenset(self.instances))
        record = Record(
            id=instance,
            service=service,
            revision=revision.id,
            label=revision.label,
            owner=self.owner,
            generation=str(generation),
            boot_id=procfs.boot_id(),
            started_at=now,
            stop_seconds=revision.run.stop_seconds,
            health=revision.health,
            secrets=revision.run.secrets,
        )
        problem: str | None = None
        if spawn.needs_port(revision):
            try:
                record = msgspec.structs.replace(record, port=self.ports.take(now))
            except NoPortError as error:
                problem = str(error)
        managed = self.instances[instance] = Managed(record, secret_values(record.secrets, dict(os.environ)))
        try:
            # The record comes first: whatever happens from here on, whoever comes next knows that this was begun.
            await self.on_disk(self.folder.records.save, record, durable=True)
            if problem is None:
                managed.record, descriptor = await self.on_disk(self._spawn, record, revision)
                self.watch(managed, descriptor)
        except OSError:
            del self.instances[instance]
            if record.port is not None:
                self.ports.release(record.port, now - self.settings.port_reuse_seconds)
            raise
        except spawn.StartError as error:
            problem = str(error)
        if problem is not None:
            await self.ended(managed, failed=True, reason=problem)

    def _spawn(self, record: Record, revision: Revision) -> tuple[Record, int]:
        environment = spawn.build_environment(
            os.environ,
            revision,
            service=record.service,
            instance=record.id,
            port=record.port,
            state_id=self.folder.state_id,
        )
        spawned = spawn.spawn(
            spawn.build_command(revision.run, record.port),
            spawn.working_directory(revision.run, self.folder.root),
            environment,
            self.folder.logs.path(record.id),
        )
        record = msgspec.structs.replace(record, pid=spawned.pid, start_ticks=spawned.start_ticks)
        try:
            self.folder.records.save(record)
        except OSError as error:  # it runs all the same, and would be found by the name in its environment
            LOG.warning("cannot record the process of instance %s: %s", record.id, error)
        return record, spawned.descriptor

    def watch(self, managed: Managed, descriptor: int) -> None:
        """Follow a live process: notice its end at once, and probe it unless it is leaving."""
        managed.descriptor = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._exit_noticed, managed)
        if managed.record.stop_asked_at is not None:
            self.background(self._stop(managed))
        elif managed.record.drained_at is None:
            managed.prober = self.background(self._probe(managed))

    def _exit_noticed(self, managed: Managed) -> None:
        assert managed.descriptor is not None
        asyncio.get_running_loop().remove_reader(managed.descriptor)
        managed.exited.set()
        self.background(self._finish(managed))

    async def _finish(self, managed: Managed) -> None:
        """The leader has ended: end the rest of its session, then let go of it."""
        descriptor, record = managed.descriptor, managed.record
        assert descriptor is not None
        _stop_probing(managed)
        how = signals.peek_exit(descriptor)
        asked = record.stop_asked_at is not None
        if asked:
            await self._end_rest(managed)
        else:
            await asyncio.to_thread(session.kill_rest, record, fresh=True)
        signals.reap(descriptor)
        managed.descriptor = None
        os.close(descriptor)
        if asked:
            await self.ended(managed, failed=False, reason="killed" if managed.forced else "stopped")
        else:
            await self.ended(managed, failed=True, reason=await self.explain(managed, str(how)))

    async def explain(self, managed: Managed, how: str) -> str:
        """Why an instance ended: how, and what it wrote last, without secrets."""
        record = managed.record
        text = ""
        with contextlib.suppress(OSError):  # an unreadable log must not keep it from having ended
            text = await self.on_disk(self.folder.logs.tail, record.id, LAST_WORDS_LINES)
        words = last_words(masked(text, managed.secrets))
        never = "" if record.ready_at is not None else " before it was ready"
        return f"{how}{never}; last output: {words}" if words else f"{how}{never}; it wrote nothing"

    async def ended(self, managed: Managed, *, failed: bool, reason: str) -> None:
        """It is gone, and everybody may know."""
        now = self.now()
        record = managed.record
        if record.port is not None:
            self.ports.release(record.port, now)
        if failed:
            self.crash_loop(record.service, record.revision).failed(
                started_at=record.started_at,
                ended_at=now,
                ready_seconds=0.0 if record.ready_at is None else now - record.ready_at,
            )
            detail: dict[str, object] = {"instance": record.id, "revision": record.revision, "reason": reason}
            self.journal.fact(record.service, "instance_failed", f"instance {record.id}: {reason}", detail)
        managed.usage = None
        await self.update(managed, ended_at=now, failed=failed, reason=reason)
        self.journal.changed(record.service)

    # -- on request ---------------------------------------------------------------------------------------------

    async def drain(self, managed: Managed) -> None:
        """Mark it as leaving, for good. Raises OSError; then it is not."""
        await self._order(managed, drained_at=self.now())
        _stop_probing(managed)
        self.journal.changed(managed.record.service)

    async def stop(self, managed: Managed) -> None:
        """Begin to end it. Raises OSError if that cannot be recorded; then it goes on."""
        await self._order(managed, stop_asked_at=self.now())
        _stop_probing(managed)
        self.background(self._stop(managed))
        self.journal.changed(managed.record.service)

    async def _order(self, managed: Managed, **changes: float) -> None:
        before = managed.record
        managed.record = msgspec.structs.replace(before, **changes)
        try:
            await self.on_disk(self.folder.records.save, managed.record, durable=True)
        except OSError:
            back = {name: getattr(before, name) for name in changes}
            managed.record = msgspec.structs.replace(managed.record, **back)
            raise

    async def _stop(self, managed: Managed) -> None:
        record = managed.record
        if managed.descriptor is None or managed.exited.is_set():
            return
        # Sent once: many programs take a second SIGTERM for "now, whatever is in flight".
        if not record.term_sent and signals.send(managed.descriptor, signal.SIGTERM):
            await self.update(managed, term_sent=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_grace_left(managed.record, self.now())):
                await managed.exited.wait()
        if not managed.exited.is_set():
            self._force(managed)
            signals.send(managed.descriptor, signal.SIGKILL)

    async def _end_rest(self, managed: Managed) -> None:
        """What a stopped leader leaves behind is asked once too, and killed when the same grace is over."""
        record = managed.record
        if not managed.forced and await asyncio.to_thread(session.terminate_rest, record):
            deadline = time.monotonic() + _grace_left(record, self.now())
            while await asyncio.to_thread(session.rest_of, record, fresh=True):
                if time.monotonic() >= deadline:
                    self._force(managed)
                    break
                await asyncio.sleep(REST_POLL_SECONDS)
        if managed.forced:
            await asyncio.to_thread(session.kill_rest, record, fresh=True)

    def _force(self, managed: Managed) -> None:
        record = managed.record
        managed.forced = True
        detail: dict[str, object] = {"instance": record.id, "stop_seconds": record.stop_seconds}
        text = f"instance {record.id} was still there {record.stop_seconds:g} s after SIGTERM and was killed"
        self.journal.fact(record.service, "killed", text, detail)

    # -- health -------------------------------------------------------------------------------------------------

    async def _probe(self, managed: Managed) -> None:
        record, track = managed.record, managed.track
        loop = asyncio.get_running_loop()
        while True:
            problem = await self.probe_once(managed)
            if track.add(problem, loop.time()):
                await self._health_changed(managed)
            wait = track.wait_seconds(record.health.interval_seconds, loop.time())
            if track.state is InstanceState.STARTING and problem is not None and problem.startswith(probing.REFUSED):
                wait = min(wait, EARLY_PROBE_SECONDS)
            await asyncio.sleep(wait)

    async def probe_once(self, managed: Managed) -> str | None:
        """What is wrong now, None if nothing is; before it counts as ready the answer must be its own."""
        record = managed.record
        problem = await probing.probe(record.health, spawn.HOST, record.port)
        asked = record.health.tcp or record.health.http_path is not None
        if problem is not None or not asked or managed.track.state is InstanceState.READY:
            return problem
        if record.port is None or record.pid is None:
            return None
        return await asyncio.to_thread(probing.foreign_listener, record.port, record.pid)

    async def _health_changed(self, managed: Managed) -> None:
        managed.changed_at = self.now()
        self.journal.changed(managed.record.service)
        if managed.track.state is InstanceState.READY and managed.record.ready_at is None:
            await self.update(managed, ready_at=managed.changed_at)

    # -- shared means -------------------------------------------------------------------------------------------

    def crash_loop(self, service: str, revision: str) -> CrashLoop:
        """The back-off of one revision."""
        settings = self.settings
        made = CrashLoop(settings.backoff_first_seconds, settings.backoff_max_seconds, settings.backoff_reset_seconds)
        return self.crash_loops.setdefault((service, revision), made)

    def not_before(self, service: str, revision: str, now: float) -> float:
        """The epoch second from which a revision may be started."""
        loop = self.crash_loops.get((service, revision))
        return now if loop is None else loop.not_before(now)

    async def update(self, managed: Managed, **changes: object) -> None:
        """Note what happened. If it cannot be written it is still so, and will be found out again after a restart."""
        managed.record = msgspec.structs.replace(managed.record, **changes)
        try:
            await self.on_disk(self.folder.records.save, managed.record)
        except OSError as error:
            LOG.warning("cannot write the record of instance %s: %s", managed.record.id, error)

    async def on_disk(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work in the one thread that writes, after all that was asked of it before."""
        return await asyncio.wrap_future(self._disk.submit(work, *args, **kwargs))

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that nobody waits for; a failure of it is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._background_done)
        return task

    def _background_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("instance supervision failed", exc_info=error)

    async def close(self) -> None:
        """Let go of everything without touching a process."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for managed in self.instances.values():
            if managed.descriptor is not None:
                asyncio.get_running_loop().remove_reader(managed.descriptor)
                os.close(managed.descriptor)
                managed.descriptor = None
        await asyncio.to_thread(self._disk.shutdown)


def _stop_probing(managed: Managed) -> None:
    if managed.prober is not None:
        managed.prober.cancel()
        managed.prober = None


def _grace_left(record: Record, now: float) -> float:
    """Seconds until force, between none and all of the revision's `stop_seconds`, whatever the clocks of two controllers say."""
    assert record.stop_asked_at is not None
    return min(record.stop_seconds, max(0.0, record.stop_asked_at + record.stop_seconds - now))
