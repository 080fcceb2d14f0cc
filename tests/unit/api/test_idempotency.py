"""What succeeded under a key is done once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ferryman.api import idempotency
from ferryman.api.access.principal import Principal
from ferryman.api.idempotency import Answers, KeyReused, keyed
from ferryman.model.errors import Refused, StoreError, UsageError
from ferryman.model.role import Role
from ferryman.store.memory_journal import MemoryJournal
from unit.api.test_endpoints import Served

PAUSE = "/v1/services/shop/pause"
ANA = Principal("ana", {"*": Role.ADMIN})


class Deed:
    """Counts how often it is done."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self) -> Awaitable[bytes]:
        async def do() -> bytes:
            self.done += 1
            await asyncio.sleep(0)
            return b'{"n": %d}' % self.done

        return do()


def ask(text: str = "", key: str = "k", caller: str = "ana") -> idempotency.Keyed:
    return keyed(key, caller, "POST", PAUSE, text.encode())


def answers(now: Callable[[], float] = lambda: 1000.0, journal: Any = None) -> Answers:
    return Answers(MemoryJournal() if journal is None else journal, now)


def test_over_the_wire_the_same_request_is_done_once() -> None:
    served = Served(ANA)

    def post(reason: str, key: str = "a-key") -> Any:
        return served.ask("POST", PAUSE, json={"reason": reason}, headers={"idempotency-key": key})

    first, again = post("lunch"), post("lunch")
    assert (first.status_code, first.content) == (200, again.content)
    assert len([call for call in served.fake.calls if call[0] == "verb"]) == 1
    other = post("dinner")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert post("lunch", "another").status_code == 200
    assert len([call for call in served.fake.calls if call[0] == "verb"]) == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 201])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    response = Served(ANA).ask("POST", PAUSE, json={}, headers={"idempotency-key": key})
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_what_was_refused_may_be_asked_again() -> None:
    async def run() -> None:
        kept, deed = answers(), Deed()

        async def refuse() -> bytes:
            raise Refused("not_running", "nothing runs")

        with pytest.raises(Refused):
            await kept.once(ask(), refuse)
        assert await kept.once(ask(), deed) == b'{"n": 1}'

    asyncio.run(run())


def test_two_at_once_are_one() -> None:
    async def run() -> None:
        kept, deed = answers(), Deed()
        assert set(await asyncio.gather(*(kept.once(ask(), deed) for _ in range(20)))) == {b'{"n": 1}'}

    asyncio.run(run())


def test_keys_of_two_callers_are_two() -> None:
    async def run() -> None:
        kept, deed = answers(), Deed()
        await kept.once(ask(caller="ana"), deed)
        assert await kept.once(ask(caller="bob"), deed) == b'{"n": 2}'
        with pytest.raises(KeyReused):
            await kept.once(ask("something else", caller="bob"), deed)

    asyncio.run(run())


def test_a_restart_forgets_nothing() -> None:
    async def run() -> None:
        journal, deed = MemoryJournal(), Deed()
        for n in range(1200):
            await answers(journal=journal).once(ask(key=f"k{n}"), deed) if n < 3 else await journal.write(
                "idempotency",
                at=1000.0,
                actor="ferryman",
                kind="answered",
                body={"key": str(n), "asked": "", "at": 1000.0, "answer": "{}"},
            )
        assert await answers(journal=journal).once(ask(key="k1"), deed) == b'{"n": 2}'
        assert deed.done == 3

    asyncio.run(run())


def test_after_a_day_it_is_a_new_request() -> None:
    async def run() -> None:
        clock = [1000.0]
        journal, deed = MemoryJournal(), Deed()
        kept = answers(lambda: clock[0], journal)
        await kept.once(ask(), deed)
        clock[0] += idempotency.KEEP_SECONDS
        assert await kept.once(ask(), deed) == b'{"n": 2}'
        clock[0] += idempotency.KEEP_SECONDS
        assert await answers(lambda: clock[0], journal).once(ask(), deed) == b'{"n": 3}'

    asyncio.run(run())


def test_no_more_than_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "ANSWERS_MAX", 3)

    async def run() -> None:
        kept, deed = answers(), Deed()
        for n in range(5):
            await kept.once(ask(key=str(n)), deed)
        assert len(kept._kept) == 3
        assert kept._busy == {}
        assert await kept.once(ask(key="4"), deed) == b'{"n": 5}'

    asyncio.run(run())


def test_a_full_disk_does_not_undo_what_is_done() -> None:
    class Full(MemoryJournal):
        async def write(self, *args: Any, **given: Any) -> Any:
            raise StoreError("disk_full", "no space")

    async def run() -> None:
        kept, deed = answers(journal=Full()), Deed()
        assert await kept.once(ask(), deed) == await kept.once(ask(), deed) == b'{"n": 1}'

    asyncio.run(run())


def test_a_key_with_a_line_break_is_none() -> None:
    with pytest.raises(UsageError):
        ask(key="a\nb")
