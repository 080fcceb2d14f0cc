"""Is the world of a step there? Pure questions to one observation."""

from __future__ import annotations

from ferryman.core.weights import needed, share_out, shares_of
from ferryman.model.seen import LIVE_STATES, InstanceState, RouteStatus, Seen
from ferryman.model.world import World, unexposed

WEIGHT_SLACK_PERCENT = 0.05


def reached(world: World, seen: Seen, candidate: str) -> bool:
    """True when the candidate's instances are ready and every listener acknowledged what is asked.

    Another side below its floor is not waited for: it may be the very thing that is being replaced. Then it is enough
    that the data plane serves the closest that can be asked for.
    """
    if ready_count(seen, candidate) < world.instances.get(candidate, 0) or not exposed(world, seen):
        return False
    if world.listener is None or routed(world, seen):
        return True
    return _others_lack(world, seen, candidate) and _served(_closest(world, seen), seen)


def exposed(world: World, seen: Seen) -> bool:
    """True when every flag of the world is served as asked. One that is gone exposes nobody."""
    served = {(each.share.environment, each.share.key): each for each in seen.flags}
    for asked in world.flags:
        found = served.get((asked.environment, asked.key))
        if found is None or (found.missing and asked not in unexposed((asked,))):
            return False
        if not found.missing and found.share != asked:
            return False
    return True


def _others_lack(world: World, seen: Seen, candidate: str) -> bool:
    others = {r: w for r, w in world.weights.items() if r != candidate and w > 0}
    return any(ready_count(seen, r) < needed(w, world.bounds) for r, w in others.items())


def _closest(world: World, seen: Seen) -> dict[str, float]:
    """What can be asked of the data plane now; nothing when a side of it has no endpoints."""
    ready = {r: ready_count(seen, r) for r in {*world.instances, *world.weights, *seen.routes.weights}}
    found = share_out(shares_of(world, seen, ready), follow_ready=world.follow_ready, atomic=world.atomic)
    return found if all(seen.routes.endpoints.get(r) for r in found) else {}


def _served(weights: dict[str, float], seen: Seen) -> bool:
    served = seen.routes.weights
    apart = [abs(weights.get(r, 0.0) - served.get(r, 0.0)) for r in {*weights, *served}]
    return seen.routes.status is RouteStatus.APPLIED and all(d <= WEIGHT_SLACK_PERCENT for d in apart)


def routed(world: World, seen: Seen) -> bool:
    """True when the data plane acknowledged the weights, matches and preview of the world."""
    routes = seen.routes
    if routes.status is not RouteStatus.APPLIED:
        return not world.weights and routes.status is RouteStatus.ABSENT and not _wants_route(world)
    if world.follow_ready:
        return _everyone_served(world, seen)
    served = _served(world.weights, seen) and all(routes.endpoints.get(r) for r, w in world.weights.items() if w > 0)
    shown = world.preview is None or routes.preview == world.preview or not ready_count(seen, world.preview)
    return served and shown and routes.matches == len(world.matches)


def _wants_route(world: World) -> bool:
    return bool(world.matches or world.preview)


def _everyone_served(world: World, seen: Seen) -> bool:
    """Users follow the ready instances: each ready one of the world is known to the data plane, and nobody is sent to
    a side that is asked to leave."""
    if any(w > 0 and world.weights.get(r, 0.0) <= 0 for r, w in seen.routes.weights.items()):
        return False
    for revision, count in world.instances.items():
        ready = {i.id for i in seen.instances if i.revision == revision and i.state is InstanceState.READY}
        if count and not ready <= seen.routes.endpoints.get(revision, frozenset()):
            return False
    return bool(seen.routes.weights)


def ready_count(seen: Seen, revision: str) -> int:
    """Ready instances of a revision."""
    return sum(i.state is InstanceState.READY for i in seen.instances if i.revision == revision)


def settled(world: World, seen: Seen) -> bool:
    """True when no live instance is left beyond what the world asks for."""
    counts: dict[str, int] = {}
    for instance in seen.instances:
        if instance.state in LIVE_STATES:
            counts[instance.revision] = counts.get(instance.revision, 0) + 1
    return all(n <= world.instances.get(r, 0) or r in world.keep for r, n in counts.items())


def start_failures(seen: Seen, revision: str, since: float) -> list[str]:
    """Why instances of a revision failed since then (epoch seconds), oldest first."""
    failed = [i for i in seen.instances if i.revision == revision and i.state is InstanceState.FAILED]
    return [i.reason or "ended" for i in sorted(failed, key=lambda i: (i.since, i.id)) if i.since >= since]


def breaker_limit(replicas: int) -> int:
    """Start failures that open the breaker: max(3, min(50 % of R, 200))."""
    return max(3, min(replicas // 2, 200))
