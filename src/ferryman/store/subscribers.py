"""Who is told of what was appended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ferryman.store.base import OnAppend, StoredEvent


class Subscribers:
    """Callbacks of one store object; used in its event loop only."""

    def __init__(self) -> None:
        self._callbacks: dict[int, OnAppend] = {}
        self._next = 0

    def add(self, callback: OnAppend) -> Callable[[], None]:
        """Begin to tell `callback`; returns what ends it, any number of times."""
        key = self._next
        self._next += 1
        self._callbacks[key] = callback
        return lambda: self._callbacks.pop(key, None) and None

    def tell(self, events: tuple[StoredEvent, ...]) -> None:
        """Tell all. One that raises is reported to the event loop's exception handler and keeps nobody else waiting."""
        if not events:
            return
        for callback in tuple(self._callbacks.values()):
            try:
                callback(events)
            except Exception as error:  # noqa: BLE001 - what was committed must reach the others
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"a subscriber of the event log failed: {error!r}", "exception": error}
                )
