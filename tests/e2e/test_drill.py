"""The way back rehearsed on real processes behind a real Envoy, with a client at the door that must never notice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.model.errors import Refused
from project import SERVICE, Project

pytestmark = [pytest.mark.real, pytest.mark.deadline(180)]
SMOKE = "{blueGreen: {bake: 1s, scaleDownDelay: 1s, checksBefore: [{name: smoke, http: /healthz}]}}"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=2) as made:
        yield made


def test_a_drill_costs_no_request_and_leaves_nothing(project: Project) -> None:
    project.carry("v1", SMOKE)
    code, said = project.ferry("drill")
    assert code == 0, said
    assert "Drill passed: v1 ready in" in said
    assert "a second copy" in said
    project.carry("v2", SMOKE)
    project.start_load(200.0, 8)
    project.snapshot()
    code, said = project.ferry("drill", "--traffic", "20%", "--hold", "3s", "--reason", "game day")
    assert code == 0, said
    assert "Drill passed: v1 ready in" in said
    assert "traffic back in" in said
    report = project.stop_load()
    assert report.client_failures == 0, report.examples
    assert report.versions["v1"].requests > 0
    view = project.view()
    assert (view.serving, view.healthy) == ("v2", True)
    assert {i.label for i in view.instances if i.state == "ready"} == {"v2"}
    newest = project.client.history(SERVICE)[0]
    assert (newest.kind, newest.outcome, newest.cause_kind) == ("drill", "rolled_back", "drill")
    assert newest.rollback_seconds is not None
    assert newest.ready_seconds is not None
    assert project.ended(project.client.undo(SERVICE, actor="test").rollout).phase == "promoted"
    assert project.view().serving == "v1"


def test_a_drill_that_cannot_pass_and_one_that_is_given_up(project: Project) -> None:
    broken = "{blueGreen: {bake: 1s, scaleDownDelay: 1s, checksAfter: [{name: gate, command: [sh, -c, 'test ! -e broken']}]}}"
    project.carry("v1", broken)
    project.carry("v2", SMOKE)
    (project.folder / "broken").write_text("x")
    code, said = project.ferry("drill")
    assert code == 1
    assert "Drill failed: v1" in said
    (project.folder / "broken").unlink()
    project.client.drill(SERVICE, actor="test", traffic_percent=10.0, hold_seconds=60.0)
    project.until("users meet it", lambda v: v.rollout and v.rollout.exposure_percent == 10 and v.rollout.reached_at)
    with pytest.raises(Refused) as refused:
        project.client.verb(SERVICE, "promote", actor="test")
    assert refused.value.code == "no_candidate"
    with pytest.raises(Refused) as refused:
        project.client.drill(SERVICE, actor="test")
    assert refused.value.code == "busy"
    assert project.carry("v3", SMOKE).phase == "promoted"
    assert [s.outcome for s in project.client.history(SERVICE)][:2] == ["promoted", "superseded"]
