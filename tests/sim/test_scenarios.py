"""The scenario files in the simulated world: the real loop, its coroutines and its log tell the same stories.

Times are another matter there, so what is compared is everything else: answers, events and their order, what is ready
and who is served. At no time fewer are ready than the file tells of; every invariant is watched besides.
"""

from pathlib import Path

import pytest

from scenes.interpreter import run_scenario
from scenes.simulated import SimulatedStage
from scenes.telling import bounds, timeless

FOLDER = Path(__file__).parents[1] / "unit" / "scenarios"
FILES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_real_loop_tells_the_same_story(path: Path) -> None:
    golden = path.read_text(encoding="utf-8")
    found = run_scenario(path, SimulatedStage())
    assert timeless(found) == timeless(golden)
    assert bounds(found)[0] >= bounds(golden)[0]
