"""What programs count: kept over the end of a controller, by a store that may fail meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from ferryman.engine.flags import evaluations as module
from ferryman.engine.flags import keeping
from ferryman.engine.flags.evaluations import Cell, Evaluations, Tally, arrived
from ferryman.engine.flags.keeping import Keeping
from ferryman.engine.flags.service import FlagService
from ferryman.flags.definition import Flag
from ferryman.flags.ledger import Change
from ferryman.model.errors import StoreError
from ferryman.store.memory import MemoryStore
from ferryman.store.tallies import DAY_SECONDS, TallyRow
from flagkit import release

NOW = 20_000 * DAY_SECONDS + 6 * 3600
DURATIONS = [0, 3, *[0] * 14]


class Failing(MemoryStore):
    """Takes no counts while `full`."""

    full = False

    async def put_tallies(self, rows: Sequence[TallyRow]) -> None:
        if self.full:
            raise StoreError("disk_full", "the disk is full", "free some space")
        await super().put_tallies(rows)


class Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


def run(body: Callable[[Failing, Clock], Awaitable[None]]) -> None:
    async def inner() -> None:
        store = Failing()
        await store.open()
        await body(store, Clock())

    asyncio.run(inner())


def count(minute: int, evaluations: int, flag: str = "new-checkout", variant: str = "on") -> tuple[Cell, Tally]:
    return Cell("prod", flag, variant, NOW + minute * 60 + 7), Tally(evaluations)


def numbers(evaluations: Evaluations, flag: str = "new-checkout") -> list[tuple[int, int]]:
    return [(each.minute, each.evaluations) for each in evaluations.of("prod", flag, 0.0)]


async def started(store: Failing, clock: Clock) -> tuple[Evaluations, Keeping]:
    made = Evaluations()
    keeper = Keeping(made, store, clock)
    await keeper.start()
    return made, keeper


def test_counts_go_on_where_the_last_controller_ended() -> None:
    async def body(store: Failing, clock: Clock) -> None:
        first, keeper = await started(store, clock)
        first.add([count(0, 3), (Cell("prod", "new-checkout", "on", NOW), Tally(0, 3, 1, DURATIONS))], NOW)
        await keeper.close()
        second, keeper = await started(store, clock)
        assert second.of("prod", "new-checkout", 0.0) == first.of("prod", "new-checkout", 0.0)
        assert second.last("prod", "new-checkout") == NOW
        second.add([count(0, 4)], NOW)
        await keeper.close()
        third, keeper = await started(store, clock)
        assert numbers(third) == [(NOW, 7)]
        await keeper.close()

    run(body)


def test_a_store_that_takes_nothing_costs_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(store: Failing, clock: Clock) -> None:
        made, keeper = await started(store, clock)
        store.full = True
        made.add([count(0, 3)], NOW)
        with pytest.raises(StoreError):
            await keeper.flush()
        made.add([count(0, 4), count(-1, 1)], NOW)
        store.full = False
        await keeper.close()
        again, keeper = await started(store, clock)
        assert numbers(again) == [(NOW - 60, 1), (NOW, 7)]
        await keeper.close()

    run(body)


def test_it_says_when_counts_are_in_memory_only_and_when_not_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "FLUSH_SECONDS", 0.01)

    async def told(keeper: Keeping, trouble: str) -> None:
        for _ in range(2_000):
            if keeper.trouble == trouble:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"it says {keeper.trouble!r}")

    async def body(store: Failing, clock: Clock) -> None:
        made, keeper = await started(store, clock)
        store.full = True
        made.add([count(0, 3)], NOW)
        await told(keeper, "the disk is full")
        store.full = False
        await told(keeper, "")
        assert await store.tallies(0) == (TallyRow(NOW, "prod", "new-checkout", "on", 3, 0, 0),)
        await keeper.close()

    run(body)


def test_a_day_later_minutes_are_days_and_today_is_among_them() -> None:
    async def body(store: Failing, clock: Clock) -> None:
        made, keeper = await started(store, clock)
        made.add([count(0, 3), count(1, 4)], NOW)
        await keeper.flush()
        clock.now = NOW + DAY_SECONDS + 60.0
        made.add([count(24 * 60, 5)], clock.now)
        await keeper.flush()
        await keeper.age()
        assert numbers(made) == [(NOW + 60, 4), (NOW + DAY_SECONDS, 5)]
        day = NOW - NOW % DAY_SECONDS
        daily = await keeper.daily("prod", "new-checkout", NOW)
        assert [(each.minute, each.evaluations) for each in daily] == [(day, 7), (day + DAY_SECONDS, 5)]
        clock.now += 91 * DAY_SECONDS
        await keeper.age()
        await keeper.age()
        assert await store.daily_tallies("prod", "new-checkout", 0) == ()
        await keeper.close()

    run(body)


def test_when_there_are_too_many_the_oldest_minutes_are_forgotten_and_the_newest_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CELLS_MAX", 3)

    async def body(store: Failing, clock: Clock) -> None:
        made, keeper = await started(store, clock)
        for minute in range(6):
            made.add([count(minute, 1)], NOW + minute * 60)
        await keeper.flush()
        assert made.add([count(0, 1)], NOW + 300) == 0, "a minute that was forgotten is closed"
        assert [minute for minute, _ in numbers(made)] == [NOW + 60 * minute for minute in (3, 4, 5)]
        await keeper.close()

    run(body)


def test_a_wrong_clock_moves_counts_to_their_arrival() -> None:
    assert arrived(NOW - 120.0, NOW) == NOW - 120, "it waited for the server"
    for wrong in (NOW - 7200.0, NOW + 7200.0, 0.0, 1e12):
        assert arrived(wrong, NOW) == NOW


def test_a_clock_that_was_ahead_for_a_while_does_not_stop_the_counting() -> None:
    made = Evaluations()
    ahead = NOW + 400 * DAY_SECONDS
    assert made.add([(Cell("prod", "a", "on", ahead), Tally(1))], ahead) == 1
    assert made.add([count(0, 2)], NOW) == 1
    assert numbers(made) == [(NOW, 2)]


async def service_with(store: Failing, clock: Clock, *flags: Flag) -> FlagService:
    service = FlagService(clock)
    await service.load(store)
    if not service.environment("prod").flags:
        await service.write([Change("prod", {flag.key: flag for flag in flags})], parent=0, actor="ana")
    await service.keep_counts(store, clock)
    return service


def test_a_flag_that_nobody_evaluates_for_a_month_is_stale_after_a_restart_too() -> None:
    async def body(store: Failing, clock: Clock) -> None:
        flags = (release("old-one"), release("used-one"))
        service = await service_with(store, clock, *flags)
        service.evaluations.add([count(0, 1, "old-one"), count(0, 1, "used-one")], NOW)
        assert service.evaluated("prod") == {"old-one": NOW, "used-one": NOW}
        await service.close()
        clock.now = NOW + 31.0 * DAY_SECONDS
        service = await service_with(store, clock)
        assert set(service.unasked("prod")) == {"old-one", "used-one"}
        service.evaluations.add([count(31 * 1440, 1, "used-one")], clock.now)
        assert (service.unasked("prod"), service.stale()) == (("old-one",), ("old-one",))
        young = Change("prod", {"young-one": release("young-one")})
        await service.write([young], parent=service.ledger.version, actor="ana")
        assert service.unasked("prod") == ("old-one",), "what is new had no time"
        service.evaluations.untold("prod", clock.now)
        assert service.unasked("prod") == (), "somebody asks for everything, so nothing is known"
        await service.close()

    run(body)


def test_nothing_is_said_of_flags_before_it_was_counted_for_a_month() -> None:
    async def body(store: Failing, clock: Clock) -> None:
        service = await service_with(store, clock, release("old-one"))
        clock.now = NOW + 365.0 * DAY_SECONDS
        assert service.unasked("prod") == (), "no program ever reported"
        service.evaluations.add([count(365 * 1440, 1, "other")], clock.now)
        assert service.unasked("prod") == ()
        await service.close()

    run(body)


def test_counts_beyond_every_measure_are_capped_and_kept() -> None:
    async def body(store: Failing, clock: Clock) -> None:
        made, keeper = await started(store, clock)
        huge: Any = 2**53
        made.add([count(0, huge), count(0, huge)], NOW)
        await keeper.close()
        assert [row.evaluations for row in await store.tallies(0)] == [huge]

    run(body)
