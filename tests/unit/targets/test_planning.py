"""From orders to actions, and how long a crashing revision waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ferryman.model.errors import AdapterError
from ferryman.model.seen import Instance, InstanceState
from ferryman.model.world import Orders
from ferryman.targets.backoff import CrashLoop
from ferryman.targets.planning import AVAILABLE_STATES, Planned, plan_actions

REVISIONS = ("r1", "r2")
instances = st.lists(
    st.builds(
        lambda number, revision, state: Instance(f"i{number}", revision, state, 0.0, 0.0),
        st.integers(0, 30),
        st.sampled_from(REVISIONS),
        st.sampled_from(InstanceState),
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)
ids = st.frozensets(st.integers(0, 30).map(lambda number: f"i{number}"), max_size=6)
orders = st.builds(
    lambda counts, drain, stop: Orders(counts, drain, stop, None),
    st.dictionaries(st.sampled_from(REVISIONS), st.integers(0, 6)),
    ids,
    ids,
)


def plan(
    seen: list[Instance], asked: Orders, stopping: frozenset[str] = frozenset(), allowed_at: float = 0.0
) -> Planned:
    return plan_actions(seen, stopping, asked, REVISIONS, lambda _: allowed_at, 100.0)


@given(instances, orders, ids)
def test_it_does_what_is_asked_and_nothing_else(seen: list[Instance], asked: Orders, stopping: frozenset[str]) -> None:
    planned = plan(seen, asked, stopping)
    assert set(planned.drain) <= asked.drain
    assert set(planned.stop) <= asked.stop - stopping
    leaving = asked.drain | asked.stop
    for revision in REVISIONS:
        staying = [one for one in seen if one.revision == revision and one.state in AVAILABLE_STATES]
        have = sum(one.id not in leaving for one in staying)
        assert planned.start.count(revision) == max(0, asked.instances.get(revision, 0) - have)


@given(instances, orders)
def test_what_was_carried_out_is_not_planned_again(seen: list[Instance], asked: Orders) -> None:
    first = plan(seen, asked)
    drained = set(first.drain) | set(first.stop)
    after = [
        Instance(one.id, one.revision, InstanceState.DRAINING if one.id in drained else one.state, 0.0, 0.0)
        for one in seen
    ]
    after += [Instance(f"new{i}", rev, InstanceState.STARTING, 0.0, 0.0) for i, rev in enumerate(first.start)]
    assert plan(after, asked, frozenset(first.stop)) == Planned()


def test_starts_that_back_off_are_left_out_and_say_when() -> None:
    asked = Orders({"r1": 2}, frozenset(), frozenset(), None)
    assert plan([], asked, allowed_at=103.5) == Planned(wake_at=103.5)
    assert plan([], asked, allowed_at=100.0) == Planned(start=("r1", "r1"))


def test_what_came_meanwhile_takes_the_room_of_what_was_to_start() -> None:
    """Invariant 3: an earlier order that arrived late has begun an instance that these orders do not know of."""
    unknown = Instance("i1", "r1", InstanceState.STARTING, 0.0, 0.0)
    asked = Orders({"r1": 0, "r2": 2}, frozenset(), frozenset(), None, max_total=2)
    assert plan([unknown], asked) == Planned(start=("r2",))
    assert plan([unknown, replace(unknown, id="i2")], asked) == Planned()


def test_what_was_lost_meanwhile_puts_off_what_was_to_leave() -> None:
    """Invariant 3: ready instances of before are needed when another one is gone or leaves already."""
    crew = [Instance(f"i{n}", "r1", InstanceState.READY, 0.0, 0.0) for n in range(3)]
    waits = Instance("i9", "r1", InstanceState.STARTING, 0.0, 0.0)
    asked = Orders({"r1": 1}, frozenset({"i1", "i2", "i9"}), frozenset(), None, min_available=2)
    assert plan([*crew, waits], asked) == Planned(drain=("i1", "i9"))
    assert plan([*crew[1:], waits], asked) == Planned(drain=("i9",), start=("r1",))


def test_a_revision_without_content_is_an_error_only_if_it_must_be_started() -> None:
    here = Instance("i1", "r9", InstanceState.READY, 0.0, 0.0)
    asked = Orders({"r9": 1}, frozenset(), frozenset(), None)
    assert plan([here], asked) == Planned()
    with pytest.raises(AdapterError, match=r"1 instance.* of revision r9") as caught:
        plan([], asked)
    assert caught.value.code == "unknown_revision"


def fail_rounds(loop: CrashLoop, count: int, ready_seconds: float = 0.0) -> list[float]:
    """Start as soon as allowed and fail half a second later, `count` times; returns the delays."""
    now, delays = 1000.0, list[float]()
    for _ in range(count):
        loop.failed(started_at=now, ended_at=now + 0.5, ready_seconds=ready_seconds)
        delays.append(loop.not_before(now + 0.5) - now - 0.5)
        now = loop.not_before(now + 0.5)
    return delays


def test_delays_double_up_to_a_minute() -> None:
    assert fail_rounds(CrashLoop(), 9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_instances_that_fail_together_are_one_crash() -> None:
    loop = CrashLoop()
    for place in range(4):
        loop.failed(started_at=1000.0, ended_at=1001.0 + place / 10, ready_seconds=0.0)
    assert loop.rounds == 1
    assert loop.not_before(1001.5) == pytest.approx(1002.3)


def test_a_long_healthy_run_or_a_long_silence_begins_again() -> None:
    assert fail_rounds(CrashLoop(), 4, ready_seconds=300.0) == [1, 1, 1, 1]
    loop = CrashLoop()
    fail_rounds(loop, 5)
    loop.failed(started_at=5000.0, ended_at=5001.0, ready_seconds=2.0)
    assert loop.not_before(5001.0) == 5002.0


def test_a_clock_that_was_set_back_never_delays_for_longer_than_the_maximum() -> None:
    loop = CrashLoop()
    loop.failed(started_at=9000.0, ended_at=9001.0, ready_seconds=0.0)
    assert loop.not_before(1000.0) == 1060.0
