"""Notices out of the log, from a position on. The state before each event is folded from the same log."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ferryman.model.event import Event, VerdictChanged
from ferryman.model.notice import Notice
from ferryman.model.rollout import Service
from ferryman.notify.notices import notices
from ferryman.store.base import Store

log = logging.getLogger("ferryman.notify")

PAGE = 500
KNOWN_SERVICES_MAX = 5000
"""Services whose state is kept between two events; one that was dropped is folded anew from its log."""

Fold = Callable[[Service, Event], Service]


class LogReader:
    """Reads on from `position`, that of the last event already read."""

    def __init__(self, store: Store, fold: Fold, position: int) -> None:
        self.position = position
        self._store = store
        self._fold = fold
        self._services: dict[str, Service] = {}
        self._verdicts: dict[str, VerdictChanged] = {}

    async def read(self) -> tuple[tuple[int, Notice], ...]:
        """Notices of the next events, each with the position of its event; empty at the end of the log. Raises
        `StoreError`; calling again reads the same events."""
        found: list[tuple[int, Notice]] = []
        while not found:
            page = await self._store.events(after=self.position, limit=PAGE)
            if not page:
                break
            for stored in page:
                found += [(stored.position, notice) for notice in await self._told(stored.event)]
            # Not before the page is whole: what failed in between is read again, and nothing is passed over.
            self.position = page[-1].position
        return tuple(found)

    async def _told(self, event: Event) -> tuple[Notice, ...]:
        before = await self._before(event)
        if before is None:
            return ()
        try:
            after = self._fold(before, event)
        except ValueError as problem:
            log.warning("event %d of %s cannot be told of: %s", event.seq, event.service, problem)
            self._services.pop(event.service, None)
            return ()
        self._keep(event, after)
        verdict = self._verdicts.get(event.service)
        return notices(before, event, after, verdict=verdict)

    def _keep(self, event: Event, after: Service) -> None:
        if isinstance(event.body, VerdictChanged):
            self._verdicts[event.service] = event.body
        self._services.pop(event.service, None)
        self._services[event.service] = after
        while len(self._services) > KNOWN_SERVICES_MAX:
            oldest = next(iter(self._services))
            del self._services[oldest]
            self._verdicts.pop(oldest, None)

    async def _before(self, event: Event) -> Service | None:
        """The service before `event`: kept, or folded from its first event; None when the log does not lead there."""
        known = self._services.get(event.service)
        if known is not None and known.seq == event.seq - 1:
            return known
        state, after = Service(name=event.service), 0
        try:
            while state.seq < event.seq - 1:
                page = await self._store.events(event.service, after=after, limit=PAGE)
                for stored in page:
                    if stored.event.seq >= event.seq:
                        break
                    state = self._fold(state, stored.event)
                    if isinstance(stored.event.body, VerdictChanged):
                        self._verdicts[event.service] = stored.event.body
                    after = stored.position
                if not page:
                    return None
        except ValueError as problem:
            log.warning("the log of %s cannot be folded: %s", event.service, problem)
            return None
        return state
