"""The audit over services and journal: order, filters, pages, who may see what, and broken chains."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contract.store_kit import NOW, Scribe, note, opened, tally
from ferryman.engine.audit import EVERYTHING, Question, Readable, audit, check_chains
from ferryman.model.audit import AuditLine
from ferryman.model.role import Role
from ferryman.store.base import Store
from ferryman.store.memory import MemoryStore
from ferryman.store.sqlite import SqliteStore
from unit.api.doors_kit import Doors, code


async def fill(store: Store) -> None:
    """Five deeds and a piece of bookkeeping at six times, in turn of a service, the journal and another service."""
    shop, cart = await Scribe.of(store, "shop"), await Scribe.of(store, "cart")
    await shop.write(note("one", actor="ana"), at=NOW + 1)
    body: dict[str, Any] = {"id": "abc", "name": "bob", "roles": {"shop": "operator", "*": "viewer"}}
    await store.write("access", at=NOW + 2, actor="root", kind="token_created", body=body)
    await cart.write(note("three", actor="bob"), at=NOW + 3)
    await store.write("access", at=NOW + 4, actor="bob", kind="token_used", body={"id": "abc"})
    await shop.write(note("five", actor="ferryman"), at=NOW + 5)
    revoked = {"id": "abc", "name": "bob", "reason": "left"}
    await store.write("access", at=NOW + 6, actor="root", kind="token_revoked", body=revoked)


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    made: Store = SqliteStore(tmp_path / "a.db", tally) if request.param == "sqlite" else MemoryStore(tally)
    asyncio.run(opened(made, fill))
    return made


def lines(store: Store, may: Readable = EVERYTHING, **asked: Any) -> list[AuditLine]:
    """Every line that fits, in pages of `limit`."""
    found: list[AuditLine] = []

    async def body(_: Store) -> None:
        before = ""
        while True:
            page = await audit(store, Question(before=before, **asked), may)
            found[:0] = page.lines
            before = page.before
            if not before:
                return

    asyncio.run(opened(store, body))
    return found


def times(found: list[AuditLine]) -> list[int]:
    return [int(line.at - NOW) for line in found]


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 100])
def test_all_of_it_is_in_order_whatever_the_pages(store: Store, limit: int) -> None:
    assert times(lines(store, limit=limit)) == [1, 2, 3, 5, 6]


def test_it_is_filtered(store: Store) -> None:
    assert times(lines(store, people=True)) == [1, 2, 3, 6]
    assert times(lines(store, actor="root")) == [2, 6]
    assert times(lines(store, since=NOW + 3)) == [3, 5, 6]
    assert times(lines(store, service="shop")) == [1, 5]
    assert times(lines(store, service="none")) == []
    assert times(lines(store, actor="root", limit=1)) == [2, 6]


def test_a_line_says_who_what_and_why(store: Store) -> None:
    found = lines(store)
    assert found[1].text == "made token abc for bob: viewer of all services, operator of shop"
    assert (found[4].text, found[4].reason) == ("revoked token abc of bob: left", "left")
    assert (found[0].actor, found[0].service, found[0].stream, found[0].seq) == ("ana", "shop", "shop", 1)
    assert (found[1].service, found[1].stream, found[1].seq) == ("", "access", 1)
    assert len({line.hash for line in found}) == 5


def test_who_may_see_one_service_sees_that_one(store: Store) -> None:
    only_cart = Readable(lambda service: service == "cart", lambda _: False)
    assert times(lines(store, only_cart)) == [3]
    assert times(lines(store, only_cart, service="shop")) == []


def test_who_may_see_one_journal_sees_that_one(store: Store) -> None:
    async def more(_: Store) -> None:
        written = {"changes": [{"environment": "prod", "flags": {"cart": None}, "segments": {}}], "parent": 0}
        for second in (7, 8):
            await store.write("flags", at=NOW + second, actor="ana", kind="flags_written", body=written)
            await store.write("access", at=NOW + second + 0.5, actor="root", kind="signed_out", body={})

    asyncio.run(opened(store, more))
    for journal, expected in (("flags", [7, 8]), ("access", [2, 6, 7, 8])):
        may = Readable(lambda _: False, lambda stream, journal=journal: stream == journal)
        assert times(lines(store, may)) == expected
        assert times(lines(store, may, limit=1)) == expected


def test_chains_are_checked_one_by_one(tmp_path: Path) -> None:
    import sqlite3

    store = SqliteStore(tmp_path / "a.db", tally)
    asyncio.run(opened(store, fill))

    def checked() -> dict[str, tuple[str, int, bool]]:
        found: dict[str, tuple[str, int, bool]] = {}

        async def body(_: Store) -> None:
            view = await check_chains(store)
            found.update({chain.stream: (chain.kind, chain.count, bool(chain.problem)) for chain in view.chains})
            assert view.intact is not any(chain.problem for chain in view.chains)

        asyncio.run(opened(store, body))
        return found

    assert checked() == {"cart": ("service", 1, False), "shop": ("service", 2, False), "access": ("journal", 3, False)}
    with sqlite3.connect(tmp_path / "a.db") as edit:
        edit.execute("UPDATE entry SET actor = 'mallory' WHERE seq = 2")
        edit.execute("UPDATE event SET actor = 'mallory' WHERE service = 'cart'")
    edit.close()
    assert checked() == {"cart": ("service", 0, True), "shop": ("service", 2, False), "access": ("journal", 0, True)}


def test_over_the_api_the_journal_is_for_admins() -> None:
    doors = Doors()
    admin, viewer = doors.token("root-token"), doors.token("vera", Role.VIEWER, "shop")
    asyncio.run(fill(doors.fake.store))
    everything = doors.get("/v1/audit?limit=1000", token=admin).json()["lines"]
    assert {line["stream"] for line in everything} == {"shop", "cart", "access"}
    seen = doors.get("/v1/audit", token=viewer).json()["lines"]
    assert [line["text"] for line in seen] == [line["text"] for line in everything if line["stream"] == "shop"]
    assert code(doors.get("/v1/audit?service=cart", token=viewer)) == (403, "forbidden")
    assert code(doors.get("/v1/audit")) == (401, "no_credential")
    chains = doors.get("/v1/audit/verify", token=viewer).json()["chains"]
    assert [chain["stream"] for chain in chains] == ["shop"]
    assert len(doors.get("/v1/audit/verify", token=admin).json()["chains"]) == 3
    kill = {"environment": "prod", "flag": "cart", "reason": "slow"}
    asyncio.run(doors.fake.store.write("flags", at=NOW + 9, actor="ana", kind="flag_killed", body=kill))
    reader = doors.token("ruth", Role.VIEWER, "*")
    told = doors.get("/v1/audit", token=reader).json()["lines"]
    assert {line["stream"] for line in told} == {"shop", "cart", "flags"}
    assert (told[-1]["text"], told[-1]["reason"]) == ("killed cart in prod", "slow")
    assert "flags" in {chain["stream"] for chain in doors.get("/v1/audit/verify", token=reader).json()["chains"]}
    assert "flags" not in {line["stream"] for line in doors.get("/v1/audit", token=viewer).json()["lines"]}
    assert "digest" not in doors.get("/v1/audit", token=admin).text


@pytest.mark.parametrize(
    "query", ["before=x", "before=1.2.3", "before=-1.1", "limit=0", "limit=1001", "since=-1", "since=x", "bfore=1.1"]
)
def test_a_query_that_makes_no_sense_is_named(query: str) -> None:
    assert Doors().get(f"/v1/audit?{query}").status_code == 400


def test_no_text_begins_a_line_that_looks_like_another() -> None:
    hostile = "fine\r\n2026-11-26 18:56:01  ben  shop  shop-2  approved 2/2\x1b[2K\u202egnp"

    async def write(store: Store) -> None:
        shop = await Scribe.of(store, "shop")
        await shop.write(note(hostile, actor="ana"), at=NOW + 1)
        body = {"id": "abc", "name": "bob", "reason": hostile}
        await store.write("access", at=NOW + 2, actor="root", kind="token_revoked", body=body)

    store = MemoryStore(tally)
    asyncio.run(opened(store, write))
    said = "fine 2026-11-26 18:56:01 ben shop shop-2 approved 2/2 [2K gnp"
    assert [line.text for line in lines(store)] == [said, f"revoked token abc of bob: {said}"]


def test_null_in_a_query_is_no_value() -> None:
    refused = Doors().get("/v1/events?before=null")
    assert refused.status_code == 400
    assert "before=null" in refused.json()["detail"]
