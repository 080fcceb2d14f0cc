"""Counting costs nothing and changes nothing; a tracer sees every duty in its order."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, nullcontext

import pytest

from ferryman.engine.telemetry import LAG_BOUNDS_SECONDS, Telemetry, adapter_of
from ferryman.model.errors import AdapterError, FerrymanError
from ferryman.model.rollout import Service
from ferryman.store.memory import MemoryStore

SHOP = Service(name="shop")


def test_without_a_tracer_a_duty_is_nothing() -> None:
    assert isinstance(Telemetry().duty("claim", SHOP), nullcontext)


def test_a_tracer_holds_each_duty() -> None:
    seen: list[tuple[str, ...]] = []

    @contextmanager
    def trace(name: str, service: Service) -> Generator[None]:
        seen.append(("begin", name, service.name))
        yield
        seen.append(("end", name))

    with Telemetry(tracer=trace).duty("claim", SHOP):
        assert seen == [("begin", "claim", "shop")]
    assert seen[-1] == ("end", "claim")


@pytest.mark.parametrize(("lag", "index"), [(0.0, 0), (0.005, 0), (0.0051, 1), (10.0, 10), (11.0, 11)])
def test_a_lag_is_counted_under_the_bound_that_holds_it(lag: float, index: int) -> None:
    telemetry = Telemetry()
    telemetry.began(lag)
    assert telemetry.lag_counts[index] == 1
    assert len(telemetry.lag_counts) == len(LAG_BOUNDS_SECONDS) + 1


def test_a_failure_is_laid_to_the_adapter_that_raised_it() -> None:
    async def closed() -> None:
        await MemoryStore().services()

    with pytest.raises(FerrymanError) as caught:
        asyncio.run(closed())
    assert adapter_of(caught.value) == "store"
    assert adapter_of(AdapterError("x", "raised nowhere")) == ""
    telemetry = Telemetry()
    telemetry.failed("append", caught.value)
    assert telemetry.failures == {("append", "store", "store"): 1}
