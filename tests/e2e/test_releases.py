"""Releases on real processes behind a real Envoy, with a client at the door that must never meet a failure."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.model.errors import Refused
from project import BLUE_GREEN, CANARY, ROLLING, SERVICE, Project

pytestmark = [pytest.mark.real, pytest.mark.deadline(180)]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=2) as made:
        yield made


def test_good_releases_of_every_strategy_cost_no_request(project: Project) -> None:
    assert project.carry("v1").phase == "promoted"
    project.start_load(200.0, 8)
    for version, strategy in (("v2", CANARY), ("v3", BLUE_GREEN), ("v4", ROLLING)):
        assert project.carry(version, strategy).phase == "promoted", version
        assert project.view().serving == version
    assert project.ended(project.client.undo(SERVICE, actor="test").rollout).phase == "promoted"
    assert project.view().serving == "v3"
    report = project.stop_load()
    assert report.client_failures == 0, report.examples
    assert {"v1", "v2", "v3", "v4"} <= set(report.versions)
    assert project.client.verify(SERVICE) > 30


def test_a_broken_canary_is_taken_back_by_the_judge(project: Project) -> None:
    project.carry("v1")
    project.start_load(200.0, 8)
    project.snapshot()
    rollout = project.carry("v2", CANARY, "--error-percent", "40")
    assert rollout.phase == "rolled_back"
    assert rollout.cause_kind == "verdict"
    assert rollout.rollback_seconds is not None
    assert rollout.rollback_seconds < 2.0
    view = project.view()
    assert view.serving == "v1"
    assert view.healthy
    report = project.stop_load()
    assert report.client_failures == 0, report.examples
    assert report.versions["v2"].app_errors > 0
    assert report.versions["v2"].requests < 0.2 * report.requests
    with pytest.raises(Refused, match="was taken back"):
        project.deploy("v2", CANARY, "--error-percent", "40")


def test_a_newer_release_supersedes_a_running_one(project: Project) -> None:
    project.carry("v1")
    project.start_load(200.0, 8)
    first = project.deploy("v2", "{canary: {hold: 60s, steps: [50, 100]}}")
    project.until("v2 is exposed", lambda v: v.rollout and v.rollout.exposure_percent == 50 and v.rollout.reached_at)
    second = project.deploy("v3", ROLLING)
    assert "supersedes v2" in second.text
    assert project.ended(second.rollout).phase == "promoted"
    outcomes = {s.id: s.outcome for s in project.client.history(SERVICE)}
    assert outcomes[str(first.rollout)] == "superseded"
    report = project.stop_load()
    assert report.client_failures == 0, report.examples


def test_pause_promote_abort_and_their_refusals(project: Project) -> None:
    project.carry("v1")
    client = project.client
    with pytest.raises(Refused) as refused:
        client.verb(SERVICE, "abort", actor="test")
    assert refused.value.code == "not_running"
    assert "deploy" in refused.value.legal
    with pytest.raises(Refused) as refused:
        client.undo(SERVICE, actor="test", to="v0")
    assert refused.value.code == "not_promoted"
    answer = project.deploy("v2", "{canary: {steps: [{weight: 25}, {pause: {}}, 100], bake: 1s, scaleDownDelay: 1s}}")
    project.until("it waits for a person", lambda v: v.rollout and v.rollout.pause_kind == "human")
    client.verb(SERVICE, "promote", actor="ana", reason="looks good")
    assert project.ended(answer.rollout).phase == "promoted"
    answer = project.deploy("v3", "{canary: {hold: 60s, steps: [25, 100]}}")
    project.until("v3 is exposed", lambda v: v.rollout and v.rollout.exposure_percent == 25 and v.rollout.reached_at)
    assert "paused at 25%" in client.verb(SERVICE, "pause", actor="ana").text
    client.verb(SERVICE, "resume", actor="ana")
    client.verb(SERVICE, "abort", actor="ana", reason="second thoughts")
    ended = project.ended(answer.rollout)
    assert ended.phase == "rolled_back"
    assert ended.cause_reason == "second thoughts"
    who = {e.actor for e in client.events(SERVICE).events if e.kind in ("skipped", "paused", "resumed", "back_ordered")}
    assert "ana" in who


def test_checks_before_the_switch_keep_a_bad_green_away_from_users(project: Project) -> None:
    project.carry("v1")
    project.start_load(100.0, 4)
    strategy = "{blueGreen: {checksBefore: [{name: smoke, http: /checkout}], bake: 1s, scaleDownDelay: 1s}}"
    rollout = project.carry("v2", strategy, "--error-percent", "100")
    assert rollout.phase == "rolled_back"
    assert rollout.cause_kind == "check"
    report = project.stop_load()
    assert report.client_failures == 0
    assert "v2" not in report.versions
    assert project.carry("v3", strategy).phase == "promoted"


def test_replicas_grow_and_shrink_under_load(project: Project) -> None:
    project.carry("v1", ROLLING)
    project.start_load(200.0, 8)
    assert project.carry("v1", ROLLING, replicas=4).phase == "promoted"
    assert project.carry("v2", ROLLING, replicas=3).phase == "promoted"
    sides = {s.label: s for s in project.view().sides}
    assert sides["v2"].ready == 3
    report = project.stop_load()
    assert report.client_failures == 0, report.examples
