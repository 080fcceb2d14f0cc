"""The order of writes: at no moment does a route lead to a cluster that is unknown or has lost its instances."""

from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ferryman.model.world import Endpoint, Listener, RouteTable
from ferryman.routers.envoy import clusters, names, planning
from ferryman.routers.envoy.names import Json, Kind, Resource
from ferryman.routers.envoy.planning import Holding, Phase, Write, merge
from unit.routers.tables import HOST, canary

TREE = Path("/x")
REVISIONS = ("r1", "r2", "r3")


@st.composite
def tables(draw: st.DrawFn) -> RouteTable:
    endpoints = {
        revision: tuple(
            Endpoint(f"{revision}-{port}", HOST, port) for port in draw(st.sets(st.integers(1, 4), max_size=3))
        )
        for revision in draw(st.sets(st.sampled_from(REVISIONS)))
    }
    ready = sorted(revision for revision, spots in endpoints.items() if spots)
    weights: dict[str, float] = {}
    if ready:
        chosen = draw(st.lists(st.sampled_from(ready), min_size=1, max_size=2, unique=True))
        weights = {chosen[0]: 100.0} if len(chosen) == 1 else {chosen[0]: 30.0, chosen[1]: 70.0}
    preview = draw(st.sampled_from([None, *REVISIONS]))
    ports = Listener(draw(st.sampled_from([8080, 8090])), draw(st.sampled_from([None, 8081])))
    return canary(endpoints=endpoints, weights=weights, preview=preview, listener=ports, matches=())


class World:
    """The files and what Envoy would serve from them."""

    def __init__(self) -> None:
        self.files: dict[Resource, list[Json]] = {names.CLUSTERS: [], names.LISTENERS: []}

    def holding(self, service: str) -> Holding:
        own = {entry["name"]: entry for entry in self.files[names.CLUSTERS] if names.owner_of(entry["name"]) == service}
        spots = {name: clusters.addresses_in(self.files[names.endpoints_of(name)][0]) for name in own}
        found = tuple(entry for entry in self.files[names.LISTENERS] if names.owner_of(entry["name"]) == service)
        routes = [names.routes_of(service), names.routes_of(service, preview=True)]
        return Holding(own, found, spots, frozenset(r for r in routes if r in self.files))

    def write(self, write: Write) -> bool:
        before = self.files.get(write.resource, [])
        self.files[write.resource] = merge(before, write)
        return self.files[write.resource] != before

    def walk(self, steps: planning.Steps) -> Iterator[tuple[Phase, Write]]:
        for phase in steps.phases:
            for write in phase.writes:
                if self.write(write):
                    yield phase, write
        for resource in steps.remove:
            self.files.pop(resource, None)

    def check(self) -> None:
        """What must hold after every single write."""
        known = {entry["name"] for entry in self.files[names.CLUSTERS]}
        assert all(names.endpoints_of(name) in self.files for name in known), "a cluster without its endpoint file"
        for listener in self.files[names.LISTENERS]:
            assert Resource(Kind.RDS, listener["name"].split("@")[0]) in self.files, "a listener without its routes"
        read = {listener["name"].split("@")[0] for listener in self.files[names.LISTENERS]}
        for resource, content in self.files.items():
            for name in routed(content) if resource.kind is Kind.RDS and resource.name in read else ():
                assert name in known, f"{resource.name} leads to {name}, which is unknown"
                assert clusters.addresses_in(self.files[names.endpoints_of(name)][0]), f"{name} has no instance"


def routed(content: list[Json]) -> set[str]:
    found: set[str] = set()
    for entry in content[0]["virtual_hosts"][0]["routes"]:
        action = entry.get("route", {})
        found |= {action["cluster"]} if "cluster" in action else set()
        found |= {part["name"] for part in action.get("weighted_clusters", {}).get("clusters", ())}
    return found


@given(st.lists(tables(), min_size=1, max_size=4))
def test_every_moment_between_any_tables_is_safe(sequence: list[RouteTable]) -> None:
    world = World()
    other = canary(service="cart", listener=Listener(7000), matches=(), preview=None)
    list(world.walk(planning.plan(TREE, other, world.holding("cart"))))
    before = [entry for entry in world.files[names.CLUSTERS] if names.owner_of(entry["name"]) == "cart"]
    for table in sequence:
        for _ in world.walk(planning.plan(TREE, table, world.holding("shop"))):
            world.check()
        held = world.holding("shop")
        assert {names.revision_of(name) for name in held.clusters} == set(table.endpoints)
        for revision, spots in table.endpoints.items():
            assert held.endpoints[f"shop--{revision}"] == {(spot.host, spot.port) for spot in spots}
        assert not list(world.walk(planning.plan(TREE, table, held))), "planning again writes again"
    for _ in world.walk(planning.removal("shop", world.holding("shop"))):
        world.check()
    assert world.holding("shop") == Holding()
    assert [entry for entry in world.files[names.CLUSTERS] if names.owner_of(entry["name"]) == "cart"] == before


def test_weights_alone_write_only_routes() -> None:
    world = World()
    list(world.walk(planning.plan(TREE, canary(), world.holding("shop"))))
    more = canary(weights={"r1": 50.0, "r2": 50.0})
    written = [write.resource for _, write in world.walk(planning.plan(TREE, more, world.holding("shop")))]
    assert written == [names.routes_of("shop")]


def test_an_instance_leaves_after_the_routes_have_moved() -> None:
    world = World()
    list(world.walk(planning.plan(TREE, canary(), world.holding("shop"))))
    less = canary(weights={"r2": 100.0}, endpoints={"r1": (), "r2": canary().endpoints["r2"]})
    written = [write.resource for _, write in world.walk(planning.plan(TREE, less, world.holding("shop")))]
    assert written == [names.routes_of("shop"), names.endpoints_of("shop--r1")]
