"""Has the store keep what was counted of flags: what changed, every ten seconds and at the end. So a controller that is killed
loses ten seconds of counts, and one that ends none.

When the store takes nothing, counting goes on in memory and `trouble` says so; everything is kept once it takes writes again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from ferryman.engine.flags.evaluations import KEPT_SECONDS, NO_DURATIONS, Evaluations, VariantMinute
from ferryman.model.errors import FerrymanError, StoreError
from ferryman.store.tallies import DAY_SECONDS, TALLIES_MAX, Tallies, TallyRow, in_days

log = logging.getLogger("ferryman.flags")

FLUSH_SECONDS = 10.0
ROWS_MAX = 2_000
"""In one write: 20 ms or so of the one writer."""

END_SECONDS = 5.0
"""How long the end waits for the last write."""

KEPT_DAYS = 90


class Keeping:
    """Of one controller. `now` gives epoch seconds."""

    def __init__(self, evaluations: Evaluations, tallies: Tallies, now: Callable[[], float]) -> None:
        self.trouble = ""
        self._evaluations, self._tallies, self._now = evaluations, tallies, now
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over what was kept, and begin. Raises `StoreError`."""
        now = self._now()
        rows = await self._tallies.tallies(int(now) - KEPT_SECONDS)
        self._evaluations.begin(rows, await self._tallies.tallied(), now)
        self._task = asyncio.create_task(self._run(), name="counts of flags")

    async def close(self) -> None:
        """Keep the rest. Never raises."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(FerrymanError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self.flush()

    async def daily(self, environment: str, flag: str, since: float) -> tuple[VariantMinute, ...]:
        """Of one flag, day by day (of UTC), today's too. Raises `StoreError`."""
        first = int(since) - int(since) % DAY_SECONDS
        days = await self._tallies.daily_tallies(environment, flag, first)
        minutes = (
            TallyRow(m.minute, environment, flag, m.variant, m.evaluations, m.requests, m.failures, m.durations)
            for m in self._evaluations.of(environment, flag, first)
        )
        return tuple(
            VariantMinute(d.begin, d.variant, d.evaluations, d.requests, d.failures, d.durations or NO_DURATIONS)
            for d in in_days((*days, *minutes))
        )

    async def flush(self) -> None:
        """Keep what changed since the last time. Raises `StoreError`; then it is tried again with the next."""
        async with self._flushing:
            while rows := self._evaluations.take_changed(ROWS_MAX):
                kept = False
                try:
                    await self._tallies.put_tallies(rows)
                    kept = True
                finally:
                    if not kept:
                        self._evaluations.put_back(rows)

    async def age(self) -> None:
        """Add up what is not in memory any more; no minute that could still change. Raises `StoreError`."""
        now = self._now()
        self._evaluations.sweep(now)
        forget_before = int(now) - KEPT_DAYS * DAY_SECONDS
        aged = TALLIES_MAX
        while aged >= TALLIES_MAX:
            aged = await self._tallies.age_tallies(self._evaluations.since, forget_before)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
                await self.age()
            except StoreError as error:
                self._hear(error.message)
            except Exception:  # whatever it is: counts must not end with it
                log.exception("counts of flags are not kept")
            else:
                self._hear("")

    def _hear(self, trouble: str) -> None:
        if bool(trouble) != bool(self.trouble):
            if trouble:
                log.warning("counts of flags are in memory only: %s", trouble)
            else:
                log.info("counts of flags are kept again")
        self.trouble = trouble
