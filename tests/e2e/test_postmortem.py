"""A release that is really taken back, and the page about it, also when no controller runs any more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from project import SERVICE, Project

pytestmark = [pytest.mark.real, pytest.mark.deadline(180)]
CANARY = "{canary: {hold: 20s, steps: [25, 100], bake: 1s, scaleDownDelay: 1s}}"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=1) as made:
        yield made


def test_from_the_incident_to_the_mark(project: Project, tmp_path: Path) -> None:
    project.carry("v1", CANARY)
    project.start_load(150.0, 8)
    rollout = project.carry("v2", CANARY, "--error-percent", "40")
    assert rollout.phase == "rolled_back"
    project.stop_load()
    code, said = project.ferry("check", SERVICE)
    assert "ferry postmortem shop-2" in said
    code, running = project.ferry("postmortem", "shop-2", "--format", "md", "--out", "-")
    assert code == 0
    project.stop_controller()
    code, alone = project.ferry("postmortem", "shop-2", "--format", "md", "--out", "-")
    assert (code, alone) == (0, running), "the log alone tells the same"
    code, said = project.ferry("postmortem", "shop-2", "--out", str(tmp_path / "reports"))
    assert code == 0
    page = (tmp_path / "reports" / "postmortem-shop-2.html").read_text()
    assert page.count("<svg") == 4
    assert "by the judge" in page
    assert project.client.health()
    code, said = project.ferry(
        "postmortem", "shop-2", "--done", "https://wiki.example/42", "--reason", "told in the round"
    )
    assert code == 0, said
    code, said = project.ferry("check", SERVICE)
    assert "shop-2: https://wiki.example/42" in said
