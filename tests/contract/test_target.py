"""What every target does, whether its instances are processes or made up."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.targets.rig import BACKOFF_SECONDS, Rig, revision, run_memory, run_process, tiny
from ferryman.model.errors import AdapterError, Stale
from ferryman.model.generation import Generation
from ferryman.model.seen import InstanceState
from ferryman.targets.base import DrainInstance, StartInstance, StopInstance

pytestmark = pytest.mark.real

DRAINING, FAILED, GONE, READY, STARTING = (
    InstanceState.DRAINING,
    InstanceState.FAILED,
    InstanceState.GONE,
    InstanceState.READY,
    InstanceState.STARTING,
)
Run = Callable[[Callable[[Rig], Any]], None]


@pytest.fixture(params=["memory", "process"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    return run_memory if request.param == "memory" else functools.partial(run_process, tmp_path)


def test_starts_as_many_as_wanted_and_no_more_when_asked_again(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        assert await rig.seen() == ()
        assert await rig.apply({v1: 3}) == (StartInstance(v1),) * 3
        assert await rig.apply({v1: 3}) == ()
        ready = await rig.ready(3)
        assert await rig.apply({v1: 3}) == ()
        assert len({one.id for one in ready}) == len({one.port for one in ready}) == 3
        assert all(one.id.startswith("v1-") and one.since >= one.started_at for one in ready)

    run(scenario)


def test_scales_up_beside_what_is_there_and_leaves_a_surplus_alone(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1, v2 = rig.add(revision("v1")), rig.add(revision("v2"))
        await rig.apply({v1: 1})
        first = (await rig.ready(1))[0]
        assert await rig.apply({v1: 2, v2: 1}) == (StartInstance(v1), StartInstance(v2))
        await rig.ready(3)
        assert await rig.apply({v1: 1, v2: 0}) == ()
        assert len(await rig.ready(3)) == 3
        assert (await rig.one(first.id)).started_at == first.started_at

    run(scenario)


def test_a_drained_instance_counts_no_more_and_never_comes_back(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        await rig.apply({v1: 2})
        old = (await rig.ready(2))[0].id
        assert await rig.apply({v1: 2}, drain=[old]) == (DrainInstance(old), StartInstance(v1))
        assert await rig.apply({v1: 2}, drain=[old]) == ()
        assert (await rig.one(old)).state is DRAINING
        await rig.ready(2)
        assert await rig.apply({v1: 2}) == ()  # no longer named, and draining all the same
        assert (await rig.one(old)).state is DRAINING

    run(scenario)


def test_stops_only_what_was_named(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        await rig.apply({v1: 3})
        a, b, c = (one.id for one in await rig.ready(3))
        await rig.apply({v1: 1}, drain=[a, b])
        assert await rig.apply({v1: 1}, drain=[a, b], stop=[a]) == (StopInstance(a),)
        assert await rig.apply({v1: 1}, drain=[a, b], stop=[a]) == ()
        await rig.gone(a)
        assert {one.id: one.state for one in await rig.seen()} == {a: GONE, b: DRAINING, c: READY}
        assert (await rig.one(a)).reason == "stopped"
        assert await rig.apply({v1: 1}, drain=[a, b], stop=[a, "nobody-0000"]) == ()
        assert not rig.target.facts("shop")

    run(scenario)


def test_a_stop_needs_no_drain_before_and_is_draining_until_gone(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        await rig.apply({v1: 1})
        old = (await rig.ready(1))[0].id
        await rig.apply({v1: 0}, stop=[old])
        assert (await rig.one(old)).state in (DRAINING, GONE)
        await rig.gone(old)
        assert (await rig.one(old)).state is GONE

    run(scenario)


def test_what_ignores_the_request_to_stop_is_forced_and_said(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1", tiny("ignore_term"), stop_seconds=0.3))
        await rig.apply({v1: 1})
        old = (await rig.ready(1))[0].id
        await rig.apply({v1: 0}, stop=[old])
        await rig.gone(old)
        seen = await rig.one(old)
        assert (seen.state, seen.reason) == (GONE, "killed")
        assert [topic for topic, _, _ in rig.target.facts("shop")] == ["killed"]

    run(scenario)


def test_a_revision_that_exits_at_once_fails_with_a_reason_and_waits_before_the_next_try(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        bad = rig.add(revision("bad", tiny("exit=3")))
        woken: list[str] = []
        rig.target.on_change(woken.append)
        await rig.apply({bad: 2})
        seen = await rig.until(lambda seen: all(one.state is FAILED for one in seen), "two failures")
        assert len(seen) == 2
        assert all("exited with status 3" in one.reason for one in seen)
        assert [topic for topic, _, _ in rig.target.facts("shop")] == ["instance_failed"] * 2
        assert rig.target.facts("shop") == []
        allowed_at = max(one.since for one in seen) + BACKOFF_SECONDS
        assert await rig.retried({bad: 2}) == (StartInstance(bad),) * 2
        seen = await rig.until(lambda seen: sum(one.state is FAILED for one in seen) == 4, "two more failures")
        assert all(one.started_at >= allowed_at for one in seen[2:])
        await rig.apply({bad: 2})
        woken.clear()
        await rig.until(lambda _: woken, "a wake-up when the revision may be started again")

    run(scenario)


def test_a_crash_of_one_revision_does_not_hold_back_another(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        bad, good = rig.add(revision("bad", tiny("exit=3"))), rig.add(revision("good"))
        await rig.apply({bad: 1})
        await rig.until(lambda seen: seen[0].state is FAILED, "a failure")
        assert await rig.apply({bad: 1, good: 1}) == (StartInstance(good),)
        await rig.ready(1, good)

    run(scenario)


def test_a_crash_of_a_ready_instance_is_replaced_after_the_delay(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1", tiny("exit_after=0.8")))
        await rig.apply({v1: 1})
        old = (await rig.ready(1))[0].id
        await rig.gone(old)
        seen = await rig.one(old)
        assert seen.state is FAILED
        assert "exited with status 7" in seen.reason
        assert await rig.retried({v1: 1}) == (StartInstance(v1),)
        assert (await rig.seen())[-1].started_at >= seen.since + BACKOFF_SECONDS

    run(scenario)


def test_what_never_answers_stays_starting(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1", tiny("unhealthy")))
        await rig.apply({v1: 1})
        await rig.pass_time(0.6)
        assert [one.state for one in await rig.seen()] == [STARTING]

    run(scenario)


def test_a_revision_without_content_is_named_and_nothing_is_started(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        with pytest.raises(AdapterError, match="r-unknown"):
            await rig.apply({v1: 1, "r-unknown": 1})
        assert await rig.seen() == ()
        assert await rig.apply({v1: 0, "r-unknown": 0}) == ()

    run(scenario)


def test_an_older_generation_is_refused_and_changes_nothing(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        await rig.apply({v1: 1}, generation=Generation(2, 7))
        for older in (Generation(2, 6), Generation(1, 900)):
            with pytest.raises(Stale, match=str(older)):
                await rig.apply({v1: 3}, generation=older)
        assert len(await rig.seen()) == 1
        assert await rig.apply({v1: 1}, generation=Generation(2, 7)) == ()
        assert await rig.apply({v1: 1}, generation=Generation(3, 1)) == ()
        assert await rig.apply({v1: 1}, generation=Generation(1, 1), service="other") == (StartInstance(v1),)

    run(scenario)


def test_services_do_not_see_each_other(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        await rig.apply({v1: 1})
        await rig.apply({v1: 2}, service="other")
        mine, theirs = await rig.seen(), await rig.seen("other")
        assert (len(mine), len(theirs)) == (1, 2)
        await rig.apply({v1: 1}, stop=[one.id for one in theirs])  # not of this service
        await rig.ready(1)
        assert all(one.state in (STARTING, READY) for one in await rig.seen("other"))

    run(scenario)


def test_becoming_ready_wakes_and_logs_are_shown(run: Run) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        woken: list[str] = []
        await rig.apply({v1: 1})
        rig.target.on_change(woken.append)
        one = (await rig.ready(1))[0]
        assert set(woken) == {"shop"}
        assert (await rig.target.logs(one.id, 10)).startswith(f"hello from {one.id}")
        assert await rig.target.logs(one.id, 0) == ""
        assert await rig.target.logs("nobody-0000", 10) == ""
        assert await rig.target.logs("../../etc/passwd", 10) == ""

    run(scenario)
