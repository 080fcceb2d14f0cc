"""A part of the scenario files on real processes behind Envoy: the same stories, and no request fails meanwhile."""

from pathlib import Path

import pytest

from project import Project
from scenes.interpreter import run_scenario
from scenes.real import RealStage
from scenes.telling import timeless

pytestmark = [pytest.mark.real, pytest.mark.deadline(240)]

FOLDER = Path(__file__).parents[1] / "unit" / "scenarios"
PLAYED = {
    "01-first-release": (),
    "02-abort-in-a-pause-then-retry": (),
    "09-abort-with-a-router": (),
    "12-superseded-in-a-pause": (),
    "13-blue-green": (),
    "18-guard-fails": ("v2",),
    "22-header-step": (),
}
"""File: the versions that answer badly."""


@pytest.mark.parametrize("name", PLAYED)
def test_real_processes_tell_the_same_story(name: str, tmp_path: Path) -> None:
    path = FOLDER / f"{name}.txt"
    with Project(tmp_path / "shop") as project:
        stage = RealStage(project, PLAYED[name])
        found = run_scenario(path, stage)
        rollout = stage.service().current
        assert rollout is not None
        if rollout.cause is not None and rollout.cause.kind == "verdict":
            found = found.replace(rollout.cause.reason, "because")
        assert timeless(found) == timeless(path.read_text(encoding="utf-8"))
        if name != "01-first-release":
            report = project.stop_load()
            assert report.client_failures == 0, report.examples
            assert report.requests > 100
