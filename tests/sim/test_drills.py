"""Drills in drawn stories, and under faults of their own: nothing that a drill does outlives it."""

import logging

import pytest

from ferryman.model.event import RolloutCreated, RolloutEnded, StepEntered
from ferryman.model.plan import Phase
from ferryman.sim.deeds import Ask, Deed, Deploy, Kill, Story
from ferryman.sim.drawing import DRILLS, draw_story
from ferryman.sim.points import POINTS
from ferryman.sim.shapes import Shape
from ferryman.sim.simulation import Simulation


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="ferryman")


def drilled(simulation: Simulation) -> set[str]:
    events = simulation.world.log.events
    return {e.rollout for e in events if isinstance(e.body, RolloutCreated) and e.body.kind == "drill"}


def test_drawn_stories_hold_drills_that_run() -> None:
    """Some of them get as far as traffic, and all of them leave the promoted versions as they are."""
    ran, exposed = 0, 0
    for seed in range(60):
        story = draw_story(seed)
        if not any(isinstance(deed, Ask) and deed.verb in DRILLS for deed in story.deeds):
            continue
        simulation = Simulation(story)
        assert not simulation.run().violations, seed
        names = drilled(simulation)
        ran += len(names)
        for event in simulation.world.log.events:
            if event.rollout in names and isinstance(event.body, StepEntered):
                exposed += 0 < event.body.exposure_percent <= 50
            if event.rollout in names and isinstance(event.body, RolloutEnded):
                assert event.body.outcome is not Phase.PROMOTED
    assert ran > 3
    assert exposed > 0


@pytest.mark.parametrize("point", [point.name for point in POINTS])
def test_a_controller_dies_in_the_middle_of_a_drill(point: str) -> None:
    """At any of its duties: the next one ends the drill, or the drill ends there; nothing is left."""
    deeds: list[Deed] = [Deploy(0.5, Shape("v1")), Deploy(10.0, Shape("v2", weights=(50.0,), judged=False, hold=1.0))]
    deeds += [Ask(35.0, "drill 20%"), Kill(36.0, point), Kill(39.0, point)]
    simulation = Simulation(Story(seed=7, deeds=tuple(deeds), controllers=2, fault_seconds=50.0))
    outcome = simulation.run()
    assert not outcome.violations
    assert len(drilled(simulation)) == 1
    service = simulation.world.log.snapshot
    assert service.promoted == ("v1", "v2")
    assert service.current is not None
    assert (service.current.kind, service.current.phase) == ("drill", Phase.ROLLED_BACK)
    assert not service.rejected
