"""Watches the circuit breakers of all flags, beside the loops: trips flags, and tries them again.

What is decided is in `ferryman.flags.breaker`. A trip is an override in the journal like a kill: what people intended stays
as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ferryman.engine.flags.evaluations import Tally
from ferryman.engine.flags.outcomes import Window
from ferryman.engine.flags.service import FlagService
from ferryman.engine.prometheus import make_prometheus
from ferryman.flags.breaker import BreakerView, Watch, begun, step, what_of
from ferryman.flags.definition import Breaker, Flag
from ferryman.flags.ledger import Environment
from ferryman.model.errors import AdapterError, FerrymanError
from ferryman.model.settings import Settings

log = logging.getLogger("ferryman.flags")

ACTOR = "ferryman"
LOOK_SECONDS = 1.0
ASK_SECONDS = 5.0
"""How often queries are asked."""

FRESH_SECONDS = 15.0
"""An older answer is none."""

ASKED_AT_ONCE = 4
NO_BREAKER = "there is no breaker any more"


class Server(Protocol):
    """What answers queries, as `ferryman.metrics.prometheus.Prometheus` does."""

    async def value(self, query: str) -> float | None:
        """The one number of a query; None for none. Raises `AdapterError`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass
class Watched:
    """One flag of one environment. `breaker` is None for a tripped flag that has none any more."""

    environment: str
    flag: Flag
    breaker: Breaker | None
    watch: Watch
    window: Window = field(default_factory=Window)
    asked: float | None = None
    asked_at: float = 0.0
    trouble: str = ""

    def forget(self) -> None:
        """What was read before a trip, or before it was tried again, says nothing of what is served now."""
        self.window.clear()
        self.asked = None

    def value(self, now: float) -> float | None:
        """Of its metric, now."""
        if self.breaker is None:
            return None
        if not self.breaker.query:
            return self.window.value(self.breaker.metric)
        return self.asked if now - self.asked_at <= FRESH_SECONDS else None


class Breakers:
    """Of one controller. `server` is None where the settings name none."""

    def __init__(self, service: FlagService, server: Server | None, now: Callable[[], float]) -> None:
        self._service, self._server, self._now = service, server, now
        self._watched: dict[tuple[str, str], Watched] = {}
        self._version = -1
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch."""
        duties = ((self.look, LOOK_SECONDS), (self.ask, ASK_SECONDS))
        self._tasks = [asyncio.create_task(self._repeat(*duty), name="breakers of flags") for duty in duties]

    async def close(self) -> None:
        """Watch no more. Raises nothing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._server is not None:
            await self._server.close()

    async def _repeat(self, duty: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                await duty()
            except Exception:
                log.exception("watching the breakers of flags failed")
            await asyncio.sleep(seconds)

    async def look(self) -> None:
        """Take in what programs reported; trip, and try again, what is due."""
        self._renew()
        now = self._now()
        for place, watched in tuple(self._watched.items()):
            watched.window.note(self._exposed(watched), now)
            await self._step(watched, now)
            self._service.breakers[place] = self._view(watched, now)

    async def ask(self) -> None:
        """Ask all queries, some at once."""
        self._renew()
        limit = asyncio.Semaphore(ASKED_AT_ONCE)
        await asyncio.gather(*(self._asked(each, limit) for each in self._watched.values() if each.breaker))

    # ------------------------------------------------------------------ one flag
    async def _step(self, watched: Watched, now: float) -> None:
        kinds = self._service.environment(watched.environment).overrides.get(watched.flag.key, {})
        tripped = kinds.get("tripped")
        if watched.breaker is None:
            if tripped is not None:
                await self._do("recover", watched, NO_BREAKER)
            return
        if "killed" in kinds:
            watched.watch = Watch()
            return
        taken = step(watched.watch, watched.breaker, tripped and tripped.since, watched.value(now), now)
        if taken.deed:
            if not await self._do(taken.deed, watched, taken.reason):
                return
            watched.forget()
        watched.watch = taken.watch

    async def _do(self, deed: str, watched: Watched, reason: str) -> bool:
        try:
            await self._service.override(deed, watched.environment, watched.flag.key, actor=ACTOR, reason=reason)
        except FerrymanError as problem:
            log.warning("%s of %s cannot be written: %s", deed, watched.flag.key, problem.message)
            return False
        return True

    def _exposed(self, watched: Watched) -> Tally:
        """Of all requests that met a variant of the server's other than `off`."""
        total = Tally()
        for variant, tally in self._service.evaluations.totals(watched.environment, watched.flag.key).items():
            if variant not in {"", watched.flag.off}:
                total.add(tally)
        return total

    async def _asked(self, watched: Watched, limit: asyncio.Semaphore) -> None:
        if watched.breaker is None or not watched.breaker.query:
            return
        try:
            if self._server is None:
                raise AdapterError("no_prometheus", "the settings name no Prometheus server", "flags.prometheus")
            async with limit:
                watched.asked = await self._server.value(watched.breaker.query)
            watched.asked_at, watched.trouble = self._now(), ""
        except AdapterError as problem:
            if problem.message != watched.trouble:
                log.warning("the breaker of %s sees nothing: %s", watched.flag.key, problem.message)
            watched.asked, watched.trouble = None, problem.message

    def _view(self, watched: Watched, now: float) -> BreakerView:
        override = self._service.environment(watched.environment).overrides.get(watched.flag.key, {}).get("tripped")
        state = watched.watch.state(override and override.since)
        what = what_of(watched.breaker) if watched.breaker else ""
        return BreakerView(state.value, what, watched.value(now), watched.trouble)

    # ------------------------------------------------------------------ which flags
    def _renew(self) -> None:
        """Find the flags to be watched, when any flag has changed."""
        ledger = self._service.ledger
        if ledger.version == self._version:
            return
        self._version = ledger.version
        found = {(each.environment, each.flag.key): each for each in self._found()}
        for place in self._watched.keys() - found.keys():
            self._service.breakers.pop(place, None)
        self._watched = found

    def _found(self) -> Iterator[Watched]:
        for name, environment in self._service.ledger.environments.items():
            for key, flag in environment.flags.items():
                if flag.breaker is None and "tripped" not in environment.overrides.get(key, {}):
                    continue
                known = self._watched.get((name, key))
                if known is None or known.breaker != flag.breaker:
                    yield self._begun(environment, flag)
                else:
                    known.flag = flag
                    yield known

    def _begun(self, environment: Environment, flag: Flag) -> Watched:
        watch = Watch()
        if flag.breaker is not None:
            tried = (done.at for done in reversed(environment.history.get(flag.key, [])) if done.kind == "recovered")
            watch = begun(flag.breaker, next(tried, None), self._now())
        return Watched(environment.name, flag, flag.breaker, watch)


def make_breakers(service: FlagService, settings: Settings, now: Callable[[], float]) -> Breakers:
    """Those of a controller with these settings."""
    server = settings.flag_prometheus
    return Breakers(service, make_prometheus(server, settings) if server is not None else None, now)
