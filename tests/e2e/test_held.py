"""What keeps a real release from going on: people who must agree, a freeze, a closed window, a hold; and what lets it go."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ferryman.api.access.principal import Role
from ferryman.api.access.wire import TokenRequest
from ferryman.cli.client import Client
from ferryman.cli.remote import Remote
from ferryman.model.errors import FerrymanError, Refused
from project import SERVICE, Project, door

pytestmark = [pytest.mark.real, pytest.mark.deadline(180)]
# Nothing is judged here: what the judge waits for, on a busy machine, would be another matter.
CANARY = "{canary: {steps: [{weight: 25, hold: 500ms, analysis: false}, 100], bake: 0s, scaleDownDelay: 500ms}}"
HELD = "{blueGreen: {autoPromote: false, bake: 0s, scaleDownDelay: 500ms}}"
WORKER = "service: mail\nrun: {command: [sleep, '600'], stopTimeout: 1s}\nreplicas: 1\nhealth: {minReady: 100ms}\nstrategy: rolling\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=1) as made:
        yield made


def held(project: Project, kind: str) -> None:
    """Wait until the release waits for that."""
    project.until(f"held by {kind}", lambda v: v.rollout is not None and v.rollout.pause_kind == kind)


def seen_by(project: Project, version: str) -> bool:
    """Whether the client met that version."""
    return version in project.since(None).versions


def test_two_people_agree_or_one_refuses(project: Project) -> None:
    port = door()
    (project.folder / "ferry.yaml").write_text(f"listen: 127.0.0.1:{port}\n")

    def person(name: str, role: Role) -> Client:
        made = project.client.create_token(TokenRequest(name, role))
        return Client(Remote(f"http://127.0.0.1:{port}", made.token, ""))

    project.carry("v1", CANARY)
    project.start_load(100.0, 4)
    with person("ana", Role.OPERATOR) as ana, person("ben", Role.ADMIN) as ben, person("vic", Role.VIEWER) as vic:
        two = {"approvals": {"promotion": {"count": 2, "role": "operator"}}}
        rollout = project.deploy("v2", CANARY, **two).rollout
        held(project, "approval")
        with pytest.raises(FerrymanError) as forbidden:
            vic.approve(SERVICE, actor="boss")
        assert forbidden.value.code == "forbidden"
        assert ana.approve(SERVICE, actor="somebody else", reason="looks good").text == "approved 1/2"
        assert not ana.approve(SERVICE, actor="ben").changed, "nobody counts twice, whatever name is sent"
        with pytest.raises(Refused) as refused:
            ana.verb(SERVICE, "promote", actor="ana")
        assert (refused.value.code, "approved 1/2" in refused.value.message) == ("approval_needed", True)
        view = project.view()
        assert view.rollout is not None
        assert view.rollout.exposure_percent == 25
        assert ben.approve(SERVICE, actor="ben").text == "approved 2/2"
        assert project.ended(rollout).phase == "promoted"
        given = [e.actor for e in project.client.events(SERVICE, rollout=rollout).events if e.kind == "approved"]
        assert given == ["ana", "ben"]

        # Over the socket one user of the machine is one person, under whatever name; and the author is not asked.
        others = {"approvals": {"start": {"authorCounts": False}}}
        rollout = project.deploy("v3", CANARY, **others).rollout
        held(project, "approval")
        for name in ("ana", "ben", "test"):
            with pytest.raises(Refused) as refused:
                project.client.approve(SERVICE, actor=name)
            assert refused.value.code == "own_release"
        assert "v2 takes 100%" in ana.deny(SERVICE, actor="ana", reason="not today").text
        ended = project.ended(rollout)
        assert (ended.phase, ended.cause_kind) == ("rolled_back", "denied")
        assert "not today" in (ended.cause_reason or "")
    assert not seen_by(project, "v3")
    report = project.stop_load()
    assert report.client_failures == 0, report.examples
    assert project.view().serving == "v2"


def test_a_freeze_of_everything_holds_and_lets_go(project: Project) -> None:
    project.carry("v1", CANARY)
    mail = project.client.deploy(WORKER, "mail.yaml", actor="test")
    project.start_load(100.0, 4)
    code, said = project.ferry("freeze", "--all")
    assert (code, said) == (2, ""), "a freeze needs a reason"
    code, said = project.ferry("--json", "freeze", "--all", "--reason", "christmas")
    assert code == 0
    assert {answer["service"] for answer in json.loads(said)} == {SERVICE, mail.service}
    assert all(view.freeze is not None and view.freeze.reason == "christmas" for view in project.client.views())
    (project.folder / "ferryman.yaml").write_text(project.document("v2", CANARY))
    code, said = project.ferry("deploy", "--no-wait")
    assert (code, "is held before '25%': frozen by" in said) == (0, True), said
    rollout = f"{SERVICE}-2"
    held(project, "freeze")
    with pytest.raises(Refused) as refused:
        project.client.verb(SERVICE, "promote", actor="test")
    assert (refused.value.code, "christmas" in refused.value.message) == ("frozen", True)
    assert not seen_by(project, "v2"), "no user meets it"
    assert project.ferry("unfreeze", "--all")[0] == 0
    assert project.ended(rollout).phase == "promoted"

    # The next one ends by itself, and holds nothing that goes back.
    assert project.ferry("freeze", SERVICE, "--until", "3s", "--reason", "a moment")[0] == 0
    assert project.ended(project.client.undo(SERVICE, actor="test").rollout).phase == "promoted"
    rollout = project.deploy("v3", CANARY).rollout
    assert project.ended(rollout).phase == "promoted"
    kinds = [e.kind for e in project.client.events(SERVICE).events]
    assert kinds.count("unfrozen") == 2
    report = project.stop_load()
    assert report.client_failures == 0, report.examples


def test_a_closed_window_waits_and_an_emergency_does_not(project: Project) -> None:
    project.carry("v1", CANARY)
    # Open for an hour on the day after tomorrow: shut now, also if it is midnight while the test runs.
    day = datetime.now(UTC) + timedelta(days=2)
    windows = {"open": [{"days": [f"{day:%a}".lower()], "from": "09:00", "to": "10:00"}]}
    answer = project.deploy("v2", CANARY, windows=windows)
    rollout = answer.rollout
    assert answer.held.startswith("before '25%': "), answer
    held(project, "window")
    view = project.view().rollout
    assert view is not None
    assert view.until is not None
    assert view.until == answer.held_until
    opens = datetime.fromtimestamp(view.until, UTC)
    assert (opens.weekday(), opens.hour, opens.minute) == (day.weekday(), 9, 0)
    assert f"{opens:%Y-%m-%d} 09:00 UTC" in view.waiting_for
    with pytest.raises(Refused, match="outside the release window") as refused:
        project.client.verb(SERVICE, "promote", actor="test")
    assert refused.value.code == "window_closed"
    code, said = project.ferry("promote", SERVICE, "--emergency")
    assert (code, said) == (2, ""), "an emergency needs a reason"
    code, said = project.ferry("promote", SERVICE, "--emergency", "--reason", "the tills are down")
    assert code == 0
    assert "as an emergency" in said
    ended = project.ended(rollout)
    assert (ended.phase, ended.emergency) == ("promoted", True)
    code, said = project.ferry("audit", SERVICE)
    assert "the tills are down" in said

    (project.folder / "ferryman.yaml").write_text(project.document("v3", CANARY, windows=windows))
    code, said = project.ferry("deploy", "--emergency", "--reason", "and again")
    assert (code, project.view().serving) == (0, "v3"), said


def test_held_at_a_step_and_let_go(project: Project) -> None:
    project.carry("v1", HELD)
    project.start_load(100.0, 4)
    rollout = project.deploy("v2", HELD).rollout
    held(project, "human")
    assert not seen_by(project, "v2")
    code, said = project.ferry("promote", SERVICE, "--reason", "green is good")
    assert code == 0, said
    assert project.ended(rollout).phase == "promoted"

    rollout = project.deploy("v3", "{canary: {hold: 60s, steps: [25, 100], bake: 0s, scaleDownDelay: 500ms}}").rollout
    project.until("v3 is met", lambda v: v.rollout and v.rollout.exposure_percent == 25 and v.rollout.reached_at)
    code, said = project.ferry("pause", SERVICE, "--reason", "lunch")
    assert (code, "paused at 25%" in said) == (0, True)
    code, said = project.ferry("status", SERVICE)
    assert "lunch" in said
    assert project.ferry("resume", SERVICE)[0] == 0
    assert project.ferry("promote", SERVICE, "--full")[0] == 0
    assert project.ended(rollout).phase == "promoted"
    report = project.stop_load()
    assert report.client_failures == 0, report.examples
    assert project.view().serving == "v3"
