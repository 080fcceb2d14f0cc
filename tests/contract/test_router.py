"""What every router promises, shown on the real Envoy and on the one in memory."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

import dataplane
from dataplane import HOST
from ferryman.model.errors import Rejected, Stale
from ferryman.model.generation import Generation
from ferryman.model.seen import RoutesSeen, RouteStatus
from ferryman.model.world import Endpoint, Listener, Match, RouteTable
from ferryman.routers.base import Router
from ferryman.routers.memory import MemoryRouter

pytestmark = pytest.mark.real
Body = Callable[[Router, RouteTable], Awaitable[None]]
Check = Callable[[Body], None]


@contextlib.asynccontextmanager
async def _router(kind: str, folder: Path) -> AsyncGenerator[Router]:
    if kind == "memory":
        yield MemoryRouter()
    else:
        async with dataplane.envoy(folder) as router:
            yield router


@pytest.fixture(params=["memory", "envoy"])
def check(request: pytest.FixtureRequest, tmp_path: Path) -> Check:
    """Runs a body against a fresh router and a table of two revisions at 95 and 5 %."""

    def run(body: Body) -> None:
        async def inside() -> None:
            port, preview, one, two = dataplane.outside_ports(4)
            table = RouteTable(
                service="shop",
                listener=Listener(port, preview),
                weights={"r1": 95.0, "r2": 5.0},
                endpoints={"r1": (Endpoint("a", HOST, one),), "r2": (Endpoint("b", HOST, two),)},
                matches=(Match("header", "x-tester", None, "r2"),),
                preview="r2",
                first="r2",
            )
            async with _router(request.param, tmp_path) as router:
                await router.start()
                await body(router, table)

        dataplane.run(inside)

    return run


def changed(table: RouteTable, **fields: object) -> RouteTable:
    return RouteTable(**{name: getattr(table, name) for name in table.__struct_fields__} | fields)  # type: ignore[arg-type]


def test_a_service_never_written_is_absent(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        assert await router.observe("shop") == RoutesSeen()

    check(body)


def test_what_is_applied_is_seen(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        wanted = RoutesSeen(
            status=RouteStatus.APPLIED,
            generation=Generation(3, 7),
            weights={"r1": 95.0, "r2": 5.0},
            endpoints={"r1": frozenset({"a"}), "r2": frozenset({"b"})},
            matches=1,
            preview="r2",
        )
        assert await router.apply(table, Generation(3, 7)) == wanted
        assert await router.observe("shop") == wanted

    check(body)


def test_applying_again_changes_nothing(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        first = await router.apply(table, Generation(1, 1))
        assert await router.apply(table, Generation(1, 1)) == first
        later = await router.apply(table, Generation(1, 2))
        assert later.generation == Generation(1, 2)
        assert later.weights == first.weights

    check(body)


def test_an_older_generation_is_refused_and_changes_nothing(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        seen = await router.apply(table, Generation(2, 5))
        for old in (Generation(2, 4), Generation(1, 900)):
            with pytest.raises(Stale, match=r"2\.5"):
                await router.apply(changed(table, weights={"r1": 100.0}), old)
        assert await router.observe("shop") == seen

    check(body)


def test_a_refused_table_leaves_the_one_before_and_is_reported(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        await router.apply(table, Generation(1, 1))
        with pytest.raises(Rejected, match="100"):
            await router.apply(changed(table, weights={"r1": 95.0, "r2": 50.0}), Generation(1, 2))
        seen = await router.observe("shop")
        assert seen.status == RouteStatus.REJECTED
        assert "100" in seen.reason
        assert seen.weights == {"r1": 95.0, "r2": 5.0}
        assert seen.generation == Generation(1, 1)
        assert [topic for topic, _, _ in router.facts("shop")] == ["routes_rejected"]
        assert router.facts("shop") == []
        back = await router.apply(changed(table, weights={"r1": 100.0}), Generation(1, 3))
        assert (back.status, back.weights, back.reason) == (RouteStatus.APPLIED, {"r1": 100.0}, "")

    check(body)


def test_endpoints_come_and_go_under_one_generation(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        (port,) = dataplane.outside_ports(1)
        await router.apply(table, Generation(1, 1))
        more = {**table.endpoints, "r1": (*table.endpoints["r1"], Endpoint("c", HOST, port))}
        seen = await router.apply(changed(table, endpoints=more), Generation(1, 1))
        assert seen.endpoints["r1"] == {"a", "c"}
        seen = await router.apply(table, Generation(1, 1))
        assert seen.endpoints["r1"] == {"a"}

    check(body)


def test_a_revision_leaves_and_another_comes(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        await router.apply(table, Generation(1, 1))
        only = changed(table, weights={"r3": 100.0}, endpoints={"r3": table.endpoints["r2"]}, preview=None, first="r3")
        seen = await router.apply(only, Generation(1, 2))
        assert (seen.weights, seen.endpoints, seen.matches) == ({"r3": 100.0}, {"r3": frozenset({"b"})}, 0)
        back = await router.apply(table, Generation(1, 3))
        assert back.weights == {"r1": 95.0, "r2": 5.0}

    check(body)


def test_nobody_is_routed_without_weights(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        seen = await router.apply(changed(table, weights={}, endpoints={}, preview=None), Generation(1, 1))
        assert (seen.status, seen.weights, seen.endpoints) == (RouteStatus.APPLIED, {}, {})

    check(body)


def test_services_do_not_touch_each_other(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        port, preview = dataplane.outside_ports(2)
        other = changed(table, service="cart", listener=Listener(port, preview), weights={"r1": 100.0})
        first, second = await asyncio.gather(
            router.apply(table, Generation(9, 9)), router.apply(other, Generation(1, 1))
        )
        assert (first.weights, second.weights) == ({"r1": 95.0, "r2": 5.0}, {"r1": 100.0})
        await router.remove("shop", Generation(9, 9))
        assert (await router.observe("cart")) == second

    check(body)


def test_a_removed_service_is_absent_and_its_fence_stays(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        await router.apply(table, Generation(4, 4))
        await router.remove("shop", Generation(4, 4))
        await router.remove("shop", Generation(4, 5))
        assert (await router.observe("shop")).status == RouteStatus.ABSENT
        with pytest.raises(Stale):
            await router.apply(table, Generation(4, 4))
        assert (await router.apply(table, Generation(4, 6))).status == RouteStatus.APPLIED

    check(body)


def test_a_controller_that_lost_its_lease_closes_nothing(check: Check) -> None:
    async def body(router: Router, table: RouteTable) -> None:
        await router.apply(table, Generation(2, 7))
        with pytest.raises(Stale):
            await router.remove("shop", Generation(1, 9))
        assert (await router.observe("shop")).status == RouteStatus.APPLIED

    check(body)


def test_memory_delays_and_refuses_as_told(tmp_path: Path) -> None:
    async def inside() -> None:
        router = MemoryRouter(delay_seconds=0.05, ack_limit_seconds=0.01)
        table = RouteTable("shop", Listener(1), {"r1": 100.0}, {"r1": (Endpoint("a", HOST, 1),)})
        assert (await router.apply(table, Generation(1, 1))).status == RouteStatus.PENDING
        await asyncio.sleep(0.06)
        assert (await router.observe("shop")).status == RouteStatus.APPLIED
        router.refuse = "told to"
        with pytest.raises(Rejected, match="told to"):
            await router.apply(table, Generation(1, 2))
        router.down = True
        assert (await router.observe("shop")).status == RouteStatus.UNREACHABLE

    dataplane.run(inside)
