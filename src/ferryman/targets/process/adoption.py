"""Taking over what runs already: records are compared with live processes, and each gets the state that is true."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from ferryman.model.seen import InstanceState
from ferryman.targets.process import procfs, session, signals
from ferryman.targets.process.instance import Managed
from ferryman.targets.process.logs import secret_values
from ferryman.targets.process.probing import FAILURES_TO_UNREADY, HealthTrack
from ferryman.targets.process.procfs import Stat
from ferryman.targets.process.records import Record
from ferryman.targets.process.spawn import INSTANCE_VARIABLE, STATE_VARIABLE
from ferryman.targets.process.supervisor import Supervisor

RETRY_SECONDS = 0.1


async def adopt(supervisor: Supervisor, held: str | None = None) -> None:
    """Take over every record that is not known yet; the caller holds the fence of the service `held`. Returns when the health of the live ones has been looked at, so
    that nobody sees an instance as unready only because its new controller has not asked yet. Raises OSError."""
    async with supervisor.adopting:
        await _adopt_unknown(supervisor, held)


async def _adopt_unknown(supervisor: Supervisor, held: str | None) -> None:
    records = await supervisor.on_disk(_load_unknown, supervisor, frozenset(supervisor.instances), held)
    boot = procfs.boot_id()
    nameless = any(is_nameless(one) and one.boot_id == boot for one in records)
    ours: list[tuple[Stat, dict[str, str]]] = []
    if nameless:
        ours = await asyncio.to_thread(procfs.carrying, STATE_VARIABLE, supervisor.folder.state_id)
    for record in sorted(records, key=lambda one: one.ended_at or float("inf")):
        if record.ended_at is not None:
            _remember_ended(supervisor, record)
    living = [one for one in records if one.ended_at is None]
    await asyncio.gather(*(_adopt_one(supervisor, one, boot, ours) for one in living))
    for service in {one.service for one in living}:
        names = sorted(one.id for one in living if one.service == service and supervisor.instances[one.id].alive)
        if names:
            text = f"took over {len(names)} instance(s) that were running already: {', '.join(names)}"
            supervisor.journal.fact(service, "adopted", text, {"instances": names})
        supervisor.journal.changed(service)


def _load_unknown(supervisor: Supervisor, known: frozenset[str], held: str | None) -> list[Record]:
    folder, records = supervisor.folder.records, list[Record]()
    for instance in folder.ids():
        record = None if instance in known else folder.load(instance)
        if record is not None and is_nameless(record) and record.service != held:
            # Cut short, or another controller is at this very start: then its process will be named soon. Nobody is at
            # work while the fence is free, so what is still nameless afterwards was cut short.
            record = folder.load(instance) if supervisor.folder.fence.is_free(record.service) else None
        if record is not None:
            records.append(record)
    return records


def is_nameless(record: Record) -> bool:
    """Whether its start was begun and it is not known yet which process came of it."""
    return record.ended_at is None and record.pid is None


def _remember_ended(supervisor: Supervisor, record: Record) -> None:
    assert record.ended_at is not None
    supervisor.instances[record.id] = Managed(record, secret_values(record.secrets, dict(os.environ)))
    if record.port is not None:
        supervisor.ports.release(record.port, record.ended_at)
    if record.failed:
        supervisor.crash_loop(record.service, record.revision).failed(
            started_at=record.started_at,
            ended_at=record.ended_at,
            ready_seconds=0.0 if record.ready_at is None else record.ended_at - record.ready_at,
        )


async def _adopt_one(
    supervisor: Supervisor, record: Record, boot: str, ours: Sequence[tuple[Stat, dict[str, str]]]
) -> None:
    managed = supervisor.instances[record.id] = Managed(record, secret_values(record.secrets, dict(os.environ)))
    if record.port is not None:
        supervisor.ports.hold(record.port)
    if record.boot_id != boot:
        await supervisor.ended(managed, failed=False, reason="the machine was restarted")
        return
    if record.pid is None:
        found = find_process(record, ours)
        if found is None:
            await supervisor.ended(managed, failed=False, reason="the controller ended before it was started")
            return
        await supervisor.update(managed, pid=found.pid, start_ticks=found.start_ticks)
    record = managed.record
    assert record.pid is not None
    assert record.start_ticks is not None
    descriptor = signals.open_process(record.pid, record.start_ticks)
    if descriptor is None:
        await _found_dead(supervisor, managed)
        return
    managed.secrets = secret_values(record.secrets, dict(os.environ), procfs.environment(record.pid))
    if record.ready_at is not None and not managed.leaving:
        await _look_again(supervisor, managed)
    supervisor.watch(managed, descriptor)


def find_process(record: Record, ours: Sequence[tuple[Stat, dict[str, str]]]) -> Stat | None:
    """The process of a record that was written before its process was known: it carries the instance's name and leads
    its session. Others that carry the name are its children."""
    leaders = [
        one for one, variables in ours if variables.get(INSTANCE_VARIABLE) == record.id and one.session == one.pid
    ]
    return min(leaders, key=lambda one: one.start_ticks, default=None)


async def _found_dead(supervisor: Supervisor, managed: Managed) -> None:
    """It ended while nobody watched, so nobody knows how: a crash unless it had been asked to."""
    await asyncio.to_thread(session.kill_rest, managed.record, fresh=False)
    if managed.record.stop_asked_at is not None:
        await supervisor.ended(managed, failed=False, reason="stopped")
        return
    reason = await supervisor.explain(managed, "ended while no controller watched, exit status unknown")
    await supervisor.ended(managed, failed=True, reason=reason)


async def _look_again(supervisor: Supervisor, managed: Managed) -> None:
    """It had been ready: it still is if it answers one of three probes now."""
    seconds = managed.record.health.min_ready_seconds
    problem: str | None = None
    for attempt in range(FAILURES_TO_UNREADY):
        if attempt:
            await asyncio.sleep(RETRY_SECONDS)
        problem = await supervisor.probe_once(managed)
        if problem is None:
            assert managed.record.ready_at is not None
            managed.track = HealthTrack(seconds, InstanceState.READY)
            managed.changed_at = managed.record.ready_at
            return
    managed.track = HealthTrack(seconds, InstanceState.UNREADY)
    managed.track.problem = problem or ""
    managed.changed_at = supervisor.now()
