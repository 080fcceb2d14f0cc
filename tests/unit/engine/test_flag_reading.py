"""A long history of flags is not read from its beginning, and what is read instead is the same."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ferryman.engine.flags import reading
from ferryman.engine.flags.service import FlagService
from ferryman.flags import ledger_state
from ferryman.flags.definition import Need, Rule
from ferryman.flags.ledger import Change, Driver, Environment, Ledger
from ferryman.flags.ledger_state import decode, encode
from ferryman.model.generation import Generation
from ferryman.model.settings import FlagApproval
from ferryman.model.world import FlagShare
from ferryman.store.journal import Entry
from ferryman.store.memory import MemoryStore
from flagkit import release, rollout


class Counting(MemoryStore):
    """Counts the entries that were read."""

    read = 0

    async def entries(self, stream: str | None = None, *, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        found = await super().entries(stream, after=after, limit=limit)
        self.read += len(found)
        return found


def run(body: Callable[[Counting], Awaitable[None]]) -> None:
    async def inner() -> None:
        store = Counting()
        await store.open()
        await body(store)

    asyncio.run(inner())


async def lived(store: Counting) -> FlagService:
    """A service after some of everything was done."""
    service = FlagService(lambda: 1000.0, [FlagApproval("staging", 1)])
    await service.load(store, store)

    async def write(*changes: Change, **given: Any) -> None:
        await service.write(changes, parent=service.ledger.version, actor="ana", **given)

    when = 'segment("staff") and seats > 1.0'
    cart, shop = release("cart"), release("shop", needs=(Need("cart", "on"),), rules=(Rule("on", when=when),))
    await write(Change("prod", {"cart": cart, "shop": shop}, {"staff": "a == 1"}))
    driver = Driver("shop", "shop-1", Generation(1, 2))
    await service.drive(FlagShare("prod", "cart", 20.0, ("staff",)), driver, reason="a step")
    await write(Change("prod", {"gone": release("gone")}), reason="a try")
    await write(Change("prod", {"gone": None}))
    await write(Change("staging", {"cart": cart}))
    await service.override("kill", "prod", "cart", actor="ben", reason="slow")
    await service.override("trip", "prod", "shop", actor="ferryman")
    return service


def facts(ledger: Ledger) -> Any:
    """Everything in it, to be compared."""
    places = {name: dataclasses.asdict(each) for name, each in ledger.environments.items()}
    for place in places.values():
        uses = place.pop("uses")
        place["uses"] = (uses._above, uses._below)
    return ledger.version, places, {n: dataclasses.asdict(r) for n, r in ledger.requests.known.items()}


def test_what_was_kept_is_what_the_entries_add_up_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(store: Counting) -> None:
        service = await lived(store)
        assert service.ledger.requests.known, "somebody has to be asked"
        again = decode(encode(service.ledger, "1"), "1")
        assert again is not None
        assert facts(again) == facts(service.ledger)
        assert again.environment("prod").uses.of({"cart"}) == {"cart", "shop"}
        assert again.environment("prod").uses.of(set(), {"staff"}) == {"cart", "shop"}
        assert decode(encode(service.ledger, "1"), "2") is None, "another program may read entries in another way"
        assert decode(b"{}", "1") is None
        monkeypatch.setattr(ledger_state, "FORMAT", ledger_state.FORMAT + 1)
        assert decode(encode(Ledger(), "1"), "1") is not None

    run(body)


def test_nothing_of_an_environment_is_forgotten_to_be_kept() -> None:
    """Whoever adds a field adds it to what is kept, and raises `FORMAT`."""
    kept = set(ledger_state._Place.__struct_fields__) | {"uses"}
    assert {each.name for each in dataclasses.fields(Environment)} == kept
    assert {each.name for each in dataclasses.fields(Ledger)} == {"version", "environments", "requests"}


def test_a_start_reads_what_came_after_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEEP_ENTRIES", 5)

    async def body(store: Counting) -> None:
        service = await lived(store)
        await service.close()
        for percent in (30.0, 40.0):
            change = Change("prod", {"cart": release("cart", rollout=rollout(percent, seed="cart"))})
            await service.write([change], parent=service.ledger.version, actor="ana")
        store.read = 0
        again = FlagService(lambda: 1000.0)
        await again.load(store, store)
        assert store.read == 2
        assert facts(again.ledger) == facts(service.ledger)
        assert again.served("prod").flags == service.served("prod").flags
        store.read = 0
        await FlagService(lambda: 1000.0).load(store)
        assert store.read == service.ledger.version, "without a kept state all are read"

    run(body)


def test_a_state_that_cannot_be_kept_costs_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEEP_ENTRIES", 1)

    async def body(store: Counting) -> None:
        service = await lived(store)
        await store.close()
        await service.close()
        await store.open()
        again = FlagService(lambda: 1000.0)
        await again.load(store, store)
        assert facts(again.ledger) == facts(service.ledger)

    run(body)
