"""From orders and what is there to the actions that can be begun now; pure, shared by every target that counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

from ferryman.model.errors import AdapterError
from ferryman.model.seen import LIVE_STATES, Instance, InstanceState
from ferryman.model.world import Orders

AVAILABLE_STATES = LIVE_STATES - {InstanceState.DRAINING}


class Planned(msgspec.Struct, frozen=True):
    """Instance ids to drain and to stop, revision ids to start one instance of each, and the epoch second at which
    starts that back off may be tried again (None: nothing backs off)."""

    drain: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    wake_at: float | None = None


def plan_actions(
    instances: Sequence[Instance],
    stopping: Collection[str],
    orders: Orders,
    known_revisions: Collection[str],
    not_before: Callable[[str], float],
    now: float,
) -> Planned:
    """What is left to do. `stopping` are ids whose stop was already begun; `not_before(revision)` is the epoch second
    before which a crashing revision is not started again. Instances that are too many are left alone: only ids named
    in the orders are drained or stopped. What came or went since the orders were made puts off what would now break
    their bounds. Raises `AdapterError` for a start of an unknown revision."""
    leaving = orders.drain | orders.stop
    live = [one for one in instances if one.state in LIVE_STATES]
    drain = _drained(live, orders)
    room = None if orders.max_total is None else max(0, orders.max_total - len(live))
    stop = tuple(one.id for one in live if one.id in orders.stop and one.id not in stopping)
    start: list[str] = []
    wake_at: float | None = None
    for revision, wanted in sorted(orders.instances.items()):
        have = sum(one.revision == revision and one.state in AVAILABLE_STATES and one.id not in leaving for one in live)
        missing = wanted - have
        if missing <= 0:
            continue
        if revision not in known_revisions:
            raise AdapterError(
                "unknown_revision",
                f"{missing} instance(s) of revision {revision} are wanted, but its content was not given",
                "the orders and the revisions passed with them must come from the same state",
            )
        allowed_at = not_before(revision)
        if allowed_at > now:
            wake_at = allowed_at if wake_at is None else min(wake_at, allowed_at)
        else:
            start.extend([revision] * missing)
    start = start[:room]
    return Planned(drain=drain, stop=stop, start=tuple(start), wake_at=wake_at)


def _drained(live: Sequence[Instance], orders: Orders) -> tuple[str, ...]:
    spare = sum(one.state is InstanceState.READY for one in live) - orders.min_available
    found: list[str] = []
    for one in live:
        if one.id not in orders.drain or one.state is InstanceState.DRAINING:
            continue
        if one.state is InstanceState.READY:
            if spare <= 0:
                continue
            spare -= 1
        found.append(one.id)
    return tuple(found)
