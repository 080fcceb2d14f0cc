"""Each scenario file tells a story of one service: what is given, what is done, and what then comes of it, event by
event. Renew what comes out with `pytest --rewrite`, and read the difference."""

from pathlib import Path

import pytest

from scenes.interpreter import run_scenario
from scenes.pure import PureStage
from unit.golden import Golden

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario(path: Path, golden: Golden) -> None:
    golden(path, run_scenario(path, PureStage()))


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 25


def test_every_scenario_says_what_comes_of_it() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert text.count("\nwhen\n") == text.count("\nthen\n") > 0, path.name
