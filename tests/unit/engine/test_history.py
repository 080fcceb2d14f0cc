"""Pages of the history: what they tell, and that they read no more of the log than they tell of."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ferryman.core.evolve import evolve
from ferryman.core.phases import Phase
from ferryman.engine.history import read_history, read_rollout
from ferryman.model.errors import FerrymanError
from ferryman.model.event import Draft, Noted, Retried, ServiceDown
from ferryman.store.base import StoredEvent
from ferryman.store.sqlite import SqliteStore
from past import NOISE, Past

ROLLOUTS = 70


class Counting(SqliteStore):
    """Counts the events that were read."""

    read = 0

    async def events(self, service: str | None = None, **given: Any) -> tuple[StoredEvent, ...]:
        return self._counted(await super().events(service, **given))

    async def created(self, service: str | None = None, **given: Any) -> tuple[StoredEvent, ...]:
        return self._counted(await super().created(service, **given))

    def _counted(self, found: tuple[StoredEvent, ...]) -> tuple[StoredEvent, ...]:
        self.read += len(found)
        return found


def with_log(path: Path, body: Any) -> None:
    async def run() -> None:
        store = Counting(path / "log.db", fold=evolve)
        await store.open()
        try:
            await body(store)
        finally:
            await store.close()

    asyncio.run(run())


def test_every_page_reads_its_own_rollouts_alone(tmp_path: Path) -> None:
    async def body(store: Counting) -> None:
        shop = Past(store, "shop")
        for n in range(ROLLOUTS):
            await shop.release(f"v{n}")
        seen: list[tuple[str, str | None]] = []
        after = ""
        while True:
            store.read = 0
            page = await read_history(store, "shop", after=after, limit=10)
            if not page:
                break
            # Its creations twice, its four other events, and where the stable side of the oldest is named.
            assert store.read <= 10 * 6 + 250
            assert store.read < ROLLOUTS * NOISE / 4
            seen += [(each.candidate, each.stable) for each in page]
            after = page[-1].id
        newest_first = range(ROLLOUTS - 1, -1, -1)
        assert seen == [(f"v{n}", f"v{n - 1}" if n else None) for n in newest_first]

    with_log(tmp_path, body)


def test_a_line_tells_what_happened(tmp_path: Path) -> None:
    async def body(store: Counting) -> None:
        shop = Past(store, "shop")
        await shop.release("v1")
        second = await shop.release("v2", Phase.ROLLED_BACK)
        line = (await read_history(store, "shop"))[0]
        assert (line.id, line.candidate, line.stable, line.outcome) == (second, "v2", "v1", "rolled_back")
        assert (line.reason, line.created_by, line.seconds, line.ready_seconds) == ("all is well", "ana", 3.0, 1.0)
        assert line.max_exposure_percent == 100.0
        await shop.add(Draft(second, Retried(2)))
        line = (await read_history(store, "shop"))[0]
        assert (line.outcome, line.attempt, line.ended_at, line.seconds) == ("running", 2, None, None)
        found = await read_rollout(store, "shop", second, None)
        assert (found.summary, found.revision.label) == (line, "v2")

    with_log(tmp_path, body)


def test_what_was_open_when_the_service_was_taken_down_was_stopped_then(tmp_path: Path) -> None:
    async def body(store: Counting) -> None:
        shop = Past(store, "shop")
        await shop.release("v1")
        running = await shop.create("v2")
        await shop.start(running)
        assert (await read_history(store, "shop"))[0].outcome == "running"
        await shop.add(Draft("", Noted("trouble", "meanwhile", {})))
        await shop.add(Draft("", ServiceDown()))
        down = shop.now
        await shop.release("v3")
        lines = await read_history(store, "shop")
        assert [line.outcome for line in lines] == ["promoted", "stopped", "promoted"]
        assert lines[1].ended_at == down

    with_log(tmp_path, body)


def test_all_services_are_one_list_of_those_that_are_wanted(tmp_path: Path) -> None:
    async def body(store: Counting) -> None:
        logs = [Past(store, f"s{n:02}") for n in range(60)]
        for log in logs:
            await log.release("v1")
        await logs[7].release("v2")
        first = await read_history(store, None, limit=50)
        rest = await read_history(store, None, limit=50, after=first[-1].id)
        assert first[0].id == "s07-2"
        assert [line.id for line in (*first, *rest)][1:] == [f"s{n:02}-1" for n in range(59, -1, -1)]
        mine = await read_history(store, None, wanted=lambda name: name in {"s03", "s07"})
        assert [line.id for line in mine] == ["s07-2", "s07-1", "s03-1"]
        for after, service in (("s03-9", None), ("s04-1", None), ("nonsense", None), ("s03-1", "s07")):
            with pytest.raises(FerrymanError) as caught:
                await read_history(store, service, after=after, wanted=lambda name: name != "s04")
            assert caught.value.code == "unknown_rollout"

    with_log(tmp_path, body)
