"""Bringing one phase of writes to Envoy and waiting until it says so."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from ferryman.model.errors import Rejected, Unreachable
from ferryman.model.generation import Generation
from ferryman.routers.envoy import names
from ferryman.routers.envoy.admin import Snapshot
from ferryman.routers.envoy.files import Files
from ferryman.routers.envoy.names import Json, Resource
from ferryman.routers.envoy.planning import Phase, Steps, Write, merge
from ferryman.routers.envoy.records import Records
from ferryman.routers.envoy.refusals import refusal_reason
from ferryman.routers.envoy.supervisor import Supervisor

ACK_LIMIT_SECONDS = 2.0
ACK_POLL_SECONDS = 0.005
REASON_LIMIT_SECONDS = 0.4
REASON_POLL_SECONDS = 0.02
RESTARTS_MAX = 3
KNOWN_MAX = 256
SHARED_LOCK = "~shared"


class NotAcknowledged(Exception):
    """Envoy did not say in time that it serves what was written; it may still come to it."""

    def __init__(self, waiting: list[Resource]) -> None:
        super().__init__("not acknowledged in time: " + ", ".join(str(resource.path) for resource in waiting))


class Restarted(Exception):
    """Another Envoy process took over while we waited; what was written for the one before counts no more."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One way through `steps`, planned when the supervisor had made `began` starts; `written` is what changed."""

    steps: Steps
    generation: Generation
    began: int
    written: set[Resource] = field(default_factory=set[Resource])


class Carrier:
    """Carries steps to Envoy. One caller at a time per service; the shared files have a lock of their own."""

    def __init__(self, files: Files, records: Records, supervisor: Supervisor) -> None:
        self._files = files
        self._records = records
        self._supervisor = supervisor
        self._shared = asyncio.Lock()
        self._known: dict[frozenset[Resource], tuple[int, Snapshot]] = {}

    async def carry(self, steps: Steps, generation: Generation) -> bool:
        """Walk all phases; returns whether listeners changed. Raises `Rejected` (the refused file has been put back),
        `Unreachable`, `NotAcknowledged`, or `Restarted`: then plan anew from what the files hold.

        What Envoy said at the end of the last walk still holds for files that only this service writes, so the usual
        change of a weight needs one question less. A walk that then finds nothing to do asks all the same.
        """
        walk = Walk(steps, generation, self._supervisor.starts)
        began, seen = self._known.pop(steps.resources(), (0, None))
        if seen is not None and began == walk.began:
            seen = await self._phases(walk, seen)
        if not walk.written:
            seen = await self._phases(walk, await self._snapshot(walk))
        for resource in steps.remove:
            self._files.remove(resource)
        if steps.remove:
            self._files.sweep(time.time())
        elif seen is not None:
            self._remember(walk, seen)
        return names.LISTENERS in walk.written

    def _remember(self, walk: Walk, seen: Snapshot) -> None:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[walk.steps.resources()] = walk.began, seen

    async def _phases(self, walk: Walk, seen: Snapshot) -> Snapshot:
        for phase in walk.steps.phases:
            shared = any(write.owner is not None and self._is_due(write, seen) for write in phase.writes)
            async with self._keep_shared() if shared else contextlib.nullcontext():
                if shared:  # others may have written, or been refused, while we waited
                    seen = await self._snapshot(walk)
                seen = await self._phase(walk, phase, seen)
        return seen

    async def _phase(self, walk: Walk, phase: Phase, seen: Snapshot) -> Snapshot:
        due = [write for write in phase.writes if self._is_due(write, seen)]
        behind = [resource for resource in phase.also if not self._serves(resource, seen)]
        self._commit_served([*(write.resource for write in phase.writes if write not in due), *phase.also], seen)
        if not due and not behind:
            return seen
        mark = self._supervisor.log_mark()
        for write in due:
            self._write(write, walk.generation)
            walk.written.add(write.resource)
        expected = self._expected([*(write.resource for write in due), *phase.also])
        return await self._acknowledged(walk, expected, seen, mark)

    def _commit_served(self, resources: list[Resource], seen: Snapshot) -> None:
        """What needs no write may still have been forgotten by an earlier removal, or by a crash before its commit."""
        for resource in resources:
            if self._files.subscribed(resource) and self._serves(resource, seen):
                self._files.commit(resource)

    def _is_due(self, write: Write, seen: Snapshot) -> bool:
        """Whether a file differs from what is wanted, or Envoy from the file."""
        present = self._files.read(write.resource)
        if present is None or merge(present.resources, write) != present.resources:
            return True
        return self._files.subscribed(write.resource) and not self._serves(write.resource, seen)

    def _serves(self, resource: Resource, seen: Snapshot) -> bool:
        document = self._files.read(resource)
        return document is not None and seen.version(resource) == document.version and not seen.warming(resource)

    def _write(self, write: Write, generation: Generation) -> None:
        present = self._files.read(write.resource)
        wanted: list[Json] = merge(present.resources if present else [], write)
        same = present is not None and present.resources == wanted
        version = present.version if same and present else names.version_text(generation, wanted)
        self._files.write(write.resource, version, wanted)

    def _expected(self, resources: list[Resource]) -> dict[Resource, str]:
        """Versions to wait for; a file that nothing in Envoy reads yet is not waited for here."""
        documents = {resource: self._files.read(resource) for resource in resources if self._files.subscribed(resource)}
        return {resource: document.version for resource, document in documents.items() if document is not None}

    async def _acknowledged(
        self, walk: Walk, expected: Mapping[Resource, str], before: Snapshot, mark: int
    ) -> Snapshot:
        """Poll until every file is served, or one is refused. What was acknowledged is kept as such either way."""
        deadline = asyncio.get_running_loop().time() + ACK_LIMIT_SECONDS
        waiting = dict(expected)
        while True:
            seen = await self._snapshot(walk)
            for resource, version in expected.items():
                if resource in waiting and seen.version(resource) == version and not seen.warming(resource):
                    self._files.commit(resource)
                    del waiting[resource]
            if not waiting:
                return seen
            refused = [resource for resource in waiting if seen.refusals(resource) > before.refusals(resource)]
            if refused:
                raise await self._refused(refused, mark)
            if asyncio.get_running_loop().time() >= deadline:
                raise NotAcknowledged(sorted(waiting))
            await asyncio.sleep(ACK_POLL_SECONDS)

    async def _refused(self, resources: list[Resource], mark: int) -> Rejected:
        """Put the last good files back at once (a refused one would apply itself when its cause goes away), then look up
        why: Envoy says so only in its log."""
        for resource in resources:
            self._files.restore(resource)
        deadline = asyncio.get_running_loop().time() + REASON_LIMIT_SECONDS
        while not (reason := refusal_reason(self._supervisor.log_since(mark))):
            if asyncio.get_running_loop().time() >= deadline:
                reason = "its log says no more"
                break
            await asyncio.sleep(REASON_POLL_SECONDS)
        text = ", ".join(str(resource.path) for resource in resources)
        return Rejected("routes_rejected", f"Envoy refused {text}: {reason}", "the routes before it still serve")

    async def _snapshot(self, walk: Walk) -> Snapshot:
        """Statistics, waiting a little for an Envoy that is just being restarted."""
        deadline = asyncio.get_running_loop().time() + ACK_LIMIT_SECONDS
        while True:
            try:
                seen = await self._supervisor.admin.snapshot(walk.steps.resources())
            except Unreachable:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(ACK_POLL_SECONDS)
                continue
            if walk.began != self._supervisor.starts:
                raise Restarted
            return seen

    @contextlib.asynccontextmanager
    async def _keep_shared(self) -> AsyncGenerator[None]:
        """Alone with the files that hold entries of all services, in this process and in others."""
        async with self._shared, self._records.lock(SHARED_LOCK):
            yield
