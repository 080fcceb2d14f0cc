"""From what the discovery files hold and the table that is wanted to an ordered list of writes.

Order is safety: something is added before it is referred to and removed after nothing refers to it any more.
Up: endpoints, clusters, routes, listeners. Down: listeners, routes, endpoints, clusters. Each phase is acknowledged
before the next. A change of weights alone touches only the route file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ferryman.model.world import RouteTable
from ferryman.routers.envoy import clusters, listeners, names, routes
from ferryman.routers.envoy.clusters import Address
from ferryman.routers.envoy.names import Json, Kind, Resource


@dataclass(frozen=True, slots=True)
class Holding:
    """What the discovery files hold of one service: its entries in the two shared files and its own files' contents."""

    clusters: Mapping[str, Json] = field(default_factory=dict[str, Json])
    listeners: tuple[Json, ...] = ()
    endpoints: Mapping[str, frozenset[Address]] = field(default_factory=dict[str, frozenset[Address]])
    routes: frozenset[Resource] = frozenset()


@dataclass(frozen=True, slots=True)
class Write:
    """One file to bring to `entries`. In a shared file (CDS, LDS) they replace the entries of `owner` only."""

    resource: Resource
    entries: tuple[Json, ...]
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """Writes acknowledged together, with what else must be acknowledged by then."""

    writes: tuple[Write, ...]
    also: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class Steps:
    """All phases in order, and the files to delete when the last is acknowledged."""

    phases: tuple[Phase, ...]
    remove: tuple[Resource, ...] = ()

    def resources(self) -> frozenset[Resource]:
        """Everything that is written or awaited."""
        return frozenset(r for phase in self.phases for r in (*(w.resource for w in phase.writes), *phase.also))


def plan(tree: Path, table: RouteTable, holding: Holding) -> Steps:
    """The way to `table`. `tree` is the folder of the discovery files. Raises `Rejected` for a table that is no table."""
    names.check_names(table)
    service = table.service
    wanted = {names.cluster_name(service, revision): spots for revision, spots in sorted(table.endpoints.items())}
    new = {name: frozenset(clusters.address(spot) for spot in spots) for name, spots in wanted.items()}
    grown = {name: addresses | holding.endpoints.get(name, frozenset()) for name, addresses in new.items()}
    built = {name: clusters.cluster(tree, name) for name in new}
    both = {**holding.clusters, **built}

    split = Write(names.routes_of(service), (routes.routes(table),))
    route_writes = [split]
    if table.listener.preview_port is not None:
        route_writes.append(Write(names.routes_of(service, preview=True), (routes.preview_routes(table),)))
    served = tuple(write.resource for write in route_writes)
    entries = tuple(listeners.listeners(tree, service, table.listener))

    gone = sorted(set(holding.clusters) - set(new))
    phases = (
        Phase((*_endpoint_writes(grown), _cluster_write(service, both))),
        Phase(tuple(route_writes)),
        Phase((Write(names.LISTENERS, entries, service),), also=served),
        Phase(_endpoint_writes(new)),
        Phase((_cluster_write(service, built),)),
    )
    unused = [*(names.endpoints_of(name) for name in gone), *sorted(holding.routes - set(served))]
    return Steps(phases, tuple(unused))


def removal(service: str, holding: Holding) -> Steps:
    """The way to nothing: the listener closes first, the clusters go when no route names them."""
    phases = (
        Phase((Write(names.LISTENERS, (), service),)),
        Phase((Write(names.CLUSTERS, (), service),)),
    )
    unused = [*sorted(holding.routes), *(names.endpoints_of(name) for name in sorted(holding.clusters))]
    return Steps(phases, tuple(unused))


def merge(present: list[Json], write: Write) -> list[Json]:
    """The whole content of the file after `write`, given what it holds; sorted by name where it is shared."""
    if write.owner is None:
        return list(write.entries)
    others = [entry for entry in present if names.owner_of(entry["name"]) != write.owner]
    return sorted([*others, *write.entries], key=lambda entry: entry["name"])


def _cluster_write(service: str, entries: Mapping[str, Json]) -> Write:
    return Write(names.CLUSTERS, tuple(entries[name] for name in sorted(entries)), service)


def _endpoint_writes(addresses: Mapping[str, frozenset[Address]]) -> tuple[Write, ...]:
    return tuple(
        Write(Resource(Kind.EDS, name), (clusters.assignment(name, spots),)) for name, spots in addresses.items()
    )
