"""Views of the services that somebody follows: computed once for all, at most once a second, only while there is one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from msgspec.structs import replace

from ferryman.api.port import Operations
from ferryman.api.stream.messages import RawSnapshot
from ferryman.model.errors import FerrymanError

log = logging.getLogger("ferryman.stream")

VIEW_SECONDS = 1.0
VIEWS_PER_ROUND_MAX = 200
"""Of more services than this the views take turns, so that watching never takes the controller's time away."""

SNAPSHOT_SERVICES_MAX = 500

Publish = Callable[[str, bytes], Awaitable[None]]


class ViewFeed:
    """`publish` is given the name of a service and its encoded view whenever that changed."""

    def __init__(self, controller: Operations, publish: Publish) -> None:
        self._controller = controller
        self._publish = publish
        self._latest: dict[str, bytes] = {}
        self._compared: dict[str, bytes] = {}
        self._pending: dict[str, asyncio.Task[bytes | None]] = {}
        self._turn = 0

    def forget(self) -> None:
        """Nobody follows any more: what is known grows old."""
        self._latest.clear()
        self._compared.clear()

    async def round(self, wanted: Iterable[str]) -> None:
        """Look at the services of `wanted` whose turn it is, and publish what changed."""
        names = sorted(wanted)
        for gone in self._latest.keys() - set(names):
            self._latest.pop(gone)
            self._compared.pop(gone, None)
        if len(names) > VIEWS_PER_ROUND_MAX:
            start = self._turn % len(names)
            self._turn = start + VIEWS_PER_ROUND_MAX
            names = (names + names)[start : start + VIEWS_PER_ROUND_MAX]
        for name in names:
            before = self._latest.get(name)
            view = await self._look(name)
            if view is not None and view is not before:
                await self._publish(name, view)

    async def snapshot(self, names: Iterable[str], position: int) -> RawSnapshot:
        """The newest views of `names`; what nobody has looked at yet is looked at now."""
        every = sorted(names)
        shown = every[:SNAPSHOT_SERVICES_MAX]
        views = [self._latest.get(name) or await self._once(name) for name in shown]
        return RawSnapshot(position, [msgspec.Raw(view) for view in views if view], len(every) - len(shown))

    async def _once(self, name: str) -> bytes | None:
        """A first look, shared by all who ask at the same moment."""
        task = self._pending.get(name)
        if task is None:
            task = self._pending[name] = asyncio.create_task(self._look(name))
            task.add_done_callback(lambda _: self._pending.pop(name, None))
        return await asyncio.shield(task)

    async def _look(self, name: str) -> bytes | None:
        """The encoded view; the very same bytes as before when nothing but the time of the look changed."""
        try:
            view = await self._controller.view(name)
        except FerrymanError as problem:
            if problem.code != "unknown_service":
                log.warning("no view of %s: %s", name, problem.message)
            return None
        compared = msgspec.json.encode(replace(view, at=0.0))
        if self._compared.get(name) != compared:
            self._compared[name], self._latest[name] = compared, msgspec.json.encode(view)
        return self._latest[name]

    async def close(self) -> None:
        """End looks under way."""
        for task in [*self._pending.values()]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, FerrymanError):
                await task
