"""Taking over: after a controller was killed at any moment, nothing is started twice, lost, or ended by mistake."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.targets.rig import SETTINGS, Rig, revision, run_process, tiny
from ferryman.model.errors import Stale
from ferryman.model.generation import Generation
from ferryman.model.seen import Instance, InstanceState
from ferryman.targets.process import ProcessTarget, procfs
from ferryman.targets.process.fence import Fence

pytestmark = pytest.mark.real

DRAINING, FAILED, GONE, READY, UNREADY = (
    InstanceState.DRAINING,
    InstanceState.FAILED,
    InstanceState.GONE,
    InstanceState.READY,
    InstanceState.UNREADY,
)
TESTS = Path(__file__).resolve().parents[1]
CONTROLLER = TESTS / "contract" / "targets" / "controller.py"


def record_path(state: Path, instance: str) -> Path:
    return state / "processes" / "records" / f"{instance}.json"


def record(state: Path, instance: str) -> dict[str, Any]:
    return json.loads(record_path(state, instance).read_text())


def edit(state: Path, instance: str, **changes: object) -> None:
    record_path(state, instance).write_text(json.dumps(record(state, instance) | changes))


def alive(pid: int) -> bool:
    found = procfs.stat(pid)
    return found is not None and not found.dead


def start_controller(state: Path, count: int, *options: str, **environment: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])
    return subprocess.Popen(
        [sys.executable, str(CONTROLLER), str(state), str(count), *options],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment | {"PYTHONPATH": path},
    )


def killed_controller(state: Path, count: int, *options: str) -> list[str]:
    """Let a controller bring up `count` instances, kill it, and return their ids."""
    with start_controller(state, count, *options) as controller:
        assert controller.stdout is not None
        ids = controller.stdout.readline().split()
        controller.kill()
    assert len(ids) == count
    return ids


def started(state: Path, count: int = 1, *options: str, **run: Any) -> list[Instance]:
    """Instances that a target of this process has started and let go of."""
    ready: list[Instance] = []

    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1", tiny(*options), **run))
        await rig.apply({v1: count})
        ready.extend(await rig.ready(count))

    run_process(state, scenario)
    return ready


async def end_all(rig: Rig) -> None:
    ids = [one.id for one in await rig.seen()]
    await rig.apply({}, stop=ids)
    await rig.gone(*ids)


def test_what_a_killed_controller_started_is_ready_for_the_next_at_once(tmp_path: Path) -> None:
    ids = killed_controller(tmp_path, 2)
    pids = {instance: record(tmp_path, instance)["pid"] for instance in ids}

    async def scenario(rig: Rig) -> None:
        seen = await rig.seen()
        assert {one.id: one.state for one in seen} == dict.fromkeys(ids, READY)
        assert all(one.since == record(tmp_path, one.id)["ready_at"] for one in seen)
        assert [topic for topic, _, _ in rig.target.facts("shop")] == ["adopted"]
        v1 = rig.add(revision("v1"))
        assert await rig.apply({v1: 2}, generation=Generation(2, 1)) == ()
        assert all(alive(pid) for pid in pids.values())
        # An adopted one that crashes is noticed as fast as one's own, only how it ended is unknown.
        os.kill(pids[ids[0]], signal.SIGKILL)
        await rig.gone(ids[0])
        assert (await rig.one(ids[0])).state is FAILED
        # And one that is stopped is not a crash.
        await rig.apply({v1: 0}, stop=[ids[1]], generation=Generation(2, 2))
        await rig.gone(ids[1])
        assert (await rig.one(ids[1])).state is GONE

    run_process(tmp_path, scenario)
    assert not any(alive(pid) for pid in pids.values())


@pytest.mark.parametrize("moment", ["DIE_BEFORE_SPAWN", "DIE_AFTER_SPAWN"])
def test_a_start_that_was_cut_short_is_neither_lost_nor_made_twice(tmp_path: Path, moment: str) -> None:
    with start_controller(tmp_path, 1, **{moment: "1"}) as controller:
        assert controller.wait(20) == -signal.SIGKILL
    (path,) = (tmp_path / "processes" / "records").glob("*.json")
    assert json.loads(path.read_text())["pid"] is None

    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        if moment == "DIE_AFTER_SPAWN":
            assert await rig.apply({v1: 1}) == ()
            assert [one.id for one in await rig.ready(1)] == [path.stem]
            assert record(tmp_path, path.stem)["pid"] is not None
        else:
            (one,) = await rig.seen()
            assert (one.state, one.reason) == (GONE, "the controller ended before it was started")
            assert len(await rig.apply({v1: 1})) == 1  # it was nobody's fault, so nothing backs off
            await rig.ready(1)
        await end_all(rig)

    run_process(tmp_path, scenario)
    assert not procfs.carrying("FERRYMAN_STATE", ProcessTarget(tmp_path)._folder.state_id)


def test_orders_to_leave_outlive_the_controller(tmp_path: Path) -> None:
    async def before(rig: Rig) -> None:
        v1 = rig.add(revision("v1", tiny("ignore_term"), stop_seconds=0.5))
        await rig.apply({v1: 2})
        a, b = (one.id for one in await rig.ready(2))
        await rig.apply({v1: 0}, drain=[a, b], stop=[b])
        await asyncio.sleep(0.1)

    async def after(rig: Rig) -> None:
        a, b = (one.id for one in await rig.seen())
        assert [one.state for one in await rig.seen()] == [DRAINING, DRAINING]
        await rig.gone(b)
        assert (await rig.one(b)).reason == "killed"
        assert (await rig.one(a)).state is DRAINING
        assert (await rig.target.logs(b, 10)).count("SIGTERM") == 1  # a second one means "at once" to many programs
        await end_all(rig)

    run_process(tmp_path, before)
    run_process(tmp_path, after)


def test_a_crash_that_nobody_watched_is_a_crash_and_ends_its_session(tmp_path: Path) -> None:
    (one,) = started(tmp_path, 1, "children")
    pid = record(tmp_path, one.id)["pid"]
    child = next(member.pid for member in procfs.session_members(pid) if member.pid != pid and _named(member.pid))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert alive(child)

    async def scenario(rig: Rig) -> None:
        (seen,) = await rig.seen()
        assert seen.state is FAILED
        assert "exit status unknown" in seen.reason
        assert "hello from" in seen.reason
        assert not alive(child)
        v1 = rig.add(revision("v1"))
        assert await rig.apply({v1: 1}) == ()  # the back-off counts it

    run_process(tmp_path, scenario, replace(SETTINGS, backoff_first_seconds=5.0))


def _named(pid: int) -> bool:
    return "FERRYMAN_INSTANCE" in procfs.environment(pid)


@pytest.mark.parametrize("asked", [None, 1.0])
def test_a_stranger_with_the_same_number_is_left_alone(tmp_path: Path, asked: float | None) -> None:
    (one,) = started(tmp_path)
    real = record(tmp_path, one.id)["pid"]
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        edit(tmp_path, one.id, pid=stranger.pid, stop_asked_at=asked)

        async def scenario(rig: Rig) -> None:
            (seen,) = await rig.seen()
            assert seen.state is (FAILED if asked is None else GONE)
            # The true process belongs to no record now, so in the end it goes as an orphan.
            await rig.until(lambda _: not alive(real), "the orphan's end")

        run_process(tmp_path, scenario)
        assert stranger.poll() is None
        stranger.kill()


def test_a_restart_of_the_machine_is_nobodys_crash(tmp_path: Path) -> None:
    (one,) = started(tmp_path)
    os.kill(record(tmp_path, one.id)["pid"], signal.SIGKILL)
    edit(tmp_path, one.id, boot_id="another boot")

    async def scenario(rig: Rig) -> None:
        (seen,) = await rig.seen()
        assert (seen.state, seen.reason) == (GONE, "the machine was restarted")
        v1 = rig.add(revision("v1"))
        assert len(await rig.apply({v1: 1})) == 1
        await rig.ready(1)
        await end_all(rig)

    run_process(tmp_path, scenario)


def test_an_orphan_is_told_left_a_while_and_then_ended(tmp_path: Path) -> None:
    polite, rude = started(tmp_path)[0], started(tmp_path, 2, "ignore_term")[1]
    pids = [record(tmp_path, one.id)["pid"] for one in (polite, rude)]
    for path in (tmp_path / "processes" / "records").glob("*.json"):
        path.unlink()

    async def scenario(rig: Rig) -> None:
        began = time.monotonic()
        assert await rig.seen() == ()
        facts: list[Any] = []

        def told(topic: str, count: int) -> bool:
            facts.extend(rig.target.facts("shop"))
            return sum(found == topic for found, _, _ in facts) >= count

        await rig.until(lambda _: told("orphan", 2), "the orphans to be told")
        assert {detail["pid"] for topic, _, detail in facts if topic == "orphan"} >= set(pids)
        await rig.until(lambda _: not any(map(alive, pids)), "their end")
        assert time.monotonic() - began >= SETTINGS.orphan_seconds
        assert told("orphan_ended", 2)

    run_process(tmp_path, scenario)


def test_instances_of_another_state_folder_are_no_orphans(tmp_path: Path) -> None:
    (one,) = started(tmp_path / "a")
    pid = record(tmp_path / "a", one.id)["pid"]
    shutil.copytree(tmp_path / "a" / "processes" / "generations", tmp_path / "b" / "processes" / "generations")

    async def scenario(rig: Rig) -> None:
        await rig.pass_time(SETTINGS.orphan_seconds + 0.5)
        assert rig.target.facts("shop") == []
        assert alive(pid)

    run_process(tmp_path / "b", scenario)
    run_process(tmp_path / "a", end_all)


def test_what_was_ready_and_answers_no_more_is_not_called_ready(tmp_path: Path) -> None:
    sick = tmp_path / "sick"
    (one,) = started(tmp_path, 1, f"sick_file={sick}")
    sick.touch()

    async def scenario(rig: Rig) -> None:
        (seen,) = await rig.seen()
        assert (seen.id, seen.state) == (one.id, UNREADY)
        sick.unlink()
        await rig.ready(1)
        await end_all(rig)

    run_process(tmp_path, scenario)


def test_the_generation_outlives_the_controller(tmp_path: Path) -> None:
    async def before(rig: Rig) -> None:
        await rig.apply({}, generation=Generation(4, 20))

    async def after(rig: Rig) -> None:
        with pytest.raises(Stale, match=r"4\.19"):
            await rig.apply({}, generation=Generation(4, 19))
        await rig.apply({}, generation=Generation(5, 1))

    run_process(tmp_path, before)
    run_process(tmp_path, after)


def test_two_controllers_on_one_folder_do_not_start_the_same_twice(tmp_path: Path) -> None:
    """The older one is a controller that lost its lease and does not know it yet."""

    async def scenario(rig: Rig) -> None:
        second = ProcessTarget(tmp_path, owner="second", settings=replace(SETTINGS, orphan_scan_seconds=3600.0))
        await second.start()
        other = Rig(second)
        v1 = rig.add(revision("v1"))
        other.add(revision("v1"))
        await rig.apply({v1: 2}, generation=Generation(1, 1))
        assert await other.apply({v1: 2}, generation=Generation(2, 1)) == ()
        assert len(await other.ready(2)) == 2
        with pytest.raises(Stale):
            await rig.apply({v1: 3}, generation=Generation(1, 2))
        await other.apply({v1: 3}, generation=Generation(2, 2))
        assert len(await rig.ready(3)) == 3  # the first takes the other's for no orphan either
        await end_all(other)
        await second.close()

    run_process(tmp_path, scenario)


def test_a_start_that_another_controller_is_at_is_left_to_it(tmp_path: Path) -> None:
    (one,) = started(tmp_path)
    edit(tmp_path, one.id, pid=None, start_ticks=None)  # as it is between the record and the process

    async def scenario(rig: Rig) -> None:
        assert await rig.seen() == ()
        await rig.pass_time(SETTINGS.orphan_seconds + 0.3)
        assert (await rig.seen(), rig.target.facts("shop")) == ((), [])
        assert record(tmp_path, one.id)["ended_at"] is None
        held.close()
        assert await rig.apply({rig.add(revision("v1")): 1}) == ()
        assert [ready.id for ready in await rig.ready(1)] == [one.id]
        await end_all(rig)

    fence = Fence(tmp_path / "processes" / "generations")
    (tmp_path / "processes" / "generations" / "shop.json").unlink()
    held = fence.acquire("shop", Generation(1, 1))
    run_process(tmp_path, scenario)


def test_adopted_secrets_are_still_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "say-nothing")
    (one,) = started(tmp_path, 1, "say=say-nothing", secrets=("TOKEN",))
    monkeypatch.setenv("TOKEN", "exchanged since")

    async def scenario(rig: Rig) -> None:
        assert await rig.target.logs(one.id, 5) == f"hello from {one.id} ***\n"
        await end_all(rig)

    run_process(tmp_path, scenario)


def test_failures_and_their_delay_are_remembered(tmp_path: Path) -> None:
    settings = replace(SETTINGS, backoff_first_seconds=30.0)

    async def before(rig: Rig) -> None:
        bad = rig.add(revision("bad", tiny("exit=4")))
        await rig.apply({bad: 1})
        await rig.until(lambda seen: seen[0].state is FAILED, "a failure")

    async def after(rig: Rig) -> None:
        (seen,) = await rig.seen()
        assert seen.state is FAILED
        assert "status 4" in seen.reason
        assert await rig.apply({rig.add(revision("bad")): 1}) == ()

    run_process(tmp_path, before, settings)
    run_process(tmp_path, after, settings)
