"""What production should look like: the complete picture that a step of a plan asks for."""

from __future__ import annotations

import msgspec


class Bounds(msgspec.Struct, frozen=True):
    """Capacity that holds at every instant. Counts are instances; draining ones count in the total, not as
    available."""

    min_available: int
    max_total: int
    capacity_floor: float = 1.0
    drain_timeout_seconds: float = 30.0


class Match(msgspec.Struct, frozen=True):
    """Requests with this header or cookie go to `revision`, whatever the weights. `value` None: any value."""

    kind: str
    name: str
    value: str | None
    revision: str


class Listener(msgspec.Struct, frozen=True):
    """Where users connect. `sticky_key` None: no stickiness; "cookie": a cookie minted for the release;
    else the name of a request header whose value is hashed. `sticky_id` names the release the cookie belongs to."""

    port: int
    preview_port: int | None = None
    sticky_key: str | None = None
    sticky_id: str = ""
    host: str = "127.0.0.1"


class FlagShare(msgspec.Struct, frozen=True):
    """How far a feature flag is to be exposed: `exposure_percent` (0 to 100) of the users of one environment, and whoever is
    in one of the `segments` or has one of the keys in `allow`, whatever the percentage."""

    environment: str
    key: str
    exposure_percent: float = 0.0
    segments: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


class World(msgspec.Struct, frozen=True):
    """Instances per revision, who sees what, and how far feature flags are exposed.

    `weights` are percent per revision and sum to 100 (or are empty: nobody is routed). With `follow_ready` they are
    recomputed from the ready instances of each revision in `instances`. `limited` names the revision whose exposure
    must never exceed what is asked here. `keep` names revisions whose instances are left as they are: none started,
    none drained. `atomic` weights are asked for whole or not at all. `fresh_since` (epoch seconds) asks for instances
    started after it. `proven` are revisions that were promoted once: what is left of them may take users again, while
    anything else that is left over only loses them. `listener` None: no traffic is routed (workers, or routing done
    elsewhere). `flags` are the exposures asked for, at most one of each flag; flags that are not named are left alone. Where
    a flag shares out the users instead of a router, `weights` say the same per revision.
    """

    instances: dict[str, int]
    weights: dict[str, float]
    bounds: Bounds
    follow_ready: bool = False
    limited: str | None = None
    keep: tuple[str, ...] = ()
    atomic: bool = False
    matches: tuple[Match, ...] = ()
    preview: str | None = None
    listener: Listener | None = None
    fresh_since: float = 0.0
    proven: tuple[str, ...] = ()
    flags: tuple[FlagShare, ...] = ()


def unexposed(flags: tuple[FlagShare, ...]) -> tuple[FlagShare, ...]:
    """The same flags with nobody exposed."""
    return tuple(FlagShare(flag.environment, flag.key) for flag in flags)


def share_percent(world: World, revision: str) -> float:
    """The share of the users that the world gives a revision, in percent: of the traffic where somebody shares it out,
    else of the instances."""
    if world.weights or world.listener is not None:
        return world.weights.get(revision, 0.0)
    return 100.0 * world.instances.get(revision, 0) / max(1, sum(world.instances.values()))


def let_in(world: World) -> frozenset[tuple[str, str, str, str]]:
    """The people whom flags are exposed to whatever the percentage: environment, flag, kind, and segment or key."""
    return frozenset(
        (flag.environment, flag.key, kind, name)
        for flag in world.flags
        for kind, names in (("segment", flag.segments), ("key", flag.allow))
        for name in names
    )


EMPTY_WORLD = World(instances={}, weights={}, bounds=Bounds(min_available=0, max_total=0))


class Endpoint(msgspec.Struct, frozen=True, order=True):
    """One routable instance."""

    instance: str
    host: str
    port: int


class RouteTable(msgspec.Struct, frozen=True):
    """Everything a router needs for one service. Weights are percent in steps of 0.1, sum 100.0, none on a revision
    without endpoints; empty when nothing can be routed yet. `first` names the revision whose growing share only ever
    adds users (the candidate)."""

    service: str
    listener: Listener
    weights: dict[str, float]
    endpoints: dict[str, tuple[Endpoint, ...]]
    matches: tuple[Match, ...] = ()
    preview: str | None = None
    sticky_id: str = ""
    first: str | None = None


class Orders(msgspec.Struct, frozen=True):
    """The closest safe thing to ask for now: what `admit` returns and adapters get.

    `instances`: how many not-draining instances of each revision to have. `drain`: instances to take out of service.
    `stop`: drained instances that may be stopped now. `routes` None: nothing is routed by Ferryman.

    Whoever carries them out may find more instances, or fewer, than were seen: so it leaves at least `min_available`
    ready ones when it drains, and starts none beyond `max_total` live ones (None: no limit). `flags` are exposures to set.
    """

    instances: dict[str, int]
    drain: frozenset[str]
    stop: frozenset[str]
    routes: RouteTable | None
    min_available: int = 0
    max_total: int | None = None
    flags: tuple[FlagShare, ...] = ()
