"""What the process target does with real processes: how they are started, watched and ended."""

import asyncio
import functools
import json
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from contract.targets.rig import SETTINGS, Rig, revision, run_process, tiny
from ferryman.model.errors import AdapterError
from ferryman.model.revision import Health
from ferryman.model.seen import Instance, InstanceState
from ferryman.targets.process import ProcessSettings, ProcessTarget, procfs
from support import free_ports

pytestmark = pytest.mark.real

DRAINING, FAILED, GONE, READY, STARTING, UNREADY = (
    InstanceState.DRAINING,
    InstanceState.FAILED,
    InstanceState.GONE,
    InstanceState.READY,
    InstanceState.STARTING,
    InstanceState.UNREADY,
)
ALIVE = Health(interval_seconds=0.05, min_ready_seconds=0.1)
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)])); sys.stdout.flush()"


def pid_of(state: Path, instance: str) -> int:
    return json.loads((state / "processes" / "records" / f"{instance}.json").read_text())["pid"]


async def ask(instance: Instance, path: str = "/") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", instance.port)
    writer.write(f"GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    return answer.partition("\r\n\r\n")[2]


async def shown(rig: Rig, made: str) -> tuple[list[str], str, dict[str, str], Instance]:
    """What the program `SHOW` saw: arguments, working directory and environment."""
    await rig.apply({made: 1})
    seen = await rig.until(lambda seen: seen and seen[-1].state is FAILED, "its end")
    arguments, folder, environment = json.loads(await rig.target.logs(seen[-1].id, 1))
    return arguments, folder, environment, seen[-1]


def test_an_instance_is_told_who_it_is_and_nothing_of_the_controller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FERRYMAN_TOKEN", "not for instances")
    monkeypatch.setenv("FERRYMAN_INSTANCE", "somebody else")
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("GREETING", "from the controller")
    monkeypatch.setenv("KEPT", "yes")
    (tmp_path / "artifacts" / "0123456789abcdef").mkdir(parents=True)

    async def scenario(rig: Rig) -> None:
        command = (sys.executable, "-c", SHOW, "--listen={port}")
        v1 = rig.add(
            revision("v1", command, env={"GREETING": "from the release"}, directory="/", artifact="0123456789abcdef")
        )
        arguments, folder, environment, instance = await shown(rig, v1)
        assert arguments == [f"--listen={instance.port}"]
        assert folder == str(tmp_path / "artifacts" / "0123456789abcdef")
        told = {name: value for name, value in environment.items() if name.startswith("FERRYMAN_")}
        told.pop("FERRYMAN_STATE")
        assert told.pop("FERRYMAN_TEST_RUN")
        assert told == {
            "FERRYMAN_INSTANCE": instance.id,
            "FERRYMAN_REVISION": "v1",
            "FERRYMAN_REVISION_ID": "r-v1",
            "FERRYMAN_SERVICE": "shop",
        }
        assert (environment["PORT"], environment["HOST"]) == (str(instance.port), "127.0.0.1")
        assert (environment["GREETING"], environment["KEPT"]) == ("from the release", "yes")
        worker = rig.add(revision("worker", command[:3], traffic=False, health=ALIVE))
        _, folder, environment, instance = await shown(rig, worker)
        assert instance.port is None
        assert "PORT" not in environment
        assert folder == "/"

    run_process(tmp_path, scenario)


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ({"command": ("no-such-command-here",)}, "command not found: 'no-such-command-here'"),
        ({"command": ("/etc/passwd",)}, "not allowed to run '/etc/passwd'"),
        ({"directory": "/no/such/folder"}, "working directory /no/such/folder does not exist"),
        ({"secrets": ("PATH", "NO_SUCH_SECRET")}, "secret NO_SUCH_SECRET is not set"),
    ],
)
def test_what_cannot_be_started_fails_with_the_reason(tmp_path: Path, run: dict[str, object], why: str) -> None:
    async def scenario(rig: Rig) -> None:
        bad = rig.add(revision("bad", **run))  # type: ignore[arg-type]
        await rig.apply({bad: 1})
        assert [(one.state, why in one.reason) for one in await rig.seen()] == [(FAILED, True)]
        assert await rig.apply({bad: 1}) == ()  # backs off as after a crash
        assert why in rig.target.facts("shop")[0][1]

    run_process(tmp_path, scenario, replace(SETTINGS, backoff_first_seconds=30.0))


def test_a_used_port_is_passed_over_and_a_port_rests_after_use(tmp_path: Path) -> None:
    first, second, third = free_ports(3)

    async def scenario(rig: Rig) -> None:
        bad = rig.add(revision("bad", tiny("exit=1")))
        ports: list[int | None] = []
        for count in range(1, 4):
            await rig.pass_time(0.15)  # longer than the back-off
            assert len(await rig.apply({bad: 1})) == 1
            seen = await rig.until(lambda seen: all(one.state is FAILED for one in seen), "failures")
            ports = [one.port for one in seen]
            assert len(ports) == count
        assert set(ports) == {second, third, None}
        assert "no free port" in (await rig.seen())[-1].reason

    settings = replace(SETTINGS, ports=(first, second, third), port_reuse_seconds=60.0, backoff_max_seconds=0.1)
    with socket.create_server(("127.0.0.1", first)):
        run_process(tmp_path, scenario, settings)


def test_only_an_answer_of_its_own_makes_it_ready(tmp_path: Path) -> None:
    async def say_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def scenario(rig: Rig) -> None:
        deaf = rig.add(revision("deaf", ("sleep", "60")))
        await rig.apply({deaf: 1})
        instance = (await rig.seen())[0]
        await rig.until(lambda seen: "nothing listens" in seen[0].reason, "an unanswered probe")
        stranger = await asyncio.start_server(say_ok, "127.0.0.1", instance.port)
        async with stranger:
            seen = await rig.until(lambda seen: "not of this instance" in seen[0].reason, "the stranger to be noticed")
            assert f"process {os.getpid()} " in seen[0].reason
            await asyncio.sleep(0.4)
            assert (await rig.seen())[0].state is STARTING
        await rig.apply({deaf: 0}, stop=[instance.id])
        await rig.gone(instance.id)

    run_process(tmp_path, scenario)


def test_a_child_may_answer_for_its_instance_and_health_comes_and_goes(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        sick = tmp_path / "sick"
        # The shell leads the session; the program that listens is its child.
        program = " ".join(tiny(f"sick_file={sick}"))
        v1 = rig.add(revision("v1", ("sh", "-c", f"{program} & wait")))
        await rig.apply({v1: 1})
        first = (await rig.ready(1))[0]
        sick.touch()
        seen = await rig.until(lambda seen: seen[0].state is UNREADY, "it to be unready")
        assert seen[0].reason == "GET /healthz: answered 503 Service Unavailable"
        assert seen[0].since > first.since
        assert await rig.apply({v1: 1}) == ()  # it lives: replacing it is not decided here
        sick.unlink()
        await rig.ready(1)
        await rig.apply({v1: 0}, stop=[first.id])
        await rig.gone(first.id)
        # The shell ends at once; what it leaves is asked as well, and has its time to end.
        assert (await rig.target.logs(first.id, 5)).endswith("SIGTERM\nbye\n")
        assert rig.target.facts("shop") == []

    run_process(tmp_path, scenario)


@pytest.mark.parametrize("health", [Health(tcp=True, interval_seconds=0.05, min_ready_seconds=0.3), ALIVE])
def test_ready_by_connect_or_by_being_alive_takes_the_time_it_was_given(tmp_path: Path, health: Health) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1", health=health))
        await rig.apply({v1: 1})
        one = (await rig.ready(1))[0]
        assert health.min_ready_seconds <= one.since - one.started_at < health.min_ready_seconds + 3

    run_process(tmp_path, scenario)


def test_a_crash_tells_its_last_words_and_takes_the_rest_of_its_session_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "correct-horse")

    async def scenario(rig: Rig) -> None:
        v1 = rig.add(
            revision("v1", ("sh", "-c", 'sleep 300 & echo "password is $SHOP_PASSWORD"; sleep 0.3; kill -9 $$'),
                     health=ALIVE, secrets=("SHOP_PASSWORD",))
        )  # fmt: skip
        await rig.apply({v1: 1})
        one = (await rig.ready(1))[0]
        session = pid_of(tmp_path, one.id)
        assert len(procfs.session_members(session)) >= 2
        await rig.gone(one.id)
        reason = (await rig.one(one.id)).reason
        assert reason == "ended by SIGKILL; last output: password is ***"
        assert procfs.session_members(session) == []
        assert await rig.target.logs(one.id, 5) == "password is ***\n"
        everything = json.dumps([await rig.target.logs(one.id, 5), rig.target.facts("shop"), reason])
        assert "correct-horse" not in everything
        assert "correct-horse" not in (tmp_path / "processes" / "records" / f"{one.id}.json").read_text()

    run_process(tmp_path, scenario)


def test_a_request_in_flight_ends_well_and_connections_are_counted(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        await rig.apply({v1: 1})
        one = (await rig.ready(1))[0]
        slow = asyncio.create_task(ask(one, "/slow?1.0"))
        await asyncio.sleep(0.1)
        await rig.apply({v1: 0}, drain=[one.id])
        await rig.until(lambda seen: seen[0].connections == 1, "one open connection")
        await rig.apply({v1: 0}, drain=[one.id], stop=[one.id])
        assert await slow == "slow but whole"
        await rig.gone(one.id)
        assert (await rig.one(one.id)).reason == "stopped"

    run_process(tmp_path, scenario)


def test_force_reaches_the_whole_session(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1", tiny("ignore_term", "children"), stop_seconds=1.0))
        await rig.apply({v1: 1})
        one = (await rig.ready(1))[0]
        session = pid_of(tmp_path, one.id)
        assert len(procfs.session_members(session)) == 3
        await rig.apply({v1: 0}, stop=[one.id])
        assert (await rig.one(one.id)).state is DRAINING  # nobody waited for the end
        await rig.gone(one.id)
        assert procfs.session_members(session) == []
        assert procfs.stat(session) is None  # reaped
        topics = [(topic, detail["instance"]) for topic, _, detail in rig.target.facts("shop")]
        assert topics == [("killed", one.id)]

    run_process(tmp_path, scenario)


def test_memory_and_processor_time_are_those_of_the_whole_session(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        leaky = rig.add(revision("leaky", tiny("leak")))
        busy = rig.add(revision("busy", ("sh", "-c", "while :; do :; done & wait"), health=ALIVE))
        await rig.apply({leaky: 1, busy: 1})

        def figures(seen: tuple[Instance, ...], of: str) -> Instance:
            return next(one for one in seen if one.revision == of)

        await rig.until(lambda seen: (figures(seen, leaky).memory_bytes or 0) > 80_000_000, "the leak to show")
        await rig.until(lambda seen: (figures(seen, busy).cpu_percent or 0) > 20, "the load to show")
        assert (figures(await rig.seen(), busy).memory_bytes or 0) < 30_000_000
        await rig.apply({leaky: 0, busy: 0}, stop=[one.id for one in await rig.seen()])
        await rig.until(lambda seen: all(one.state is GONE for one in seen), "their end")

    run_process(tmp_path, scenario)


def test_logs_are_cut_without_losing_lines_and_read_across_the_cuts(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1", tiny("lines=6000")))
        await rig.apply({v1: 1})
        one = (await rig.ready(1))[0]
        own = tmp_path / "logs" / f"{one.id}.log"
        await rig.until(lambda _: Path(f"{own}.3").exists(), "three rotations")
        assert own.stat().st_size < 100_000
        text = await rig.target.logs(one.id, 400)
        numbers = [int(line.split()[1]) for line in text.splitlines()]
        assert len(numbers) == 400
        # A line may be lost in the moment of a cut; not more than one for each.
        assert 399 <= numbers[-1] - numbers[0] <= 402
        await rig.apply({v1: 0}, stop=[one.id])
        await rig.gone(one.id)
        assert (await rig.target.logs(one.id, 1)).strip() == "bye"  # an ended one can be read as well

    run_process(tmp_path, scenario, replace(SETTINGS, log_rotate_bytes=20_000, tick_seconds=0.05))


def test_old_failures_are_forgotten_beyond_a_number(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        bad = rig.add(revision("bad", tiny("exit=1")))
        await rig.apply({bad: 4})
        await rig.until(lambda seen: len(seen) == 2 and all(one.state is FAILED for one in seen), "two of four left")
        records = tmp_path / "processes" / "records"
        await rig.until(lambda _: len(list(records.glob("*.json"))) == 2, "their records are gone too")
        assert len(list((tmp_path / "logs").glob("*.log"))) == 4

    run_process(tmp_path, scenario, replace(SETTINGS, failed_shown=2, port_reuse_seconds=0.1))


def test_a_caller_that_gives_up_leaves_nothing_unknown_behind(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await rig.apply({v1: 4})
        assert len(await rig.ready(4)) == 4
        assert await rig.apply({v1: 4}) == ()

    run_process(tmp_path, scenario)


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "processes").write_text("in the way")
    with pytest.raises(AdapterError, match="cannot keep the state") as caught:
        run_process(tmp_path, lambda rig: None)
    assert caught.value.code == "state_unwritable"


def test_a_record_that_cannot_be_written_starts_nothing(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1"))
        (tmp_path / "processes" / "records").rmdir()
        with pytest.raises(AdapterError, match="cannot keep the state"):
            await rig.apply({v1: 1})
        assert await rig.seen() == ()
        (tmp_path / "processes" / "records").mkdir()
        await rig.apply({v1: 1})
        await rig.ready(1)

    run_process(tmp_path, scenario)


def test_times_are_those_of_the_clock_that_was_handed_in(tmp_path: Path) -> None:
    """The wall clock of the machine may be set at any time; the controller's own is the one that decides."""
    ahead = 1_000_000.0

    async def scenario(rig: Rig) -> None:
        v1 = rig.add(revision("v1", tiny("ignore_term"), health=ALIVE, stop_seconds=1.0))
        await rig.apply({v1: 1})
        (instance,) = await rig.ready(1)
        began = time.monotonic()
        await rig.apply({v1: 0}, stop=[instance.id])
        await rig.gone(instance.id)
        assert 0.8 <= time.monotonic() - began < 10, "politely for a second, then by force"
        (ended,) = await rig.seen()
        assert (
            time.time() + ahead - 60 < instance.started_at <= instance.since <= ended.since < time.time() + ahead + 60
        )

    run_process(tmp_path, scenario, now=lambda: time.time() + ahead)


def test_it_says_that_it_was_not_started(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="not running"):
        asyncio.run(ProcessTarget(tmp_path).observe("shop"))


def test_signals_never_reach_a_process_that_only_has_the_number(tmp_path: Path) -> None:
    """Exercised through adoption in test_target_adoption; here the means itself."""
    from ferryman.targets.process import signals

    me = procfs.stat(os.getpid())
    assert me is not None
    assert signals.open_process(me.pid, me.start_ticks + 1) is None
    assert (
        signals.signal_all([functools.partial(procfs.Stat, **_as(me))(start_ticks=me.start_ticks - 1)], signal.SIGKILL)
        == 0
    )
    descriptor = signals.open_process(me.pid, me.start_ticks)
    assert descriptor is not None
    assert not signals.has_ended(descriptor)
    os.close(descriptor)


def _as(stat: procfs.Stat) -> dict[str, int | bool]:
    return {"pid": stat.pid, "session": stat.session, "cpu_ticks": 0, "resident_bytes": 0, "dead": False}


def test_default_limits_are_those_of_the_manual() -> None:
    settings = ProcessSettings()
    assert (settings.port_reuse_seconds, settings.orphan_seconds, settings.logs_kept) == (60.0, 60.0, 4)
    assert settings.log_rotate_bytes == 16 * 1024 * 1024
