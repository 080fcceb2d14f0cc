"""Who follows flags by gRPC. Nothing waits in a queue: a stream that is ready for more looks at what is served by then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from ferryman.api.stream.subscriber import StillAllowed
from ferryman.engine.flags.service import FlagService
from ferryman.model.errors import ControllerError

STREAMS_MAX = 2_000
RECHECK_SECONDS = 15.0
"""A credential may end while its stream is open."""


class Followers:
    """The streams of one controller."""

    def __init__(self, service: FlagService) -> None:
        self._wakes: dict[str, set[asyncio.Event]] = {}
        self._count = 0
        self._closed = False
        self._end = service.on_change(self._changed)

    async def turns(self, environment: str, still_allowed: StillAllowed) -> AsyncGenerator[None]:
        """One turn at once, and one after each change; changes during a turn are one. Ends when the controller does.
        Raises `ControllerError` (``too_many_streams``, ``stopping``), and what `still_allowed` raises."""
        if self._closed:
            raise ControllerError("stopping", "the controller is about to end", "connect again when it runs again")
        if self._count >= STREAMS_MAX:
            raise ControllerError("too_many_streams", f"{STREAMS_MAX} streams are open already", "close some")
        wake = asyncio.Event()
        self._wakes.setdefault(environment, set()).add(wake)
        self._count += 1
        now = asyncio.get_running_loop().time
        try:
            wake.set()
            checked = now()
            while not self._closed:
                if wake.is_set():
                    wake.clear()
                    yield
                else:
                    await _woken(wake, checked + RECHECK_SECONDS)
                if now() >= checked + RECHECK_SECONDS:
                    if not await still_allowed():
                        return
                    checked = now()
        finally:
            self._count -= 1
            self._wakes[environment].discard(wake)
            if not self._wakes[environment]:
                del self._wakes[environment]

    def close(self) -> None:
        """End every stream, and take no new one."""
        if not self._closed:
            self._closed = True
            self._end()
        for wakes in self._wakes.values():
            for wake in wakes:
                wake.set()

    def _changed(self, environment: str, version: int, keys: frozenset[str]) -> None:
        for wake in self._wakes.get(environment, ()) if keys else ():
            wake.set()


async def _woken(wake: asyncio.Event, until: float) -> None:
    """Wait for it, not longer than to a time of the loop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            await wake.wait()
