"""What every event log must do, on the file and in memory: leases, compare-and-set, the chain, reading, subscriptions."""

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest

from contract.store_kit import LEASE_SECONDS, NOW, Kept, Scribe, after, down, note, reached, sample
from ferryman.core.verbs import deploy
from ferryman.model.errors import Conflict, StoreError
from ferryman.model.event import Draft, RolloutCreated, StepReached
from ferryman.model.release import Release, Rolling
from ferryman.model.rollout import Service
from ferryman.spec.revision import make_revision
from ferryman.store.base import PAGE_MAX, Append, Lease, Loaded, Store, StoredEvent


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
        await store.claim("shop", "two", NOW, LEASE_SECONDS)
        same_name = await conflict(store, Append(two.lease, 2, NOW, (note(),)))
        assert same_name.code == "stale_fence", "the name is the same, the fence is not"
        assert [stored.event.body for stored in await store.events()] == [note("1").body, note("2").body]
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

    async def rival(store: Store, lease: Lease, wins: list[str], losses: set[str]) -> None:
        for _ in range(rounds):
            known = (await store.load(lease.service)).service
            try:
                drafts = (note("a"), note("b"))
                await store.append(Append(lease, known.seq, NOW, drafts, after(known, NOW, drafts)))
                wins.append(lease.service)
            except Conflict as error:
                losses.add(error.code)

    async def body(store: Store) -> None:
        leases = [await store.claim(f"s{number:02}", "one", NOW, LEASE_SECONDS) for number in range(services)]
        wins: list[str] = []
        losses: set[str] = set()
        heard: list[StoredEvent] = []
        store.on_append(heard.extend)
        await asyncio.gather(*(rival(store, lease, wins, losses) for lease in leases for _ in range(rivals)))
        assert losses <= {"stale_seq"}
        for lease in leases:
            assert await store.verify(lease.service) == 2 * wins.count(lease.service) >= 2 * rounds
        everything = await store.events(limit=PAGE_MAX)
        assert heard == list(everything)
        assert [a.position for a in everything] == sorted({a.position for a in everything})
        for first, second in zip(everything[::2], everything[1::2], strict=True):
            assert first.event.service == second.event.service, "an append stays together"
            assert first.event.seq + 1 == second.event.seq

    kept.run(body)


def test_leases_end_for_who_has_outlived_their_holders(kept: Kept) -> None:
    async def body(store: Store) -> None:
        dead = await store.claim("shop", "one", NOW, 10)
        await store.append(Append(dead, 0, NOW, (note("a"),)))
        await store.end_leases()
        heir = await store.claim("shop", "two", NOW, 10)
        assert heir.fence == dead.fence + 1
        assert (await conflict(store, Append(dead, 1, NOW, (note("b"),)))).code == "stale_fence"
        await store.append(Append(heir, 1, NOW, (note("b"),)))

    kept.run(body)


def test_the_newest_events_come_in_order(kept: Kept) -> None:
    async def body(store: Store) -> None:
        assert await store.newest() == ()
        for name in ("shop", "mail"):
            lease = await store.claim(name, "one", NOW, 10)
            await store.append(Append(lease, 0, NOW, (note("a"), note("b"), note("c"))))
        everything = await store.events()
        assert await store.newest(limit=4) == everything[-4:]
        assert await store.newest("shop", limit=2) == (await store.events("shop"))[-2:]
        assert await store.newest(limit=2, before=everything[3].position) == everything[1:3]
        assert await store.newest("mail", limit=9, before=everything[4].position) == everything[3:4]
        assert await store.newest(before=everything[0].position) == ()
        assert await store.newest(rollout="r1", limit=2) == everything[-2:]
        assert await store.newest("shop", rollout="r1", limit=2) == everything[1:3]
        assert await store.newest("shop", rollout="shop-1") == ()

    kept.run(body)


def test_the_creations_of_rollouts_are_read_by_themselves(kept: Kept) -> None:
    async def body(store: Store) -> None:
        assert await store.created() == ()
        for name in ("shop", "mail"):
            lease = await store.claim(name, "one", NOW, 10)
            release = Release(service=name, label="v1", command=("run",), replicas=1, strategy=Rolling())
            said = deploy(Service(name=name), release, make_revision(release, None, 1), actor="ana", now=NOW)
            for number in (0, 1, 2):
                await store.append(Append(lease, 2 * number, NOW, (said.drafts[0], note("a"))))
        everything = [stored for stored in await store.events() if isinstance(stored.event.body, RolloutCreated)]
        assert await store.created(limit=9) == tuple(everything)
        assert await store.created(limit=2) == tuple(everything[-2:])
        assert await store.created("shop", limit=2) == tuple(everything[1:3])
        assert await store.created(limit=2, before=everything[3].position) == tuple(everything[1:3])
        assert await store.created("mail", before=everything[3].position) == ()

    kept.run(body)
