"""What comes out of an event log, on the file and in memory: pages, measurements, text of any kind, snapshots."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from contract.store_kit import LEASE_SECONDS, NOW, Kept, Scribe, after, down, note, reached, sample
from ferryman.model.errors import StoreError
from ferryman.model.event import Draft, Event, Noted, VerdictChanged
from ferryman.model.rollout import Service
from ferryman.store.base import MEASURED_ROLLOUTS_MAX, PAGE_MAX, Append, Store, StoredEvent


@pytest.fixture(params=["sqlite", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    return Kept(request.param, tmp_path)


def test_events_are_found_by_service_by_rollout_and_page_by_page(kept: Kept) -> None:
    async def body(store: Store) -> None:
        shop, cart = await Scribe.of(store, "shop"), await Scribe.of(store, "cart")
        for number in range(4):
            await shop.write(note(f"s{number}", rollout=f"r{number % 2}"))
            await cart.write(note(f"c{number}", rollout="r0"), down(f"d{number}"))
        everything = await store.events()
        assert len(everything) == 12

        def texts(stored: tuple[StoredEvent, ...]) -> list[str]:
            return [str(getattr(s.event.body, "text", None) or getattr(s.event.body, "reason", None)) for s in stored]

        assert texts(await store.events("shop")) == ["s0", "s1", "s2", "s3"]
        assert texts(await store.events(rollout="r0")) == ["s0", "c0", "c1", "s2", "c2", "c3"]
        assert texts(await store.events("shop", rollout="r0")) == ["s0", "s2"]
        assert texts(await store.events("cart", rollout="")) == ["d0", "d1", "d2", "d3"]
        assert await store.events("nobody") == ()
        assert await store.events(rollout="nobody") == ()
        for service in (None, "cart"):
            for rollout in (None, "r0"):
                whole = await store.events(service, rollout=rollout)
                paged: list[StoredEvent] = []
                while page := await store.events(
                    service, rollout=rollout, after=paged[-1].position if paged else 0, limit=2
                ):
                    assert len(page) <= 2
                    paged.extend(page)
                assert paged == list(whole)
        for limit in (0, PAGE_MAX + 1):
            with pytest.raises(ValueError, match="limit"):
                await store.events(limit=limit)
            with pytest.raises(ValueError, match="limit"):
                await store.measurements("r0", limit=limit)

    kept.run(body)


def test_measurements_are_kept_as_they_were_and_old_rollouts_dropped(kept: Kept) -> None:
    line = {"z": 0.1 + 0.2, "a": [1, 2.0, None, True], "text": "ü\u0000☃", "big": 2**53 + 1}

    async def write(store: Store) -> None:
        scribe = await Scribe.of(store)
        lines = tuple(sample("r0", NOW + at, **line, n=at) for at in (2, 0, 1))
        await scribe.write(note(), measurements=lines)
        for number in range(1, MEASURED_ROLLOUTS_MAX):
            await scribe.write(measurements=(sample(f"r{number}", NOW),))
        await scribe.write(measurements=(sample("r0", NOW + 3, **line, n=3),))
        cart = await Scribe.of(store, "cart")
        await cart.write(measurements=(sample("other", NOW),))

    async def read(store: Store) -> None:
        found = await store.measurements("r0")
        assert [m.line["n"] for m in found] == [0, 1, 2, 3]
        assert msgspec.json.encode(found[0].line) == msgspec.json.encode({**line, "n": 0})
        assert [m.line["n"] for m in await store.measurements("r0", after_at=NOW, limit=2)] == [1, 2]
        scribe = await Scribe.of(store)
        await scribe.write(measurements=(sample("new", NOW),))
        assert await store.measurements("r0") == ()
        assert len(await store.measurements("r1")) == len(await store.measurements("new")) == 1
        assert len(await store.measurements("other")) == 1, "another service's rollouts do not count"

    kept.run(write, read)


def test_measurements_of_one_rollout_are_bounded(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sqlite_sql", "memory"):
        monkeypatch.setattr(f"ferryman.store.{module}.MEASUREMENTS_PER_ROLLOUT_MAX", 5)

    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        for at in range(8):
            await scribe.write(measurements=(sample("r1", at),))
        assert [m.at for m in await store.measurements("r1", after_at=-1)] == [3, 4, 5, 6, 7]

    kept.run(body)


def test_nothing_handed_in_is_shared_with_what_comes_out(kept: Kept) -> None:
    async def body(store: Store) -> None:
        detail: dict[str, object] = {"list": [1]}
        draft = Draft("r1", Noted("test", "x", detail))
        scribe = await Scribe.of(store)
        (told,) = await scribe.write(draft)
        detail["list"] = "changed"
        scribe.service.rejected["changed"] = "changed"
        for stored in (told, *await store.events()):
            assert stored.event.body == Noted("test", "x", {"list": [1]})
        (await store.load("shop")).service.rejected["changed"] = "changed"
        assert (await store.load("shop")).service.rejected == {"noted": "1"}
        assert await store.verify("shop") == 1

    kept.run(body)


@pytest.mark.parametrize(
    "text", ["", "naïve ☃ 🚢", '\u0000\n"\\', "'; DROP TABLE event; --", "\u202e", "x" * 3_000_000], ids=len
)
def test_any_text_comes_back(kept: Kept, text: str) -> None:
    async def write(store: Store) -> None:
        name = text[:100] or "shop"
        scribe = await Scribe.of(store, name, owner=text[:100] or "one")
        await scribe.write(note(text, rollout=text[:100], actor=text[:100], any=text), judge_state=text)

    async def read(store: Store) -> None:
        name = text[:100] or "shop"
        (stored,) = await store.events(name)
        assert stored.event == Event(name, 1, text[:100], NOW, text[:100], Noted("test", text, {"any": text}))
        assert await store.events(rollout=text[:100]) == (stored,)
        assert (await store.load(name)).judge_state == text
        assert await store.services() == (name,)
        assert await store.verify(name) == 1

    kept.run(write, read)


def test_text_that_is_no_unicode_fails_alone(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribe, cart = await Scribe.of(store), await Scribe.of(store, "cart")
        results = await asyncio.gather(
            cart.write(note("good")),
            scribe.write(note("\ud800")),
            scribe.write(note(actor="\ud800")),
            return_exceptions=True,
        )
        assert [isinstance(result, UnicodeEncodeError) for result in results] == [False, True, True]
        assert await store.verify("cart") == 1
        assert await store.verify("shop") == 0

    kept.run(body)


def test_numbers_that_are_no_json_become_null(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        (told,) = await scribe.write(Draft("r1", VerdictChanged(0, "error", "", {"p": float("nan")})))
        assert told.event.body == VerdictChanged(0, "error", "", {"p": None})
        assert await store.verify("shop") == 1

    kept.run(body)


def test_a_missing_or_late_snapshot_is_made_up_for(kept: Kept) -> None:
    async def write(store: Store) -> None:
        scribe = await Scribe.of(store)
        await scribe.write(note("1"), snapshot=False)
        assert (await store.load("shop")).service == scribe.service
        await scribe.write(note("2"))
        await scribe.write(reached(1), down(), snapshot=False)
        services.append(scribe.service)

    async def read(store: Store) -> None:
        assert (await store.load("shop")).service == services[0]
        assert (await store.load_all())[0].service == services[0]
        assert await store.verify("shop") == 4
        scribe = await Scribe.of(store)
        await scribe.write(note("5"))
        assert (await store.load("shop")).service == after(services[0], NOW, (note("5"),))

    services: list[Service] = []
    kept.run(write, read)


def test_a_snapshot_that_the_events_do_not_lead_to_is_found(kept: Kept) -> None:
    async def body(store: Store) -> None:
        lease = await store.claim("shop", "one", NOW, LEASE_SECONDS)
        wrong = msgspec.structs.replace(after(Service(name="shop"), NOW, (note(),)), rollouts=7)
        await store.append(Append(lease, 0, NOW, (note(),), wrong))
        with pytest.raises(StoreError) as caught:
            await store.verify("shop")
        assert caught.value.code == "snapshot_mismatch"
        assert "rollouts" in str(caught.value)
        assert "shop" in str(caught.value)

    kept.run(body)


def test_without_a_fold_only_the_chain_is_checked(tmp_path: Path) -> None:
    from ferryman.store.memory import MemoryStore

    async def body() -> None:
        store = MemoryStore()
        await store.open()
        scribe = await Scribe.of(store)
        await scribe.write(note())
        assert await store.verify("shop") == 1
        await scribe.write(note(), snapshot=False)
        assert await store.verify("shop") == 2
        with pytest.raises(StoreError) as caught:
            await store.load("shop")
        assert caught.value.code == "snapshot_corrupt"

    asyncio.run(body())


def test_the_latest_time_is_that_of_an_event_or_a_measurement(kept: Kept) -> None:
    async def write(store: Store) -> None:
        assert await store.latest_at() == 0.0
        shop, cart = await Scribe.of(store), await Scribe.of(store, "cart")
        await shop.write(note(), at=NOW + 1)
        assert await store.latest_at() == NOW + 1
        await cart.write(measurements=(sample("r1", NOW + 5),))

    async def read(store: Store) -> None:
        assert await store.latest_at() == NOW + 5
        await (await Scribe.of(store)).write(note(), at=NOW + 9)
        assert await store.latest_at() == NOW + 9

    kept.run(write, read)
