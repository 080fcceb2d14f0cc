"""The checklist of a real service: shown with what was seen, required by a release, asked at a step."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.model.checklist import Stand
from ferryman.model.errors import Refused
from project import SERVICE, Project

pytestmark = [pytest.mark.real, pytest.mark.deadline(180)]
QUICK = "{canary: {hold: 2s, steps: [25, 100], bake: 1s, scaleDownDelay: 1s}}"
ASKED = "{canary: {steps: [{check: {checklist: rollback_drilled}}, {weight: 25, hold: 1s, analysis: false}], bake: 1s}}"
OF_BEFORE = {"checklist": {"require": ["rollback_drilled", "monitoring_answers"]}}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=2) as made:
        yield made


def test_a_release_can_require_what_the_checklist_shows(project: Project) -> None:
    project.carry("v1", QUICK)
    project.start_load(100.0, 4)
    stands = {i.id: i.stand for i in project.client.checklist(SERVICE).items}
    assert stands["rollback_drilled"] is Stand.WARN
    assert stands["triggers_configured"] is Stand.PASS
    with pytest.raises(Refused) as refused:
        project.deploy("v2", QUICK, **OF_BEFORE)
    assert (refused.value.code, "rollback_drilled" in refused.value.message) == ("checklist", True)
    assert "ferry drill" in refused.value.hint
    assert project.carry("v2", ASKED).phase == "rolled_back"
    code, said = project.ferry("drill")
    assert code == 0, said
    assert project.carry("v3", QUICK, **OF_BEFORE).phase == "promoted"
    code, said = project.ferry("check", SERVICE)
    assert code == 0, said
    assert "[x] Monitoring answers?  v3: " in said
    assert "never since v3 serves" in said
    code, said = project.ferry("check", "--json", SERVICE)
    assert '"rollback_tested"' in said
