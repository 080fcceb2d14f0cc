"""Circuit breakers: what always holds of them, whatever a metric does. Invariant 16."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.flags.breaker import BreakerState, Step, Watch, begun, rule_of, step, what_of
from ferryman.flags.definition import Breaker

BREAKER = Breaker("error_percent", above=5.0, for_seconds=30.0, recover_seconds=300.0)
Readings = list[tuple[float, float | None]]


@dataclass
class Story:
    """A flag that is watched, second after second."""

    breaker: Breaker = BREAKER
    now: float = 1000.0
    watch: Watch = field(default_factory=Watch)
    tripped_since: float | None = None
    deeds: list[tuple[str, float, str]] = field(default_factory=list[tuple[str, float, str]])

    def see(self, value: float | None, seconds: float = 1.0) -> Step:
        """Time passes, then this is read."""
        self.now += seconds
        taken = step(self.watch, self.breaker, self.tripped_since, value, self.now)
        self.watch = taken.watch
        if taken.deed:
            self.deeds.append((taken.deed, self.now, taken.reason))
            self.tripped_since = self.now if taken.deed == "trip" else None
        return taken

    def hold(self, value: float | None, seconds: int) -> None:
        """The same value for so long."""
        for _ in range(seconds):
            self.see(value)

    @property
    def state(self) -> BreakerState:
        return self.watch.state(self.tripped_since)


def test_it_trips_when_it_was_above_for_long_enough_and_says_why() -> None:
    story = Story()
    story.hold(12.3456, 30)
    assert story.deeds == []
    story.see(12.3456)
    assert [(deed, reason) for deed, _, reason in story.deeds] == [
        ("trip", "error_percent is 12.35, above 5 for 30 s"),
    ]
    assert story.state is BreakerState.OPEN


@pytest.mark.parametrize("gap", [5.0, 0.0, None])
def test_a_break_begins_the_time_anew(gap: float | None) -> None:
    story = Story()
    for _ in range(5):
        story.hold(6.0, 30)
        story.see(gap)
    assert story.deeds == []


def test_it_is_tried_again_and_closes_when_all_is_well() -> None:
    story = Story()
    story.hold(6.0, 31)
    story.hold(None, 299)
    assert [deed for deed, _, _ in story.deeds] == ["trip"]
    story.see(None)
    assert story.deeds[-1][::2] == ("recover", "tried again after 300 s")
    assert story.state is BreakerState.HALF_OPEN
    story.hold(None, 1000)
    assert story.state is BreakerState.HALF_OPEN, "no data closes nothing"
    story.hold(1.0, 31)
    assert story.state is BreakerState.CLOSED
    story.hold(6.0, 30)
    assert len(story.deeds) == 2, "closed, it is patient again"


def test_half_open_one_breach_is_enough() -> None:
    story = Story()
    story.hold(6.0, 31)
    story.hold(6.0, 300)
    story.hold(1.0, 20)
    story.see(6.0)
    assert [deed for deed, _, _ in story.deeds] == ["trip", "recover", "trip"]
    assert story.deeds[-1][2] == "error_percent is 6, above 5, when it was tried again"


def test_a_controller_that_starts_anew_goes_on() -> None:
    assert begun(BREAKER, None, 1000.0) == Watch()
    assert begun(BREAKER, 980.0, 1000.0) == Watch(half_open_since=980.0)
    assert begun(BREAKER, 960.0, 1000.0) == Watch()
    # Tripped: what stands in the journal is enough.
    story = Story(tripped_since=800.0)
    story.hold(99.0, 99)
    assert story.deeds == []
    story.see(99.0)
    assert [deed for deed, _, _ in story.deeds] == ["recover"]


def test_words() -> None:
    query = Breaker("", 5.0, 30.0, 300.0, query="sum(\n  up\n)")
    assert what_of(query) == "sum( up )"
    assert rule_of(query) == "trips above 5 for 30 s, tries again after 300 s"


READINGS = st.lists(
    st.tuples(st.floats(0.1, 20.0), st.one_of(st.none(), st.sampled_from([0.0, 5.0, 5.1, 90.0]))), max_size=80
)
BREAKERS = st.builds(
    Breaker, st.just("error_percent"), st.just(5.0), st.sampled_from([0.0, 3.0, 30.0]), st.sampled_from([10.0, 60.0])
)


@given(BREAKERS, READINGS)
def test_what_always_holds(breaker: Breaker, readings: Readings) -> None:
    story = Story(breaker)
    half_open, above_since = False, None
    for seconds, value in readings:
        before = story.tripped_since
        taken = story.see(value, seconds)
        breach = value is not None and value > breaker.above
        if before is not None:
            assert taken.deed in {"", "recover"}, "tripped, it cannot trip"
            assert (taken.deed == "recover") == (story.now - before >= breaker.recover_seconds)
            half_open, above_since = taken.deed == "recover", None
            continue
        above_since = (story.now if above_since is None else above_since) if breach else None
        patience = breach and above_since is not None and story.now - above_since >= breaker.for_seconds
        assert (taken.deed == "trip") == (breach and (half_open or patience)), "never without a breach, and never late"
        assert taken.deed in {"", "trip"}
        half_open = half_open and taken.deed == "" and story.state is BreakerState.HALF_OPEN


@given(BREAKERS, st.integers(0, 200))
def test_no_data_never_trips(breaker: Breaker, looks: int) -> None:
    for begin in (Watch(), Watch(half_open_since=1000.0), Watch(above_since=0.0)):
        story = Story(breaker, watch=begin)
        story.hold(None, looks)
        assert story.deeds == []
