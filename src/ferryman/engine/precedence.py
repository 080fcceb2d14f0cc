"""Verbs go before turns: of thousands that come at once each is answered before the turns that they cause."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator

CROWD = 32
"""So many verbs under way at the same time are a crowd; fewer hold up nobody."""

WAIT_SECONDS = 2.0
"""No turn waits longer than this for a crowd to pass."""


class Precedence:
    """Shared by the loops of one controller. A verb counts while it decides and writes, not while it waits for its turn:
    a service that hangs holds up no other one."""

    def __init__(self) -> None:
        self._verbs = 0
        self._passed = asyncio.Event()

    @contextlib.contextmanager
    def verb(self) -> Generator[None]:
        """While inside, a verb is under way."""
        self._verbs += 1
        try:
            yield
        finally:
            self._verbs -= 1
            if self._verbs < CROWD:
                self._passed.set()

    async def turn(self) -> None:
        """Let a crowd of verbs pass first."""
        if self._verbs < CROWD:
            return
        self._passed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self._passed.wait()
