"""One instance as the running controller sees it: its record, and what is known only while watching."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ferryman.model.seen import LIVE_STATES, Instance, InstanceState
from ferryman.targets.process.probing import HealthTrack
from ferryman.targets.process.records import Record
from ferryman.targets.process.spawn import HOST
from ferryman.targets.process.usage import Usage


class Managed:
    """`descriptor` is the process descriptor while the process lives. `forced`: it had to be killed."""

    def __init__(self, record: Record, secrets: frozenset[str] = frozenset()) -> None:
        self.record = record
        self.secrets = secrets
        self.descriptor: int | None = None
        self.track = HealthTrack(record.health.min_ready_seconds)
        self.changed_at = record.started_at
        self.usage: Usage | None = None
        self.exited = asyncio.Event()
        self.forced = False
        self.prober: asyncio.Task[None] | None = None

    @property
    def state(self) -> InstanceState:
        record = self.record
        if record.ended_at is not None:
            return InstanceState.FAILED if record.failed else InstanceState.GONE
        if self.leaving:
            return InstanceState.DRAINING
        return self.track.state

    @property
    def leaving(self) -> bool:
        """Whether it was asked to drain or to stop."""
        return self.record.drained_at is not None or self.record.stop_asked_at is not None

    @property
    def alive(self) -> bool:
        return self.record.ended_at is None

    @property
    def since(self) -> float:
        """Epoch second at which its present state began."""
        record = self.record
        if record.ended_at is not None:
            return record.ended_at
        asked = [at for at in (record.drained_at, record.stop_asked_at) if at is not None]
        return min(asked) if asked else self.changed_at

    def seen(self, connections: Mapping[int, int] | None = None) -> Instance:
        """The picture that others get; `connections` are the established ones per port."""
        record, state = self.record, self.state
        live = state in LIVE_STATES
        count: int | None = None
        if connections is not None and live and record.port is not None:
            count = connections.get(record.port, 0)
        usage = self.usage if live else None
        return Instance(
            id=record.id,
            revision=record.revision,
            state=state,
            started_at=record.started_at,
            since=self.since,
            host=HOST,
            port=record.port,
            connections=count,
            reason=record.reason or ("" if self.leaving else self.track.problem),
            cpu_percent=None if usage is None else usage.cpu_percent,
            memory_bytes=None if usage is None else usage.memory_bytes,
        )
