"""Changes under load: no request of a user fails, refused files change nothing, other people's ports stay theirs."""

import asyncio
import json
import socket
from pathlib import Path

import pytest

import dataplane
from dataplane import HOST, Client, Load
from ferryman.model.errors import Rejected
from ferryman.model.seen import RouteStatus
from ferryman.model.world import Endpoint, Listener, Match, RouteTable

pytestmark = pytest.mark.real


def test_two_hundred_changes_under_load_fail_nobody(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=2, r2=2) as shop:
            await shop.apply({"r1": 100.0})
            load = Load(shop.port)
            await load.reach(50)
            for number in range(200):
                percent = float(number % 100)
                await shop.apply({"r1": 100 - percent, "r2": percent} if percent else {"r1": 100.0})
            await load.stop()
            assert not load.failures
            assert load.bodies["r1"]
            assert load.bodies["r2"]

    dataplane.run(body, seconds=100)


def test_scaling_in_and_removing_a_revision_fails_nobody(tmp_path: Path) -> None:
    """An instance may end as soon as `apply` without it has returned and its requests are answered."""

    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=4, r2=2) as shop:
            await shop.apply({"r1": 50.0, "r2": 50.0})
            load = Load(shop.port, clients=16, path="/slow")
            for upstreams in shop.instances.values():
                for up in upstreams:
                    up.slow_seconds = 0.02
            await load.reach(200)
            for _ in range(3):
                leaving = shop.instances["r1"].pop()
                await shop.apply({"r1": 50.0, "r2": 50.0})
                await dataplane.until(lambda up=leaving: up.connections == 0, what="the drain of an instance")
                await leaving.stop()
            gone = shop.instances.pop("r2")
            await shop.apply({"r1": 100.0})
            for up in gone:
                await dataplane.until(lambda up=up: up.connections == 0, what="the drain of a revision")
                await up.stop()
            begun = load.requests
            await load.reach(begun + 100)
            await load.stop()
            assert not load.failures
            clusters = json.loads((tmp_path / "xds/cds/all/cds.json").read_text())["resources"]
            assert [entry["name"] for entry in clusters] == ["shop--r1"]

    dataplane.run(body)


def test_a_running_request_outlives_the_removal_of_its_revision(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r2": 100.0})
            shop.instances["r2"][0].slow_seconds = 0.5
            running = asyncio.create_task(Client(shop.port).get("/slow"))
            await dataplane.until(lambda: shop.instances["r2"][0].requests == 1, what="the request at its instance")
            gone = shop.instances.pop("r2")
            await shop.apply({"r1": 100.0})
            assert (await Client(shop.port).get()).body == "r1"
            assert not running.done()
            assert (await running).body == "r2"
            await gone[0].stop()

    dataplane.run(body)


def test_weights_alone_touch_only_the_route_file(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0})
            files = list((tmp_path / "xds").rglob("*.json"))
            before = {path: path.stat().st_ino for path in files}
            await shop.apply({"r1": 90.0, "r2": 10.0})
            written = [path.relative_to(tmp_path) for path in files if path.stat().st_ino != before[path]]
            assert written == [Path("xds/rds/shop/rds.json")]
            version = json.loads((tmp_path / "xds/rds/shop/rds.json").read_text())["version_info"]
            assert version.startswith("1.2-")

    dataplane.run(body)


@pytest.mark.parametrize("kind", ["routes", "endpoints"])
def test_what_envoy_refuses_changes_nothing(tmp_path: Path, kind: str) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            good = await shop.apply({"r1": 100.0})
            live = {path: path.read_bytes() for path in (tmp_path / "xds").rglob("*.json")}
            bad = shop.table({"r1": 50.0, "r2": 50.0})
            if kind == "routes":
                bad = shop.table({"r1": 50.0, "r2": 50.0}, matches=(Match("header", "not a name\n", None, "r2"),))
            else:
                bad.endpoints["r2"] = (Endpoint("x", "no-address", 80),)
            load = Load(shop.port)
            await load.reach(20)
            with pytest.raises(Rejected, match="Envoy refused") as refusal:
                await shop.router.apply(bad, shop.generation())
            assert ("malformed IP" if kind == "endpoints" else "Name: value does not match") in refusal.value.message
            assert len(refusal.value.message) < 500
            assert refusal.value.hint
            assert {path: path.read_bytes() for path in (tmp_path / "xds").rglob("*.json")} == live
            seen = await shop.router.observe("shop")
            assert (seen.status, seen.weights, seen.generation) == (RouteStatus.REJECTED, good.weights, good.generation)
            topic, text, detail = shop.router.facts("shop")[-1]
            assert (topic, detail) == ("routes_rejected", {"generation": "1.2"})
            assert text == refusal.value.message
            await load.reach(load.requests + 50)
            await load.stop()
            assert not load.failures
            assert set(load.bodies) == {"r1"}
            await shop.apply({"r1": 50.0, "r2": 50.0})

    dataplane.run(body)


def test_a_port_of_another_program_is_refused_by_name(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0})
            with socket.socket() as other:
                (taken,) = dataplane.outside_ports(1)
                other.bind((HOST, taken))
                other.listen()
                cart = RouteTable("cart", Listener(taken), {"r1": 100.0}, {"r1": shop.table({}).endpoints["r1"]})
                with pytest.raises(Rejected, match=f"port {taken}") as refusal:
                    await shop.router.apply(cart, shop.generation())
                assert refusal.value.code == "port_taken"
                assert "ss -ltnp" in refusal.value.hint
                assert (await shop.router.observe("cart")).status == RouteStatus.REJECTED
                assert (await shop.router.observe("shop")).status == RouteStatus.APPLIED
            assert (await shop.router.apply(cart, shop.generation())).status == RouteStatus.APPLIED
            assert (await Client(taken).get()).body == "r1"

    dataplane.run(body)


def test_a_port_of_another_envoy_is_refused_too(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path / "one") as shop, dataplane.envoy(tmp_path / "two") as other:
            await shop.apply({"r1": 100.0})
            with pytest.raises(Rejected, match=f"port {shop.port}"):
                await other.apply(shop.table({"r1": 100.0}), shop.generation())
            assert (await Client(shop.port).get()).body == "r1"

    dataplane.run(body)


def test_two_services_come_and_go_under_load(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0})
            cart = dataplane.Shop(shop.router, "cart")
            cart.instances = {"r5": shop.instances["r2"]}
            load = Load(shop.port)
            for _ in range(5):
                await cart.apply({"r5": 100.0}, first=None)
                assert (await Client(cart.port).get()).body == "r2"
                await shop.router.remove("cart", cart.generation())
                with pytest.raises((OSError, asyncio.IncompleteReadError)):
                    await Client(cart.port).get()
            await load.stop()
            assert not load.failures
            assert (await shop.router.observe("shop")).status == RouteStatus.APPLIED

    dataplane.run(body)


def test_a_full_disk_is_a_refusal_and_the_old_routes_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only writing is made to fail as a full disk does; Envoy and everything else is real."""
    import errno

    from ferryman.routers.envoy import files

    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0})

            def full(descriptor: int) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

            with monkeypatch.context() as patch:
                patch.setattr(files.os, "fsync", full)
                with pytest.raises(Rejected, match="no space left") as refusal:
                    await shop.router.apply(shop.table({"r1": 50.0, "r2": 50.0}), shop.generation())
                assert refusal.value.code == "disk_full"
            assert not list((tmp_path / "xds").rglob("*.new"))
            assert (await Client(shop.port).get()).body == "r1"
            assert (await shop.router.observe("shop")).status == RouteStatus.REJECTED
            await shop.apply({"r1": 50.0, "r2": 50.0})

    dataplane.run(body)
