"""A release that is really taken back, and the page about it: from the controller, from afar, and from the log alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.api.access.principal import Role
from ferryman.api.access.wire import TokenRequest
from ferryman.engine.audit import Question
from project import SERVICE, Project, door

pytestmark = [pytest.mark.real, pytest.mark.deadline(180)]
CANARY = "{canary: {hold: 20s, steps: [25, 100], bake: 1s, scaleDownDelay: 1s}}"
WIKI = "https://wiki.example/42"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=1) as made:
        yield made


def test_from_the_incident_to_the_mark(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = door()
    (project.folder / "ferry.yaml").write_text(f"listen: 127.0.0.1:{port}\n")
    project.carry("v1", "rolling")
    project.start_load(150.0, 8)
    rollout = project.carry("v2", CANARY, "--error-percent", "40")
    assert rollout.phase == "rolled_back"
    assert rollout.incident is not None
    assert rollout.incident.postmortem == ""
    project.stop_load()
    code, running = project.ferry("postmortem", "shop-2", "--out", "-")
    assert code == 0
    assert running.startswith("# "), "Markdown, to read in the terminal"
    ben, vic = (
        project.client.create_token(TokenRequest(n, r)) for n, r in (("ben", Role.OPERATOR), ("vic", Role.VIEWER))
    )
    project.stop_controller()
    code, alone = project.ferry("postmortem", "shop-2", "--out", "-")
    assert (code, alone) == (0, running), "the log alone tells the same"
    assert project.ferry("postmortem", "shop-2", "--out", str(tmp_path / "reports"))[0] == 0
    page = (tmp_path / "reports" / "postmortem-shop-2.html").read_text()
    assert page.count("<svg") == 4
    assert "by the judge" in page
    assert (tmp_path / "reports" / "postmortem-shop-2.md").read_text() == running
    assert project.client.health()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    there = ("--project", str(elsewhere), "--url", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("FERRY_TOKEN", vic.token)
    code, said = project.ferry(*there, "check", SERVICE)
    assert "ferry postmortem shop-2" in said
    code, said = project.ferry(*there, "postmortem", "shop-2", "--out", str(elsewhere / "report.md"))
    assert (code, (elsewhere / "report.md").read_text()) == (0, running)
    assert [path.name for path in elsewhere.iterdir()] == ["report.md"]
    assert project.ferry(*there, "postmortem", "shop-2", "--done", WIKI)[0] == 2, "a viewer only looks"
    monkeypatch.setenv("FERRY_TOKEN", ben.token)
    code, said = project.ferry(*there, "postmortem", "shop-2", "--done", WIKI, "--reason", "told in the round")
    assert code == 0, said
    code, said = project.ferry(*there, "check", SERVICE)
    assert f"shop-2: {WIKI}" in said
    (elsewhere / "next.yaml").write_text(project.document("v3", CANARY))
    code, said = project.ferry(*there, "check", str(elsewhere / "next.yaml"))
    assert f"shop-2: {WIKI}" in said, "also for a release file that lies here"
    deeds = [
        line for line in project.client.audit(Question(service=SERVICE)).lines if line.kind == "postmortem_written"
    ]
    assert [(d.actor, d.reason) for d in deeds] == [("ben", "told in the round")]
    seen = project.view().rollout
    assert seen is not None
    assert seen.incident is not None
    assert seen.incident.postmortem == WIKI
