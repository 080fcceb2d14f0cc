"""Envoy outlives its controller, is taken over by the next one, and comes back with what it served when it dies."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import dataplane
from dataplane import HOST, Client, Load, Shop
from ferryman.model.errors import AdapterError, Stale
from ferryman.model.generation import Generation
from ferryman.model.seen import RouteStatus
from ferryman.routers.envoy import EnvoyRouter, process, supervisor

pytestmark = pytest.mark.real

CONTROLLER = """
import asyncio, sys
from pathlib import Path
from ferryman.routers.envoy import EnvoyRouter

async def main():
    router = EnvoyRouter(Path(sys.argv[1]))
    await router.start()
    print(router.pid, flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def controller(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Another process that starts Envoy for a folder; returns it and Envoy's pid."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert child.stdout is not None
    return child, int(child.stdout.readline())


def test_it_starts_without_a_service_and_stops(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.envoy(tmp_path) as router:
            pid = router.pid
            assert pid is not None
            assert await router._supervisor.admin.answers()
            assert os.getsid(pid) != os.getsid(0)
            assert (router.admin_socket.stat().st_mode & 0o777) == 0o600
        assert process.start_ticks(pid) is None
        assert not (tmp_path / "envoy.json").exists()
        assert not router.admin_socket.exists()

    dataplane.run(body)


def test_a_killed_envoy_comes_back_with_what_it_served(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 60.0, "r2": 40.0}, preview="r2")
            before = await shop.router.observe("shop")
            pid = shop.router.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await dataplane.until(lambda: shop.router.pid not in (None, pid), what="another Envoy")
            assert await dataplane.observed(shop.router, "shop", RouteStatus.APPLIED) == before
            client = Client(shop.port)
            assert {(await client.get()).body for _ in range(40)} == {"r1", "r2"}
            assert (await Client(shop.preview_port).get()).body == "r2"
            topics = [topic for topic, _, _ in shop.router.facts("shop")]
            assert topics == ["envoy_died", "envoy_started"]
            await shop.apply({"r2": 100.0})

    dataplane.run(body)


def test_a_change_during_the_death_of_envoy_still_arrives(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0})
            pid = shop.router.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            seen = await shop.router.apply(shop.table({"r2": 100.0}), shop.generation())
            assert seen.status == RouteStatus.APPLIED
            assert (await Client(shop.port).get()).body == "r2"
            assert shop.router.pid != pid

    dataplane.run(body)


def test_the_next_controller_takes_over_without_a_failed_request(tmp_path: Path) -> None:
    async def body() -> None:
        child, pid = controller(tmp_path)
        made: Shop | None = None
        try:
            router = EnvoyRouter(tmp_path)
            await router.start()
            made = Shop(router)
            await made.add("r1")
            await made.add("r2")
            assert router.pid == pid
            await made.apply({"r1": 90.0, "r2": 10.0})
            await router.close()

            load = Load(made.port)
            await load.reach(100)
            child.kill()
            child.wait()
            await load.reach(load.requests + 200)
            async with dataplane.envoy(tmp_path) as after:
                assert after.pid == pid
                seen = await after.observe("shop")
                assert (seen.status, seen.weights) == (RouteStatus.APPLIED, {"r1": 90.0, "r2": 10.0})
                made.router = after
                with pytest.raises(Stale):
                    await after.apply(made.table({"r1": 100.0}), Generation(1, 0))
                await made.apply({"r1": 50.0, "r2": 50.0})
                await load.reach(load.requests + 200)
                await load.stop()
                assert not load.failures
        finally:
            child.kill()
            child.wait()
            await EnvoyRouter(tmp_path).shutdown()
            for up in [up for found in (made.instances.values() if made else ()) for up in found]:
                await up.stop()

    dataplane.run(body)


def test_an_envoy_without_a_record_is_known_by_its_socket(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.envoy(tmp_path) as first:
            pid = first.pid
            await first.close()
            (tmp_path / "envoy.json").unlink()
            async with dataplane.envoy(tmp_path) as second:
                assert second.pid == pid
        assert pid is not None
        assert process.start_ticks(pid) is None

    dataplane.run(body)


def test_an_envoy_of_another_version_is_taken_over_and_told(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0})
            await shop.router.close()
            assert shop.router.facts("shop") == []
            (tmp_path / "boot.json").write_text("{}")
            after = EnvoyRouter(tmp_path)
            await after.start()
            assert after.pid == shop.router.pid
            assert [topic for topic, _, _ in after.facts("shop")] == ["envoy_outdated"]
            await after.close()

    dataplane.run(body)


def test_a_record_of_a_reused_pid_is_not_believed(tmp_path: Path) -> None:
    """The pid on record belongs to somebody else now: this very test."""

    async def body() -> None:
        paths = process.Paths(tmp_path.resolve())
        paths.save(process.Running(os.getpid(), 1, process.boot_id(), 1, 0, str(paths.admin())))
        async with dataplane.envoy(tmp_path) as router:
            assert router.pid != os.getpid()

    dataplane.run(body)


def test_a_base_id_of_another_envoy_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with dataplane.envoy(tmp_path / "one") as one:
            taken = int((tmp_path / "one" / "base-id").read_text())
            (tmp_path / "two").mkdir()
            (tmp_path / "two" / "base-id").write_text(str(taken))
            async with dataplane.envoy(tmp_path / "two") as two:
                assert two.pid != one.pid
                assert int((tmp_path / "two" / "base-id").read_text()) == taken + 1

    dataplane.run(body)


def test_a_port_taken_meanwhile_stops_only_its_own_service(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            cart = Shop(shop.router, "cart")
            cart.instances = shop.instances
            await shop.apply({"r1": 100.0})
            await cart.apply({"r1": 100.0})
            await shop.router.shutdown()
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind((HOST, cart.port))
                other.listen()
                await shop.router.start()
                assert (await dataplane.observed(shop.router, "shop", RouteStatus.APPLIED)).weights == {"r1": 100.0}
                seen = await dataplane.observed(shop.router, "cart", RouteStatus.REJECTED)
                assert str(cart.port) in seen.reason
                assert [topic for topic, _, _ in shop.router.facts("cart")] == ["port_taken"]
            await cart.apply({"r1": 100.0})
            assert (await Client(cart.port).get()).body == "r1"

    dataplane.run(body)


def test_a_long_state_folder_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    async def body() -> None:
        folder = tmp_path / ("long" * 30)
        async with dataplane.envoy(folder) as router:
            assert len(os.fsencode(router.admin_socket)) < 108
            assert router.admin_socket.parent.stat().st_mode & 0o077 == 0
            assert await router._supervisor.admin.answers()

    dataplane.run(body)


def test_a_silent_envoy_is_unreachable_and_in_the_end_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SILENCE_LIMIT_SECONDS", 0.5)
    monkeypatch.setattr(supervisor, "CHECK_SECONDS", 0.2)

    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            good = await shop.apply({"r1": 100.0})
            pid = shop.router.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            seen = await shop.router.observe("shop")
            assert seen.status == RouteStatus.UNREACHABLE
            assert seen.weights == good.weights
            await dataplane.until(lambda: shop.router.pid not in (None, pid), what="another Envoy")
            await dataplane.observed(shop.router, "shop", RouteStatus.APPLIED)
            assert (await Client(shop.port).get()).body == "r1"
            assert "envoy_silent" in [topic for topic, _, _ in shop.router.facts("shop")]

    dataplane.run(body)


def test_shutdown_lets_a_running_request_end(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0})
            shop.instances["r1"][0].slow_seconds = 0.6
            running = asyncio.create_task(Client(shop.port).get("/slow"))
            await dataplane.until(lambda: shop.instances["r1"][0].requests == 1, what="the request at its instance")
            await shop.router.shutdown()
            assert (await running).body == "r1"

    dataplane.run(body)


def test_a_grown_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_LIMIT_BYTES", 100)
    monkeypatch.setattr(supervisor, "CHECK_SECONDS", 0.1)

    async def body() -> None:
        async with dataplane.envoy(tmp_path):
            await dataplane.until((tmp_path / "envoy.log.1").exists, what="the old log")
            await dataplane.until((tmp_path / "envoy.log").exists, what="the new log")

    dataplane.run(body)


def test_an_envoy_that_cannot_run_is_an_error_with_its_reason(tmp_path: Path) -> None:
    async def body() -> None:
        broken = tmp_path / "broken"
        broken.write_text("#!/bin/sh\necho no such luck >&2\nexit 3\n")
        broken.chmod(0o755)
        router = EnvoyRouter(tmp_path / "state", binary=broken)
        with pytest.raises(AdapterError, match="no such luck"):
            await router.start()
        with pytest.raises(AdapterError, match="did not start"):
            await EnvoyRouter(tmp_path / "state", binary=tmp_path / "nothing").start()

    dataplane.run(body)
