"""Every deliberate fault is found within its number of stories: the invariants have teeth."""

import logging

import pytest

from ferryman.sim.drawing import draw_story
from ferryman.sim.simulation import Simulation
from sim.mutants import MUTANTS, Mutant

SEEDS_MAX = 200


def hunt(mutant: Mutant) -> tuple[int, str, int] | None:
    """(seed, what was broken, its number) of the first story that shows the fault; None when none does. A fault that
    only makes the loop stumble (a mutant that no longer fits the code) shows nothing."""
    for seed in range(mutant.seeds):
        for violation in Simulation(draw_story(seed)).run().violations:
            if violation.number in mutant.breaks and "internal error" not in violation.text:
                return seed, str(violation), violation.number
    return None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_no_mutant_lives(mutant: Mutant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="ferryman")
    mutant.patch(monkeypatch)
    assert hunt(mutant) is not None, f"{mutant.name} lives through {mutant.seeds} stories"


def test_there_are_enough_of_them() -> None:
    assert len(MUTANTS) >= 15
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(mutant.seeds <= SEEDS_MAX for mutant in MUTANTS)
