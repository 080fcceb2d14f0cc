"""Stories that once broke a promise, as short as they could be made: none of them may do so again."""

from pathlib import Path

import pytest

from ferryman.sim.deeds import read_story
from ferryman.sim.drawing import draw_story
from ferryman.sim.shrink import broken_number, shrink
from ferryman.sim.simulation import Simulation
from sim.mutants import MUTANTS

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.story"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_it_stays_mended(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# "), "a story begins with what went wrong"
    assert not Simulation(read_story(text)).run().violations


def test_there_are_stories() -> None:
    assert len(CORPUS) >= 5


def test_a_failing_story_becomes_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a safeguard taken away, the story that shows it is cut down and shows it still."""
    fence = next(mutant for mutant in MUTANTS if mutant.name == "the_data_plane_takes_any_generation")
    fence.patch(monkeypatch)
    story = next(story for story in map(draw_story, range(fence.seeds)) if broken_number(story) in fence.breaks)
    short = shrink(story)
    assert broken_number(short) == broken_number(story)
    assert len(short.deeds) <= max(4, len(story.deeds) // 2)


def test_a_story_without_fault_stays_as_it_is() -> None:
    story = draw_story(1)
    assert shrink(story) == story
