"""What the target in memory offers beyond the contract: a clock to move, and behaviour to order."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from ferryman.model.errors import Unreachable
from ferryman.model.generation import Generation
from ferryman.model.revision import Health, Revision, Run
from ferryman.model.seen import Instance, InstanceState
from ferryman.model.world import Orders
from ferryman.targets.memory import Behaviour, MemoryTarget

T = TypeVar("T")
REVISION = Revision("r1", "v1", "0" * 64, Run(("serve",), "/", stop_seconds=10.0), Health())


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(behaviour: Behaviour, count: int = 1) -> tuple[MemoryTarget, Clock, list[str]]:
    clock = Clock()
    target = MemoryTarget(clock)
    target.behave("r1", behaviour)
    apply(target, {"r1": count})
    return target, clock, [one.id for one in seen(target)]


def apply(target: MemoryTarget, counts: dict[str, int], *stop: str, drain: frozenset[str] = frozenset()) -> int:
    orders = Orders(counts, drain, frozenset(stop), None)
    return len(run(target.apply("shop", orders, {"r1": REVISION}, Generation(1, 1))))


def seen(target: MemoryTarget) -> tuple[Instance, ...]:
    return run(target.observe("shop"))


def test_due_leads_from_change_to_change() -> None:
    target, clock, _ = made(Behaviour(ready_seconds=3.0, crash_seconds=10.0))
    woken: list[tuple[float, InstanceState]] = []
    target.on_change(lambda service: woken.append((clock.now, seen(target)[0].state)))
    while (due := target.due()) is not None:
        clock.now = due
        target.advance()
    assert woken == [(1003.0, InstanceState.READY), (1010.0, InstanceState.FAILED)]


def test_everything_that_passed_happens_in_its_order() -> None:
    target, clock, ids = made(Behaviour(ready_seconds=None, crash_seconds=1.0), count=2)
    clock.now = 1500.0
    assert [(one.state, one.since) for one in seen(target)] == [(InstanceState.FAILED, 1001.0)] * 2
    assert [detail["instance"] for _, _, detail in target.facts("shop")] == ids


def test_a_stop_takes_its_time_but_never_more_than_allowed() -> None:
    for wanted, takes, facts in ((4.0, 4.0, []), (99.0, 10.0, ["killed"])):
        target, clock, (one,) = made(Behaviour(stop_seconds=wanted))
        apply(target, {}, one)
        assert target.due() == 1000.0 + takes
        clock.now += takes
        assert seen(target)[0].state is InstanceState.GONE
        assert [topic for topic, _, _ in target.facts("shop")] == facts


def test_connections_go_when_it_is_drained() -> None:
    target, clock, (one,) = made(Behaviour(connections=5, drain_seconds=2.0))
    assert seen(target)[0].connections == 5
    apply(target, {}, drain=frozenset({one}))
    assert seen(target)[0].connections == 5
    assert target.due() == 1002.0
    clock.now = 1002.0
    assert (seen(target)[0].state, seen(target)[0].connections) == (InstanceState.DRAINING, 0)
    assert target.due() is None


def test_crash_unready_and_failures_on_demand() -> None:
    target, clock, (a, b) = made(Behaviour(), count=2)
    target.set_unready(b, unready=True)
    target.crash(a)
    assert [one.state for one in seen(target)] == [InstanceState.FAILED, InstanceState.UNREADY]
    target.set_unready(b, unready=False)
    target.fail_with(Unreachable("gone", "nobody answers"))
    with pytest.raises(Unreachable):
        seen(target)
    target.fail_with(None)
    assert seen(target)[1].state is InstanceState.READY
    assert apply(target, {"r1": 2}) == 0  # backs off
    assert target.due() == 1001.0
    clock.now = 1001.0
    assert apply(target, {"r1": 2}) == 1


def test_a_failed_start_has_its_reason_and_history_is_bounded() -> None:
    target, clock, _ = made(Behaviour(fails_to_start="command not found: 'serve'"))
    assert seen(target)[0].reason == "command not found: 'serve'"
    for _ in range(40):
        clock.now += 60.0
        apply(target, {"r1": 3})
    assert len(seen(target)) == 20
