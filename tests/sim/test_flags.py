"""A flag under every fault. Invariant 1, Invariant 2, Invariant 6, Invariant 9, Invariant 11 and Invariant 13 for users whom
no router shares out."""

import logging

import pytest

from ferryman.model.event import Paused
from ferryman.sim.deeds import Ask, Deed, Deploy, Freeze, Kill, Override, Story
from ferryman.sim.drawing import draw_story
from ferryman.sim.drawing_flags import draw_flag_story, of_a_flag
from ferryman.sim.flagboard import NOBODY
from ferryman.sim.points import FLAG_POINTS
from ferryman.sim.shapes import Shape
from ferryman.sim.simulation import Simulation

SEEDS = 120
SLICE = 20
GROWS = Shape("v1", strategy="flag", people=1, weights=(10.0, 50.0), judged=False, bake=0.0)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="ferryman")


def played(*deeds: Deed, controllers: int = 2) -> Simulation:
    story = Story(seed=7, deeds=(Deploy(0.5, GROWS), *deeds), controllers=controllers, fault_seconds=40.0)
    simulation = Simulation(story)
    assert not simulation.run().violations
    return simulation


@pytest.mark.parametrize("first", range(0, SEEDS, SLICE))
def test_no_promise_is_broken(first: int) -> None:
    broken = [
        f"flag seed {seed}: {violation}"
        for seed in range(first, first + SLICE)
        for violation in Simulation(draw_flag_story(seed)).run().violations
    ]
    assert not broken, "\n".join(broken)


def test_some_seeds_are_of_flags_and_all_others_of_code() -> None:
    for seed in range(80):
        shapes = [deed.shape for deed in draw_story(seed).deeds if isinstance(deed, Deploy)]
        assert {shape.of_flag for shape in shapes} == {of_a_flag(seed)}


def test_the_stories_are_about_something() -> None:
    """Rollouts end in every way, are killed and tripped on the way, and flags change hands."""
    ends, pauses, entries = set[str](), set[str](), set[str]()
    for seed in range(40):
        simulation = Simulation(draw_flag_story(seed), keep_lines=True)
        ends |= set(simulation.run().ended.values())
        events = simulation.world.log.events
        pauses |= {event.body.kind for event in events if isinstance(event.body, Paused)}
        entries |= {line.split()[1] for line in simulation.kernel.lines}
    assert ends >= {"promoted", "rolled_back"}
    assert pauses >= {"killed", "tripped", "freeze", "window"}
    assert "flag_fenced" in entries


@pytest.mark.parametrize("point", [point.name for point in FLAG_POINTS])
def test_a_controller_dies_at_any_of_its_duties(point: str) -> None:
    simulation = played(Kill(2.0, point), Kill(5.0, point))
    assert simulation.world.flags.share.exposure_percent == 100.0


@pytest.mark.parametrize("seconds", [6.0, 9.0, 14.0])
def test_a_late_writer_lets_nobody_in(seconds: float) -> None:
    """It stands still just before its write; meanwhile the rollout is taken back by another controller."""
    simulation = played(Freeze(0.4, seconds, "flag"), Ask(8.0, "abort"))
    assert simulation.world.flags.share == NOBODY


def test_a_kill_that_nobody_takes_back_is_ended_by_a_person() -> None:
    simulation = played(Override(4.0, "kill"))
    assert simulation.world.flags.served_percent() == 0.0
    assert simulation.world.flags.share == NOBODY
