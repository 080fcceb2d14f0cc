"""Verbs before turns: a crowd of them holds turns up, a few do not, and none for ever."""

import asyncio
import contextlib

import pytest

from ferryman.engine import precedence
from ferryman.engine.precedence import CROWD, Precedence


def test_a_turn_waits_until_a_crowd_has_passed() -> None:
    async def body() -> None:
        one = Precedence()
        with contextlib.ExitStack() as few:
            for _ in range(CROWD - 1):
                few.enter_context(one.verb())
            async with asyncio.timeout(1):
                await one.turn()
            with one.verb():
                turn = asyncio.create_task(one.turn())
                await asyncio.sleep(0.05)
                assert not turn.done()
            async with asyncio.timeout(1):
                await turn

    asyncio.run(body())


def test_no_turn_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "WAIT_SECONDS", 0.05)

    async def body() -> None:
        one = Precedence()
        with contextlib.ExitStack() as crowd:
            for _ in range(CROWD):
                crowd.enter_context(one.verb())
            async with asyncio.timeout(5):
                await one.turn()

    asyncio.run(body())
