"""The safety gate on cases with a name: what each of its rules is for."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ferryman.core.admit import admit
from ferryman.core.weights import Shares, needed, rounded, share_out
from ferryman.model.seen import Instance, InstanceState, RoutesSeen, RouteStatus, Seen
from ferryman.model.world import Bounds, Listener, Match, Orders, World

STATES = {
    "r": InstanceState.READY,
    "s": InstanceState.STARTING,
    "u": InstanceState.UNREADY,
    "d": InstanceState.DRAINING,
    "f": InstanceState.FAILED,
}
LISTENER = Listener(port=8080)
TESTERS = Match("header", "x-team", "us", "v2")


def seen(weights: dict[str, float] | None = None, *, at: float = 1000.0, since: float = 990.0, **groups: str) -> Seen:
    """`v1="rrd"`: two ready and one draining instance of v1; all but the draining ones are routed."""
    instances = [
        Instance(f"{rev}-{n}", rev, STATES[letter], 500.0 + n, since, port=9000 + n, connections=3)
        for rev, letters in groups.items()
        for n, letter in enumerate(letters)
    ]
    ends = {
        rev: frozenset(i.id for i in instances if i.revision == rev and i.state is not InstanceState.DRAINING)
        for rev in groups
    }
    routes = RoutesSeen() if weights is None else RoutesSeen(RouteStatus.APPLIED, weights=weights, endpoints=ends)
    return Seen(at=at, instances=tuple(instances), routes=routes)


def world(instances: dict[str, int], weights: dict[str, float], low: int, high: int, **more: Any) -> World:
    return World(instances=instances, weights=weights, bounds=Bounds(low, high), listener=LISTENER, **more)


def weights(orders: Orders) -> dict[str, float]:
    assert orders.routes is not None
    return orders.routes.weights


def test_users_move_only_as_far_as_ready_instances_carry() -> None:
    wish = world({"v1": 4, "v2": 4}, {"v2": 100.0}, 4, 8, limited="v2")
    assert weights(admit("shop", wish, seen({"v1": 100.0}, v1="rrrr", v2="rsss"))) == {"v1": 75.0, "v2": 25.0}
    assert weights(admit("shop", wish, seen({"v1": 75.0, "v2": 25.0}, v1="rrrr", v2="rrrr"))) == {"v2": 100.0}


def test_a_switch_is_all_or_nothing() -> None:
    wish = world({"v1": 4, "v2": 4}, {"v2": 100.0}, 4, 8, limited="v2", atomic=True)
    assert weights(admit("shop", wish, seen({"v1": 100.0}, v1="rrrr", v2="rrrs"))) == {"v1": 100.0}
    assert weights(admit("shop", wish, seen({"v1": 100.0}, v1="rrrr", v2="rrrr"))) == {"v2": 100.0}


def test_a_switch_away_from_a_dead_side_does_not_wait_for_the_last_instance() -> None:
    wish = world({"v1": 4, "v2": 4}, {"v2": 100.0}, 4, 8, limited="v2", atomic=True)
    assert weights(admit("shop", wish, seen({"v1": 100.0}, v1="ffff", v2="rrrs"))) == {"v2": 100.0}


def test_back_to_stable_as_fast_as_it_is_ready() -> None:
    wish = world({"v1": 4}, {"v1": 100.0}, 4, 8, limited="v2", keep=("v2",))
    for ready, back in (("rsss", 25.0), ("rrrs", 75.0), ("rrrr", 100.0)):
        found = weights(admit("shop", wish, seen({"v1": 25.0, "v2": 75.0}, v1=ready, v2="rrr")))
        assert found["v1"] == back


def test_lost_instances_load_the_rest_evenly_and_expose_nobody_further() -> None:
    wish = world({"v1": 4, "v2": 1}, {"v1": 95.0, "v2": 5.0}, 4, 8, limited="v2")
    found = weights(admit("shop", wish, seen({"v1": 95.0, "v2": 5.0}, v1="rfff", v2="r")))
    assert found == {"v1": 95.0, "v2": 5.0}


def test_what_failed_its_probe_everywhere_still_serves() -> None:
    wish = world({"v1": 2}, {"v1": 100.0}, 2, 3)
    orders = admit("shop", wish, seen({"v1": 100.0}, v1="uu"))
    assert weights(orders) == {"v1": 100.0}
    assert orders.routes is not None
    assert len(orders.routes.endpoints["v1"]) == 2


def test_instances_of_which_nothing_is_known_yet_keep_serving_when_they_did_before() -> None:
    """So it looks right after a controller came back: nobody was probed yet."""
    wish = world({"v1": 2}, {"v1": 100.0}, 2, 3)
    assert weights(admit("shop", wish, seen({"v1": 100.0}, v1="ss"))) == {"v1": 100.0}
    assert weights(admit("shop", wish, seen({}, v1="ff"))) == {}


def test_a_new_instance_does_not_serve_before_it_is_ready() -> None:
    wish = world({"v1": 2}, {"v1": 100.0}, 2, 3)
    found = seen({"v1": 100.0}, v1="ss")
    assert weights(admit("shop", wish, replace(found, routes=replace(found.routes, endpoints={})))) == {}


def test_routed_instances_leave_only_when_their_weight_is_gone() -> None:
    wish = world({"v2": 4}, {"v2": 100.0}, 4, 8)
    assert admit("shop", wish, seen({"v1": 100.0}, v1="rrrr", v2="rrrr")).drain == frozenset()
    assert len(admit("shop", wish, seen({"v2": 100.0}, v1="rrrr", v2="rrrr")).drain) == 4


def test_the_total_counts_what_still_drains() -> None:
    wish = world({"v1": 3, "v2": 1}, {}, 3, 5)
    assert admit("shop", wish, seen(v1="rrrr", v2="")).instances == {"v1": 3, "v2": 1}
    assert admit("shop", wish, seen(v1="rrrdd", v2="")).instances == {"v1": 3, "v2": 0}


def test_without_surge_room_is_made_first() -> None:
    wish = world({"v1": 3, "v2": 1}, {"v1": 75.0, "v2": 25.0}, 3, 4, follow_ready=True)
    orders = admit("shop", wish, seen({"v1": 100.0}, v1="rrrr"))
    assert (len(orders.drain), orders.instances) == (1, {"v1": 3, "v2": 0})
    assert weights(orders) == {"v1": 100.0}


def test_what_serves_nobody_leaves_first() -> None:
    wish = world({"v1": 2}, {"v1": 100.0}, 2, 5)
    assert admit("shop", wish, seen({"v1": 100.0}, v1="rurs")).drain == {"v1-1", "v1-3"}


@pytest.mark.parametrize(
    ("connections", "since", "stops"),
    [(3, 990.0, False), (0, 990.0, True), (None, 990.0, False), (3, 960.0, True), (None, 960.0, True)],
)
def test_a_drained_one_stops_when_idle_or_when_its_time_is_over(
    connections: int | None, since: float, *, stops: bool
) -> None:
    wish = world({"v1": 1}, {"v1": 100.0}, 1, 2)
    found = seen({"v1": 100.0}, since=since, v1="rd")
    instances = tuple(replace(i, connections=connections) for i in found.instances)
    assert admit("shop", wish, replace(found, instances=instances)).stop == (
        frozenset({"v1-1"}) if stops else frozenset()
    )


@pytest.mark.parametrize("status", [RouteStatus.UNREACHABLE, RouteStatus.APPLIED])
def test_nothing_stops_while_the_data_plane_may_send_to_it(status: RouteStatus) -> None:
    wish = world({"v1": 1}, {"v1": 100.0}, 1, 2)
    found = seen({"v1": 100.0}, since=0.0, v1="rd")
    routes = replace(found.routes, status=status, endpoints={"v1": frozenset({"v1-0", "v1-1"})})
    assert admit("shop", wish, replace(found, routes=routes)).stop == frozenset()


def test_a_restart_replaces_one_for_one() -> None:
    wish = world({"v1": 4}, {"v1": 100.0}, 4, 5, fresh_since=900.0)
    assert admit("shop", wish, seen({"v1": 100.0}, v1="rrrr")).instances == {"v1": 5}
    fresh = seen({"v1": 100.0}, v1="rrrrr")
    instances = tuple(replace(i, started_at=950.0) if i.id == "v1-4" else i for i in fresh.instances)
    assert len(admit("shop", wish, replace(fresh, instances=instances)).drain) == 1


def test_a_restart_that_is_yet_to_come_replaces_nothing() -> None:
    """The clock was set back behind it: no instance could be new enough."""
    wish = world({"v1": 4}, {"v1": 100.0}, 3, 4, fresh_since=1500.0)
    orders = admit("shop", wish, seen({"v1": 100.0}, v1="rrrr"))
    assert (orders.drain, orders.instances) == (frozenset(), {"v1": 4})


def test_a_kept_one_is_left_alone_by_a_restart() -> None:
    wish = world({"v1": 1}, {"v1": 100.0}, 1, 9, keep=("v2",), fresh_since=600.0)
    orders = admit("shop", wish, seen({"v1": 100.0}, v1="r", v2="rr"))
    assert orders.instances["v2"] == 2
    assert not any(name.startswith("v2") for name in orders.drain)


def test_workers_have_no_table() -> None:
    wish = World(instances={"v1": 2}, weights={}, bounds=Bounds(2, 3))
    assert admit("shop", wish, seen(v1="rr")).routes is None


def test_matches_and_previews_wait_for_somebody_to_answer() -> None:
    wish = world({"v1": 1, "v2": 1}, {"v1": 100.0}, 1, 2, preview="v2", matches=(TESTERS,))
    for ready, shown in (("s", None), ("r", "v2")):
        found = seen({"v1": 100.0}, v1="r", v2=ready)
        ends = {"v1": found.routes.endpoints["v1"]}
        orders = admit("shop", wish, replace(found, routes=replace(found.routes, endpoints=ends)))
        assert orders.routes is not None
        assert orders.routes.preview == shown
        assert orders.routes.matches == (wish.matches if shown else ())


@pytest.mark.parametrize(
    ("asked", "limited", "found"),
    [
        ({"a": 1.0, "b": 1.0, "c": 1.0}, None, {"a": 33.4, "b": 33.3, "c": 33.3}),
        ({"a": 1.0, "b": 1.0, "c": 1.0}, "a", {"a": 33.3, "b": 33.4, "c": 33.3}),
        ({"a": 12.57, "b": 87.43}, "a", {"a": 12.5, "b": 87.5}),
        ({"a": 12.57, "b": 87.43}, None, {"a": 12.6, "b": 87.4}),
        ({"a": 0.04, "b": 99.96}, None, {"b": 100.0}),
        ({}, None, {}),
    ],
)
def test_rounding(asked: dict[str, float], limited: str | None, found: dict[str, float]) -> None:
    assert rounded(asked, limited) == found


def test_what_a_share_needs() -> None:
    assert needed(0.0, Bounds(10, 20)) == 0.0
    assert needed(1.0, Bounds(10, 20)) == 1.0
    assert needed(50.0, Bounds(10, 20)) == pytest.approx(5.0)
    assert needed(50.0, Bounds(10, 20, capacity_floor=0.5)) == pytest.approx(2.5)


def test_leaving_sides_give_way_to_one_of_them() -> None:
    """Two sides that are to leave and one free place: one takes what the other had, so that the other can go. One that
    was never promoted does not: nobody wrote down that more users may meet it."""
    now, ready = {"new": 75.0, "a": 20.0, "b": 5.0}, {"new": 3, "a": 1, "b": 1}
    known = Shares({"new": 100.0}, now, ready, "a", 4.0, frozenset({"new", "a", "b"}))
    assert share_out(known, follow_ready=False, atomic=False) == {"new": 75.0, "b": 25.0}
    unknown = Shares({"new": 100.0}, now, ready, "a", 4.0, frozenset({"new", "a"}))
    assert share_out(unknown, follow_ready=False, atomic=False) == now


def test_what_was_left_behind_gains_no_users_where_they_follow_the_ready_instances() -> None:
    """Invariant 1: of a candidate that was recorded with 20 % no more is exposed, however few others are ready."""
    seen, ready = {"old": 80.0, "left": 20.0}, {"old": 1, "new": 0, "left": 1}
    shares = Shares({"new": 50.0, "old": 50.0}, seen, ready, "new", 2.0, frozenset({"old", "new"}))
    assert share_out(shares, follow_ready=True, atomic=False) == seen
    alone = Shares({"new": 50.0, "old": 50.0}, seen, {"left": 1}, "new", 2.0, frozenset({"old", "new"}))
    assert share_out(alone, follow_ready=True, atomic=False) == seen


def test_what_serves_nobody_does_not_count_where_users_follow_the_ready_instances() -> None:
    """Invariant 4: two ready instances of an older version, which nobody is sent to, let no candidate leave."""
    wish = world({"v1": 3, "v3": 0}, {"v1": 100.0}, 3, 7, follow_ready=True, limited="v3")
    orders = admit("shop", wish, seen({"v1": 50.0, "v3": 50.0}, v1="rr", v3="rr", v4="rr"))
    assert sorted(name[:2] for name in orders.drain) == ["v3", "v4", "v4"]


def test_where_downtime_was_accepted_all_that_is_to_leave_goes_at_once() -> None:
    """Invariant 10: that the one goes is no reason for the other to go a turn later."""
    wish = world({"v1": 1, "v2": 0}, {"v1": 100.0}, 0, 2)
    orders = admit("shop", wish, seen({"v1": 99.8, "v2": 0.1, "v3": 0.1}, v2="r", v3="r"))
    assert orders.drain == {"v2-0", "v3-0"}
