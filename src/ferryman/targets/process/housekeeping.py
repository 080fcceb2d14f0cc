"""What is done once a second: figures, log rotation, forgetting, and the search for orphans."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time

import msgspec

from ferryman.targets.process import adoption, procfs, signals
from ferryman.targets.process.instance import Managed
from ferryman.targets.process.procfs import Stat
from ferryman.targets.process.records import SAFE_ID
from ferryman.targets.process.spawn import INSTANCE_VARIABLE, SERVICE_VARIABLE, STATE_VARIABLE
from ferryman.targets.process.supervisor import Supervisor
from ferryman.targets.process.usage import Sampler, Usage

LOG = logging.getLogger(__name__)
# Where a look at all processes is dear, because there are very many, it is taken less often: a twentieth of one core.
LOAD_FACTOR = 20.0
PRUNE_LOGS_SECONDS = 60.0


class Orphan(msgspec.Struct):
    """A live process that carries our mark but belongs to no instance. `seen_at` are monotonic seconds."""

    process: Stat
    instance: str
    service: str
    seen_at: float
    signalled: int = 0


class Housekeeping:
    """Runs until cancelled; a failure of one duty is logged and tried again a second later."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self._sampler = Sampler()
        self._orphans: dict[tuple[int, int], Orphan] = {}
        self._look_seconds = 0.0
        self._next_scan = 0.0
        self._next_prune = 0.0

    async def run(self) -> None:
        """One round per `tick_seconds`."""
        while True:
            for duty in (self._measure, self._rotate, self._forget, self._find_orphans):
                try:
                    await duty()
                except Exception:
                    LOG.exception("housekeeping of instances failed")
            await asyncio.sleep(max(self.supervisor.settings.tick_seconds, LOAD_FACTOR * self._look_seconds))

    async def _measure(self) -> None:
        live = {one.record.pid: one for one in self._live() if one.record.pid is not None}
        if live:
            usage = await asyncio.to_thread(self._sample, frozenset(live))
            for pid, managed in live.items():
                managed.usage = usage.get(pid)

    def _sample(self, sessions: frozenset[int]) -> dict[int, Usage]:
        began = time.thread_time()
        usage = self._sampler.sample(procfs.processes(), sessions, time.monotonic())
        self._look_seconds = time.thread_time() - began
        return usage

    async def _rotate(self) -> None:
        for managed in self._live():
            await self.supervisor.on_disk(self.supervisor.folder.logs.rotate, managed.record.id)

    async def _forget(self) -> None:
        for instance in forget(self.supervisor, self.supervisor.now()):
            await self.supervisor.on_disk(self.supervisor.folder.records.delete, instance)
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + PRUNE_LOGS_SECONDS
            await self.supervisor.on_disk(self.supervisor.folder.logs.prune, frozenset(self.supervisor.instances))

    async def _find_orphans(self) -> None:
        settings = self.supervisor.settings
        if time.monotonic() < self._next_scan:
            return
        self._next_scan = time.monotonic() + settings.orphan_scan_seconds
        # A record written by somebody else is no orphan: take it over first.
        await adoption.adopt(self.supervisor)
        alive = self._live_ids()
        carrying = await asyncio.to_thread(procfs.carrying, STATE_VARIABLE, self.supervisor.folder.state_id)
        own_session = os.getsid(0)
        alive |= self._live_ids()  # before or after the look: what ended in between was no orphan
        found: dict[tuple[int, int], Orphan] = {}
        for process, variables in carrying:
            instance = variables.get(INSTANCE_VARIABLE, "")
            if instance in alive or process.pid == os.getpid() or process.session == own_session:
                continue
            key = (process.pid, process.start_ticks)
            if key in self._orphans:
                found[key] = self._orphans[key]
            elif not await self._is_somebodys(instance):
                found[key] = self._new_orphan(process, instance, variables)
        self._orphans = found
        for orphan in found.values():
            self._end_orphan(orphan)

    async def _is_somebodys(self, instance: str) -> bool:
        """Whether another controller is just starting it, so that it could not be taken over yet."""
        if instance in self.supervisor.instances or not SAFE_ID.fullmatch(instance):
            return False
        record = await self.supervisor.on_disk(self.supervisor.folder.records.load, instance)
        return record is not None and adoption.is_nameless(record)

    def _new_orphan(self, process: Stat, instance: str, variables: dict[str, str]) -> Orphan:
        service = variables.get(SERVICE_VARIABLE, "")
        seconds = self.supervisor.settings.orphan_seconds
        text = f"process {process.pid} calls itself instance {instance or '?'}, of which there is no record"
        detail: dict[str, object] = {
            "pid": process.pid,
            "instance": instance,
            "command": procfs.command_line(process.pid),
            "ends_in_seconds": seconds,
        }
        self.supervisor.journal.fact(service, "orphan", f"{text}; it will be ended in {seconds:g} s", detail)
        self.supervisor.journal.changed(service)
        return Orphan(process=process, instance=instance, service=service, seen_at=time.monotonic())

    def _end_orphan(self, orphan: Orphan) -> None:
        settings = self.supervisor.settings
        age = time.monotonic() - orphan.seen_at
        number = signal.SIGKILL if age >= settings.orphan_seconds + settings.orphan_kill_seconds else signal.SIGTERM
        if age < settings.orphan_seconds or orphan.signalled == number:
            return
        orphan.signalled = number
        if signals.signal_all([orphan.process], number):
            text = f"sent {number.name} to process {orphan.process.pid}, which belongs to no instance"
            detail: dict[str, object] = {"pid": orphan.process.pid, "instance": orphan.instance, "signal": number.name}
            self.supervisor.journal.fact(orphan.service, "orphan_ended", text, detail)

    def _live_ids(self) -> set[str]:
        return {managed.record.id for managed in self._live()}

    def _live(self) -> list[Managed]:
        return [one for one in self.supervisor.instances.values() if one.alive]


def forget(supervisor: Supervisor, now: float) -> list[str]:
    """Drop what ended long ago, or is one failure too many to show; returns the ids whose records are to be deleted.
    A record also keeps the port from being used again, so none goes before that time is over."""
    settings = supervisor.settings
    gone: list[str] = []
    shown: dict[str, int] = {}
    ended = [one for one in supervisor.instances.values() if one.record.ended_at is not None]
    for managed in sorted(ended, key=lambda one: one.record.ended_at or 0.0, reverse=True):
        record = managed.record
        age = now - (record.ended_at or 0.0)
        if record.failed:
            shown[record.service] = shown.get(record.service, 0) + 1
            over = age > settings.failed_shown_seconds or shown[record.service] > settings.failed_shown
        else:
            over = age > settings.gone_shown_seconds
        if over and age > settings.port_reuse_seconds:
            gone.append(record.id)
            del supervisor.instances[record.id]
    known = {(one.record.service, one.record.revision) for one in supervisor.instances.values()}
    for key in [key for key in supervisor.crash_loops if key not in known]:
        del supervisor.crash_loops[key]
    return gone
