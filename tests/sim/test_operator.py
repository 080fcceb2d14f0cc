"""A person who does anything at any time, against any fault: Invariant 13 above all, and all others with it."""

from __future__ import annotations

import logging

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ferryman.sim.deeds import Crash, Deploy, Freeze, Kill, Outage, PlaneRestart, Refuse, Spoil, Story, Waver
from ferryman.sim.drawing import NATURES, QUALITIES
from ferryman.sim.points import POINTS, Fate
from ferryman.sim.shapes import Shape
from ferryman.sim.simulation import Simulation

VERBS = (
    "promote",
    "promote --full",
    "pause",
    "resume",
    "abort",
    "retry",
    "undo",
    "restart",
    "drill",
    "drill 20%",
    "down",
)
LABELS = ("v1", "v2", "v3")
SECONDS = st.floats(0.1, 12.0).map(lambda seconds: round(seconds, 2))
SIDES = st.sampled_from(("stable", "candidate"))
SHAPES = st.builds(
    Shape,
    label=st.sampled_from(LABELS),
    strategy=st.sampled_from(("canary", "canary", "blue-green", "rolling")),
    replicas=st.integers(1, 5),
    weights=st.sampled_from(((10.0, 50.0), (33.3,), (25.0, 75.0))),
    judged=st.booleans(),
    hold=st.sampled_from((0.0, 2.0)),
    pause=st.sampled_from((0, 0, 1)),
    routed=st.sampled_from((True, True, False)),
    dynamic=st.booleans(),
    nature=st.sampled_from(NATURES),
    quality=st.sampled_from(QUALITIES),
)


class Operator(RuleBasedStateMachine):
    """Two controllers; what fails is ended at the end of the story, and then everything must come to an end."""

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        logging.getLogger("ferryman").setLevel(logging.CRITICAL)
        self.run = Simulation(Story(seed=seed, deeds=(), controllers=2, lease_seconds=4.0))
        self.run.do(Deploy(0.0, Shape("v1")))
        self.run.run_to(5.0)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.run.run_to(self.run.world.elapsed + seconds)

    @rule(shape=SHAPES)
    def deploys(self, shape: Shape) -> None:
        self.run.deploy(shape)

    @rule(verb=st.sampled_from(VERBS), controller=st.sampled_from((None, None, 0, 1)))
    def asks(self, verb: str, controller: int | None) -> None:
        self.run.ask(verb, controller)

    @rule(point=st.sampled_from(["", *(point.name for point in POINTS)]), down=SECONDS)
    def kills(self, point: str, down: float) -> None:
        self.run.do(Kill(0.0, point, down=down))

    @rule(point=st.sampled_from(["", *(point.name for point in POINTS)]), seconds=SECONDS)
    def freezes(self, point: str, seconds: float) -> None:
        self.run.do(Freeze(0.0, seconds, point))

    @rule(point=st.sampled_from(("route", "order", "remove")), fate=st.sampled_from(list(Fate)))
    def spoils(self, point: str, fate: Fate) -> None:
        self.run.do(Spoil(0.0, point, fate))

    @rule(fate=st.sampled_from((Fate.LOST, Fate.UNTOLD)))
    def spoils_the_log(self, fate: Fate) -> None:
        self.run.do(Spoil(0.0, "append", fate))

    @rule(part=st.sampled_from(("log", "fleet", "plane", "metrics")), seconds=SECONDS)
    def cuts_off(self, part: str, seconds: float) -> None:
        self.run.do(Outage(0.0, part, seconds))

    @rule(seconds=SECONDS)
    def refuses_tables(self, seconds: float) -> None:
        self.run.do(Refuse(0.0, seconds))

    @rule(seconds=SECONDS)
    def restarts_the_data_plane(self, seconds: float) -> None:
        self.run.do(PlaneRestart(0.0, seconds))

    @rule(side=SIDES, count=st.integers(1, 4))
    def instances_die(self, side: str, count: int) -> None:
        self.run.do(Crash(0.0, side, count))

    @rule(side=SIDES, seconds=SECONDS)
    def instances_waver(self, side: str, seconds: float) -> None:
        self.run.do(Waver(0.0, side, seconds))

    @invariant()
    def every_promise_holds(self) -> None:
        if hasattr(self, "run"):
            assert not self.run.found, str(self.run.found.all[0])

    def teardown(self) -> None:
        if not hasattr(self, "run") or self.run.found:
            return
        self.run.end()
        assert not self.run.found, str(self.run.found.all[0])


TestOperator = Operator.TestCase
TestOperator.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
