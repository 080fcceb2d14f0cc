"""Facts that wait to be collected, and who is woken when something changed."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable

LOG = logging.getLogger(__name__)
FACTS_MAX = 200
Fact = tuple[str, str, dict[str, object]]


class Journal:
    """Facts per service, the newest 200; older ones that nobody collected are dropped."""

    def __init__(self) -> None:
        self._facts: defaultdict[str, deque[Fact]] = defaultdict(lambda: deque(maxlen=FACTS_MAX))
        self._callbacks: list[Callable[[str], None]] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def fact(self, service: str, topic: str, text: str, detail: dict[str, object]) -> None:
        """Keep a fact until it is collected."""
        self._facts[service].append((topic, text, detail))

    def collect(self, service: str) -> list[Fact]:
        """The facts since the last call, oldest first."""
        return list(self._facts.pop(service, ()))

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Call `callback(service)` from now on; one that raises is logged and does no harm."""
        self._callbacks.append(callback)

    def changed(self, service: str) -> None:
        """Wake everybody."""
        for callback in self._callbacks:
            try:
                callback(service)
            except Exception:
                LOG.exception("a callback for service %s failed", service)

    def wake_in(self, service: str, seconds: float) -> None:
        """Wake everybody after `seconds`; one such timer per service, the last one asked for."""
        self._cancel(service)
        self._timers[service] = asyncio.get_running_loop().call_later(max(0.0, seconds), self._due, service)

    def _due(self, service: str) -> None:
        self._timers.pop(service, None)
        self.changed(service)

    def _cancel(self, service: str) -> None:
        if timer := self._timers.pop(service, None):
            timer.cancel()

    def close(self) -> None:
        """Forget the timers."""
        for service in list(self._timers):
            self._cancel(service)
