"""What every store of counts must do, on the file and in memory: rows replaced, read back, added up to days, forgotten."""

from pathlib import Path

import pytest

from contract.store_kit import Kept
from ferryman.store.memory import MemoryStore
from ferryman.store.sqlite import SqliteStore
from ferryman.store.tallies import COUNT_MAX, DAY_SECONDS, TALLIES_MAX, Tallied, TallyRow, in_days

DAY = 20_000 * DAY_SECONDS
AnyStore = SqliteStore | MemoryStore


@pytest.fixture(params=["sqlite", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    return Kept(request.param, tmp_path)


def row(
    minute: int, evaluations: int, flag: str = "cart", variant: str = "on", durations: tuple[int, ...] = ()
) -> TallyRow:
    return TallyRow(DAY + minute * 60, "prod", flag, variant, evaluations, len(durations), 0, durations)


def test_a_row_takes_the_place_of_its_like_and_outlives_the_store(kept: Kept) -> None:
    async def write(store: AnyStore) -> None:
        await store.put_tallies([row(0, 1), row(1, 5), row(1, 7, variant="off")])
        await store.put_tallies([row(1, 6, durations=(0, 2)), row(1, 9, flag="ä/ö x")])

    async def read(store: AnyStore) -> None:
        found = await store.tallies(DAY + 60)
        assert sorted(found) == [row(1, 7, variant="off"), row(1, 6, durations=(0, 2)), row(1, 9, flag="ä/ö x")]
        assert found == tuple(sorted(found, key=lambda each: each[:4]))
        assert await store.tallied() == (
            Tallied("prod", "cart", DAY, DAY + 60),
            Tallied("prod", "ä/ö x", DAY + 60, DAY + 60),
        )

    kept.run(write, read)


def test_old_minutes_become_days_and_count_once(kept: Kept) -> None:
    async def body(store: AnyStore) -> None:
        await store.put_tallies([row(minute, 1, durations=(1, minute)) for minute in range(3)])
        assert await store.age_tallies(DAY + 120, 0) == 2
        assert await store.age_tallies(DAY + 120, 0) == 0
        assert await store.tallies(0) == (row(2, 1, durations=(1, 2)),)
        assert await store.daily_tallies("prod", "cart", DAY) == (TallyRow(DAY, "prod", "cart", "on", 2, 4, 0, (2, 1)),)
        assert await store.age_tallies(DAY + 180, 0) == 1
        assert await store.daily_tallies("prod", "cart", DAY) == (TallyRow(DAY, "prod", "cart", "on", 3, 6, 0, (3, 3)),)
        assert await store.daily_tallies("staging", "cart", DAY) == ()
        assert await store.tallied() == (Tallied("prod", "cart", DAY, DAY),)

    kept.run(body)


def test_old_days_are_forgotten(kept: Kept) -> None:
    async def body(store: AnyStore) -> None:
        await store.put_tallies([row(0, 1), row(24 * 60, 2)])
        assert await store.age_tallies(DAY + 10 * DAY_SECONDS, DAY + DAY_SECONDS) == 2
        assert [each.evaluations for each in await store.daily_tallies("prod", "cart", 0)] == [2]

    kept.run(body)


def test_what_was_only_asked_about_without_an_evaluation_has_no_last(kept: Kept) -> None:
    async def body(store: AnyStore) -> None:
        await store.put_tallies([row(0, 0), row(5, 0)])
        assert await store.tallied() == (Tallied("prod", "cart", DAY, None),)

    kept.run(body)


def test_one_write_and_one_step_of_ageing_are_bounded(kept: Kept) -> None:
    async def body(store: AnyStore) -> None:
        rows = [row(number, 1) for number in range(TALLIES_MAX + 2)]
        with pytest.raises(ValueError, match="at most"):
            await store.put_tallies(rows)
        assert await store.tallies(0) == ()
        await store.put_tallies(rows[:-2])
        await store.put_tallies(rows[-2:])
        far = DAY + 90 * DAY_SECONDS
        assert [await store.age_tallies(far, 0) for _ in range(3)] == [TALLIES_MAX, 2, 0]
        days = await store.daily_tallies("prod", "cart", 0)
        assert sum(day.evaluations for day in days) == TALLIES_MAX + 2

    kept.run(body)


def test_sums_stay_where_every_reader_is_exact() -> None:
    (day,) = in_days([row(0, COUNT_MAX - 1), row(1, 5, durations=(1,))])
    assert (day.evaluations, day.durations) == (COUNT_MAX, (1,))
