"""What every event log must do, on the file and in memory: leases, compare-and-set, the chain, reading, subscriptions."""

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest
from contract.store_kit import LEASE_SECONDS, NOW, Kept, Scribe, after, down, note, reached, sample, tally

from ferryman.model.errors import Conflict, StoreError
from ferryman.model.event import Draft, Event, Noted, StepReached, VerdictChanged
from ferryman.model.rollout import Service
from ferryman.store.base import MEASURED_ROLLOUTS_MAX, PAGE_MAX, Append, Lease, Loaded, Store, StoredEvent


@pytest.fixture(params=["sqlite", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    return Kept(request.param, tmp_path)


async def conflict(store: Store, append: Append) -> Conflict:
    with pytest.raises(Conflict) as caught:
        await store.append(append)
    return caught.value


def test_an_unknown_service_is_fresh(kept: Kept) -> None:
    async def body(store: Store) -> None:
        assert await store.load("shop") == Loaded(Service(name="shop"), None)
        assert await store.services() == ()
        assert await store.load_all() == ()
        assert await store.events() == ()
        assert await store.verify("shop") == 0
        await store.claim("shop", "one", NOW, LEASE_SECONDS)
        assert await store.services() == (), "a lease alone is no event"
        assert await store.load("shop") == Loaded(Service(name="shop"), None)
        assert await store.verify("shop") == 0

    kept.run(body)


def test_what_was_appended_is_read_by_whoever_opens_it_next(kept: Kept) -> None:
    told: list[StoredEvent] = []

    async def write(store: Store) -> None:
        scribe = await Scribe.of(store)
        told.extend(await scribe.write(note("a"), reached(1)))
        told.extend(await scribe.write(down(), judge_state="state 1"))

    async def read(store: Store) -> None:
        assert list(await store.events()) == told
        assert [stored.event.seq for stored in told] == [1, 2, 3]
        assert [stored.event.kind for stored in told] == ["noted", "step_reached", "service_down"]
        assert [stored.event.actor for stored in told] == ["tester", "ferryman", "ferryman"]
        positions = [stored.position for stored in told]
        assert positions == sorted(set(positions))
        assert positions[0] > 0
        loaded = await store.load("shop")
        assert loaded.judge_state == "state 1"
        assert loaded.service.seq == 3
        assert loaded.service.rejected == {"noted": "1", "step_reached": "2", "service_down": "3"}
        assert await store.load_all() == (loaded,)
        assert await store.verify("shop") == 3

    kept.run(write, read)


def test_a_lease_is_held_renewed_taken_over_and_given_back(kept: Kept) -> None:
    async def body(store: Store) -> None:
        first = await store.claim("shop", "one", NOW, 10)
        assert first == Lease("shop", "one", 1, NOW + 10)
        with pytest.raises(Conflict) as caught:
            await store.claim("shop", "two", NOW + 9.9, 10)
        assert caught.value.code == "lease_held"
        assert "one" in str(caught.value)
        assert str(NOW + 10) in str(caught.value)
        assert (await store.claim("shop", "one", NOW + 5, 10)) == Lease("shop", "one", 1, NOW + 15)
        assert (await store.claim("shop", "one", NOW + 99, 10)).fence == 1, "late, but nobody was there in between"
        second = await store.claim("shop", "two", NOW + 109, 10)
        assert second.fence == 2, "at `until` it is free"
        await store.release(first)
        with pytest.raises(Conflict):
            await store.claim("shop", "one", NOW + 110, 10)
        await store.release(second)
        await store.release(second)
        third = await store.claim("shop", "two", NOW + 110, 10)
        assert third.fence == 3, "after a release everybody is a new holder"
        assert (await store.claim("other", "two", NOW, 10)).fence == 1

    kept.run(body)


def test_the_fence_outlives_release_and_reopening(kept: Kept) -> None:
    async def once(store: Store) -> None:
        lease = await store.claim("shop", "one", NOW, 10)
        fences.append(lease.fence)
        await store.release(lease)

    fences: list[int] = []
    kept.run(once, once, once)
    assert fences == [1, 2, 3]


@pytest.mark.parametrize(("service", "owner", "seconds"), [("", "one", 1.0), ("shop", "", 1.0), ("shop", "one", 0.0)])
def test_a_claim_that_makes_no_sense_is_refused(kept: Kept, service: str, owner: str, seconds: float) -> None:
    async def body(store: Store) -> None:
        with pytest.raises(ValueError, match="lease"):
            await store.claim(service, owner, NOW, seconds)

    kept.run(body)


def test_only_the_holder_appends(kept: Kept) -> None:
    async def body(store: Store) -> None:
        stranger = Append(Lease("shop", "one", 1, NOW), 0, NOW, (note(),))
        assert (await conflict(store, stranger)).code == "stale_fence"
        one = await Scribe.of(store, owner="one")
        await one.write(note("1"))
        two = await Scribe.of(store, owner="two", now=NOW + LEASE_SECONDS)
        lost = Append(one.lease, 1, NOW, (note("lost"),))
        error = await conflict(store, lost)
        assert error.code == "stale_fence"
        assert "two" in str(error)
        await two.write(note("2"))
        await store.release(two.lease)
        assert (await conflict(store, Append(two.lease, 2, NOW, (note(),)))).code == "stale_fence"
        assert [stored.event.body.text for stored in await store.events()] == ["1", "2"]
        assert await store.verify("shop") == 2

    kept.run(body)


def test_a_lapsed_lease_that_nobody_took_still_writes(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        await scribe.write(note(), at=NOW + 10 * LEASE_SECONDS)
        assert await store.verify("shop") == 1

    kept.run(body)


def test_a_writer_with_old_knowledge_writes_nothing(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        await scribe.write(note("1"), judge_state="old")
        for expected in (0, 2):
            state = msgspec.structs.replace(scribe.service, seq=expected + 1)
            late = Append(scribe.lease, expected, NOW, (note(),), state, (sample("r1", NOW),), "new")
            assert (await conflict(store, late)).code == "stale_seq"
            empty = Append(scribe.lease, expected, NOW, measurements=(sample("r1", NOW),), judge_state="new")
            assert (await conflict(store, empty)).code == "stale_seq"
        assert await store.load("shop") == Loaded(scribe.service, "old")
        assert await store.measurements("r1") == ()
        assert len(await store.events()) == 1

    kept.run(body)


def test_an_append_that_contradicts_itself_is_refused(kept: Kept) -> None:
    async def body(store: Store) -> None:
        lease = await store.claim("shop", "one", NOW, LEASE_SECONDS)
        good = after(Service(name="shop"), NOW, (note(),))
        for snapshot, at, drafts in (
            (msgspec.structs.replace(good, seq=2), NOW, (note(),)),
            (msgspec.structs.replace(good, name="other"), NOW, (note(),)),
            (good, float("nan"), (note(),)),
            (good, NOW, (Draft("r1", StepReached("no number")),)),  # type: ignore[arg-type]
        ):
            with pytest.raises(ValueError, match=r"shop|finite|read back"):
                await store.append(Append(lease, 0, at, drafts, snapshot))
        assert await store.events() == ()

    kept.run(body)


def test_an_append_without_events_carries_judge_state_and_measurements(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        await scribe.write(note())
        told: list[tuple[StoredEvent, ...]] = []
        store.on_append(told.append)
        assert await scribe.write(measurements=(sample("r1", NOW, p95_ms=12.5),), judge_state="s") == ()
        assert await store.load("shop") == Loaded(scribe.service, "s")
        assert list(await store.measurements("r1")) == [sample("r1", NOW, p95_ms=12.5)]
        assert await scribe.write(judge_state="") == ()
        assert (await store.load("shop")).judge_state == ""
        assert told == []
        assert await store.verify("shop") == 1

    kept.run(body)


def test_the_chain_is_what_its_description_says(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribe = await Scribe.of(store, "läden")
        first, second = await scribe.write(note("é", b=1, a=[2.5]), down(), at=7)
        genesis = hashlib.sha256(b"ferryman stream\0" + "läden".encode()).hexdigest()
        text = '["läden",1,"r1",7.0,"tester",{"type":"noted","topic":"test","text":"é","detail":{"a":[2.5],"b":1}}]'
        assert first.previous_hash == genesis
        assert first.hash == hashlib.sha256(bytes.fromhex(genesis) + text.encode()).hexdigest()
        assert second.previous_hash == first.hash
        other = await Scribe.of(store, "other")
        assert (await other.write(down()))[0].hash != first.hash

    kept.run(body)


def test_events_are_found_by_service_by_rollout_and_page_by_page(kept: Kept) -> None:
    async def body(store: Store) -> None:
        shop, cart = await Scribe.of(store, "shop"), await Scribe.of(store, "cart")
        for number in range(4):
            await shop.write(note(f"s{number}", rollout=f"r{number % 2}"))
            await cart.write(note(f"c{number}", rollout="r0"), down(f"d{number}"))
        everything = await store.events()
        assert len(everything) == 12

        def texts(stored: tuple[StoredEvent, ...]) -> list[str]:
            return [getattr(s.event.body, "text", None) or s.event.body.reason for s in stored]  # type: ignore[union-attr]

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


def test_subscribers_hear_each_commit_before_the_writer_goes_on(kept: Kept) -> None:
    async def body(store: Store) -> None:
        heard: list[StoredEvent] = []
        failures: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))

        def break_down(_: object) -> None:
            raise ZeroDivisionError

        end_broken = store.on_append(break_down)
        end = store.on_append(heard.extend)
        scribe = await Scribe.of(store)
        told = await scribe.write(note("1"), note("2"))
        assert heard == list(told)
        assert [type(context["exception"]) for context in failures] == [ZeroDivisionError]
        end_broken()
        cart = await Scribe.of(store, "cart")
        await asyncio.gather(*(writer.write(note("3")) for writer in (scribe, cart)))
        assert heard == list(await store.events())
        end()
        end()
        await scribe.write(note("4"))
        assert len(heard) == 4

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
        assert told.event.body.evidence == {"p": None}
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


def test_a_closed_store_says_so_and_can_be_opened_again(kept: Kept) -> None:
    async def body() -> None:
        store = kept.again()
        for action in (
            store.load("s"),
            store.services(),
            store.claim("s", "o", NOW, 1),
            store.events(),
            store.verify("s"),
        ):
            with pytest.raises(StoreError) as caught:
                await action
            assert caught.value.code == "store_closed"
        await store.close()
        await store.open()
        await store.open()
        scribe = await Scribe.of(store)
        writes = [asyncio.ensure_future(scribe.write(note("flushed")))]
        await asyncio.sleep(0)
        await store.close()
        await store.close()
        assert len(await writes[0]) == 1, "closing writes what was asked for before"
        with pytest.raises(StoreError):
            await store.append(Append(scribe.lease, 1, NOW, (note(),)))
        await store.open()
        assert await store.verify("shop") == 1
        await store.close()

    asyncio.run(body())


def test_many_tasks_on_many_services_get_each_their_own_answer(kept: Kept) -> None:
    """Of several writers with the same knowledge exactly one wins each number; nobody else in its group suffers."""
    services, rivals, rounds = 12, 3, 6

    async def rival(store: Store, lease: Lease, wins: list[str]) -> None:
        for _ in range(rounds):
            known = (await store.load(lease.service)).service
            try:
                drafts = (note("a"), note("b"))
                await store.append(Append(lease, known.seq, NOW, drafts, after(known, NOW, drafts)))
                wins.append(lease.service)
            except Conflict as error:
                assert error.code == "stale_seq"

    async def body(store: Store) -> None:
        leases = [await store.claim(f"s{number:02}", "one", NOW, LEASE_SECONDS) for number in range(services)]
        wins: list[str] = []
        heard: list[StoredEvent] = []
        store.on_append(heard.extend)
        await asyncio.gather(*(rival(store, lease, wins) for lease in leases for _ in range(rivals)))
        for lease in leases:
            assert await store.verify(lease.service) == 2 * wins.count(lease.service) >= 2 * rounds
        everything = await store.events(limit=PAGE_MAX)
        assert heard == list(everything)
        assert [a.position for a in everything] == sorted({a.position for a in everything})
        for first, second in zip(everything[::2], everything[1::2], strict=True):
            assert first.event.service == second.event.service, "an append stays together"
            assert first.event.seq + 1 == second.event.seq

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
    assert tally(Service(name="a"), Event("a", 1, "", 0.0, "x", Noted("t", ""))).seq == 1
