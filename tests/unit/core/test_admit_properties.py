"""What the safety gate promises for any wish and any observation. Invariants 3 and 4."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ferryman.core.admit import admit, unrouted
from ferryman.core.weights import Shares, needed, shares_of
from ferryman.model.seen import LIVE_STATES, Instance, Seen
from ferryman.model.world import Orders, World
from unit.core.observations import (
    DRAINING,
    NOW,
    READY,
    REVISIONS,
    STARTING,
    Production,
    observations,
    ready,
    worlds,
)

ROUNDING = 0.1
TICKS_MAX = 150


def weights_of(orders: Orders) -> dict[str, float]:
    return orders.routes.weights if orders.routes else {}


def live(seen: Seen) -> list[Instance]:
    return [i for i in seen.instances if i.state in LIVE_STATES]


def begun(seen: Seen, orders: Orders) -> int:
    staying = [i for i in live(seen) if i.state is not DRAINING and i.id not in orders.drain]
    return sum(max(0, n - sum(i.revision == r for i in staying)) for r, n in orders.instances.items())


def asked_shares(world: World, seen: Seen) -> Shares:
    return shares_of(world, seen, {r: ready(seen, r) for r in REVISIONS})


@given(worlds(), observations())
def test_weights_are_whole_tenths_that_sum_to_a_hundred_and_lead_somewhere(world: World, seen: Seen) -> None:
    """Invariant 4."""
    orders = admit("shop", world, seen)
    assert (orders.routes is None) == (world.listener is None)
    weights = weights_of(orders)
    assert not weights or round(sum(weights.values()), 6) == 100.0
    for revision, weight in weights.items():
        assert weight > 0
        assert abs(weight * 10 - round(weight * 10)) < 1e-9
        assert orders.routes is not None
        assert orders.routes.endpoints[revision]
    if orders.routes is not None:
        gone = {i.id for i in seen.instances if i.state not in LIVE_STATES or i.state is DRAINING} | orders.drain
        assert not any(e.instance in gone for ends in orders.routes.endpoints.values() for e in ends)


@given(worlds(limited=True), observations())
def test_the_limited_one_gets_no_more_than_asked_or_than_it_has(world: World, seen: Seen) -> None:
    """Where users follow what is ready, the limit holds for one that is to leave, while others are ready."""
    limited = world.limited or ""
    before = seen.routes.weights.get(limited, 0.0)
    orders = admit("shop", world, seen)
    if world.follow_ready:
        others = {*world.instances, *world.weights, *seen.routes.weights} - {limited}
        leaving = world.weights.get(limited, 0.0) <= 0
        if not leaving or not any(ready(seen, r, orders.drain) for r in others):
            return
    assert weights_of(orders).get(limited, 0.0) <= max(world.weights.get(limited, 0.0), before) + 1e-9


@given(worlds(follow=False, atomic=False), observations())
def test_no_weight_beyond_what_the_ready_ones_carry(world: World, seen: Seen) -> None:
    """Invariant 4. Where capacity for everybody is not there, no instance gets more than the busiest one has now."""
    known = asked_shares(world, seen)
    found = weights_of(admit("shop", world, seen))
    places = {r for r, w in known.asked.items() if w > 0} | set(known.current)
    attainable = sum(min(known.carried(r), known.ceiling(r)) for r in places) >= 100.0
    if attainable:
        assert all(ready(seen, r) >= needed(w - ROUNDING, world.bounds) for r, w in found.items())
        return
    before = seen.routes.weights
    load = [w / ready(seen, r) for r, w in found.items() if ready(seen, r)]
    load_before = [w / ready(seen, r) if ready(seen, r) else 1000.0 for r, w in before.items() if w > 0]
    if load and load_before:
        assert max(load) <= max(load_before) + ROUNDING


@given(worlds(follow=False, atomic=True), observations())
def test_all_or_nothing(world: World, seen: Seen) -> None:
    found = weights_of(admit("shop", world, seen))
    served = {r: w for r, w in seen.routes.weights.items() if w > 0}
    wanted = {r: w for r, w in world.weights.items() if w > 0}
    if any(ready(seen, r) for r in served):
        assert found in (served, wanted, {})


@given(worlds(), observations())
def test_starts_never_exceed_the_total(world: World, seen: Seen) -> None:
    """Invariant 3."""
    orders = admit("shop", world, seen)
    new = begun(seen, orders)
    assert new == 0 or len(live(seen)) + new <= world.bounds.max_total
    assert not any(orders.instances.get(r, 0) > sum(i.revision == r for i in live(seen)) for r in world.keep)


@given(worlds(), observations())
def test_drains_never_cost_promised_capacity(world: World, seen: Seen) -> None:
    """Invariant 3. What is routed keeps who carries it; what serves nobody may always go."""
    orders = admit("shop", world, seen)
    before = sum(ready(seen, r) for r in REVISIONS)
    after = sum(ready(seen, r, orders.drain) for r in REVISIONS)
    assert after >= min(before, world.bounds.min_available)
    serving = {i.id for i in live(seen) if i.state is not DRAINING}
    assert orders.drain <= serving
    assert not any(i.id in orders.drain and i.revision in world.keep for i in seen.instances)
    if world.follow_ready or world.listener is None or not world.weights or world.bounds.min_available == 0:
        return
    for revision, weight in seen.routes.weights.items():
        had, kept = ready(seen, revision), ready(seen, revision, orders.drain)
        assert kept == had or kept >= needed(weight - ROUNDING, world.bounds)


@given(worlds(), observations())
def test_only_what_users_cannot_reach_any_more_is_stopped(world: World, seen: Seen) -> None:
    for instance in seen.instances:
        if instance.id not in admit("shop", world, seen).stop:
            continue
        late = seen.at - instance.since >= world.bounds.drain_timeout_seconds
        assert instance.state is DRAINING
        assert unrouted(instance, seen.routes)
        assert late or instance.port is None or instance.connections == 0


@given(worlds(roomy=True), observations())
def test_obeying_and_asking_again_asks_for_nothing_more(world: World, seen: Seen) -> None:
    """Invariant 10: converging twice is converging once."""
    orders = admit("shop", world, seen)
    kept = [
        replace(i, state=DRAINING, since=seen.at) if i.id in orders.drain else i
        for i in seen.instances
        if i.id not in orders.stop
    ]
    for revision, count in orders.instances.items():
        there = sum(i.revision == revision and i.state in LIVE_STATES and i.state is not DRAINING for i in kept)
        new = [f"{revision}-new-{n}" for n in range(count - there)]
        kept += [Instance(name, revision, STARTING, NOW, NOW) for name in new]
    again = admit("shop", world, replace(seen, instances=tuple(kept)))
    stopped = len(orders.stop)
    assert stopped or (begun(replace(seen, instances=tuple(kept)), again), again.drain) == (0, frozenset())
    assert weights_of(again) == weights_of(orders)


def settled(world: World, production: Production) -> bool:
    """Everything wanted is ready and fresh, nothing else lives, and the table is the one that was asked for."""
    seen = production.seen()
    for revision in REVISIONS:
        mine = [i for i in live(seen) if i.revision == revision]
        wanted = world.instances.get(revision, 0)
        if len(mine) != wanted or any(i.state is not READY or i.started_at < world.fresh_since for i in mine):
            return False
    if world.listener is None or not world.weights:
        return True
    asked = world.weights
    if world.follow_ready:
        limited = world.limited if world.weights.get(world.limited or "", 0.0) <= 0 else None
        if world.instances.get(limited or ""):
            return abs(sum(seen.routes.weights.values()) - 100.0) < 1e-6
        total = sum(world.instances.values())
        asked = {r: 100.0 * n / total for r, n in world.instances.items()}
    served = seen.routes.weights
    return all(abs(asked.get(r, 0.0) - served.get(r, 0.0)) <= ROUNDING + 1e-9 for r in REVISIONS)


@given(worlds(roomy=True), observations(), st.integers(0, 2**32))
def test_any_reachable_wish_comes_true_in_bounded_time(world: World, seen: Seen, seed: int) -> None:
    """Invariant 11, for the part of production: from any observation, restarts and shrinking included."""
    production = Production(Random(seed), {i.id: i for i in seen.instances}, seen.routes)
    for _ in range(TICKS_MAX):
        production.tick(world)
        if settled(world, production):
            break
    else:
        raise AssertionError(f"not after {TICKS_MAX} ticks: {production.seen()}")
    for _ in range(5):
        orders = production.tick(world)
        assert not orders.drain
        assert not orders.stop
        assert settled(world, production)


@given(worlds(roomy=True), observations(), st.integers(0, 2**32), st.sampled_from(REVISIONS))
def test_a_version_that_crashes_pushes_nobody_out(world: World, seen: Seen, seed: int, crashing: str) -> None:
    """Invariant 3: while one version never comes up, the ready ones stay enough and the total holds."""
    production = Production(
        Random(seed), {i.id: i for i in seen.instances}, seen.routes, crashing=frozenset({crashing})
    )
    for _ in range(40):
        before = production.seen()
        orders = production.tick(world)
        now = production.seen()
        after = sum(ready(now, r) for r in REVISIONS)
        assert after >= min(sum(ready(before, r) for r in REVISIONS), world.bounds.min_available) or not orders.drain
        assert production.most <= max(world.bounds.max_total, len(live(seen)))
