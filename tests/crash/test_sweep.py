"""At every appended event, and between append and converge: kill -9, restart, and the same end as without it."""

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crash.sweep import Ask, Sweep, sweep
from ferryman.cli.client import Client
from ferryman.model.view import ServiceView
from project import ROLLING, SERVICE, Project

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(600)]

CANARY = "{canary: {hold: 1s, steps: [{weight: 25, analysis: false}, {weight: 50, analysis: false}, 100], bake: 1s, scaleDownDelay: 1s}}"
HELD = "{canary: {steps: [{weight: 25}, {pause: {}}, 100], bake: 1s, scaleDownDelay: 1s}}"
BLUE_GREEN = "{blueGreen: {checksBefore: [{name: smoke, http: /checkout}], bake: 1s, scaleDownDelay: 1s}}"
DECISION_SECONDS = 2.0
BUSY = 3.0  # for the slowest of them: the disk and Envoy are shared with other tests too
When = Callable[[ServiceView | None], bool]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=2) as made:
        yield made


def at_once(view: ServiceView | None) -> bool:
    return view is not None


def held(view: ServiceView | None) -> bool:
    return view is not None and view.rollout is not None and view.rollout.pause_kind == "human"


def deploying(project: Project, version: str, strategy: str) -> Ask:
    document = project.document(version, strategy, analysis={"enabled": False})
    return lambda client: client.deploy(document, "ferryman.yaml", actor="test")


def aborting(client: Client) -> object:
    return client.verb(SERVICE, "abort", actor="test")


def undoing(client: Client) -> object:
    return client.undo(SERVICE, actor="test")


def drilling(client: Client) -> object:
    return client.drill(SERVICE, actor="test")


def sound(
    found: Sweep, *, outcome: str, serving: str, starts: dict[str, int], deaths: int = 4, downtime: bool = False
) -> None:
    assert found.outcome == outcome
    assert found.serving == serving
    assert found.report is not None
    assert found.report.client_failures == 0 or downtime, found.report.examples
    assert dict(found.starts) == starts, "no instance was started twice or left out"
    assert dict(found.live) == {serving: 2}
    assert found.deaths >= deaths
    assert found.events > found.deaths
    assert len(found.decision_seconds) >= found.deaths
    assert statistics.median(found.decision_seconds) < DECISION_SECONDS, found.decision_seconds
    assert max(found.decision_seconds) < DECISION_SECONDS * BUSY, found.decision_seconds


@pytest.mark.parametrize("mode", ["append", "converge"])
@pytest.mark.parametrize(("name", "strategy"), [("canary", CANARY), ("blue-green", BLUE_GREEN), ("rolling", ROLLING)])
def test_a_release(project: Project, mode: str, name: str, strategy: str) -> None:
    project.carry("v1", ROLLING)
    found = sweep(project, mode, [(at_once, deploying(project, "v2", strategy))])
    sound(found, outcome="promoted", serving="v2", starts={"v1": 2, "v2": 2})


@pytest.mark.parametrize("mode", ["append", "converge"])
def test_an_abort(project: Project, mode: str) -> None:
    project.carry("v1", ROLLING)
    found = sweep(project, mode, [(at_once, deploying(project, "v2", HELD)), (held, aborting)])
    sound(found, outcome="rolled_back", serving="v1", starts={"v1": 2, "v2": 1})


@pytest.mark.parametrize("mode", ["append", "converge"])
def test_an_undo(project: Project, mode: str) -> None:
    project.carry("v1", ROLLING)
    project.carry("v2", ROLLING)
    found = sweep(project, mode, [(at_once, undoing)])
    sound(found, outcome="promoted", serving="v1", starts={"v1": 4, "v2": 2})


@pytest.mark.parametrize("mode", ["append", "converge"])
def test_a_supersede(project: Project, mode: str) -> None:
    project.carry("v1", ROLLING)
    asks = [(at_once, deploying(project, "v2", HELD)), (held, deploying(project, "v3", ROLLING))]
    found = sweep(project, mode, asks)
    sound(found, outcome="promoted", serving="v3", starts={"v1": 2, "v2": 1, "v3": 2})


@pytest.mark.parametrize("mode", ["append", "converge"])
def test_a_drill(project: Project, mode: str) -> None:
    project.carry("v1", ROLLING)
    project.carry("v2", ROLLING)
    found = sweep(project, mode, [(at_once, drilling)])
    sound(found, outcome="rolled_back", serving="v2", starts={"v1": 3, "v2": 2}, deaths=3)


@pytest.mark.parametrize("mode", ["append", "converge"])
def test_a_recreate(project: Project, mode: str) -> None:
    """Downtime is accepted there; all else holds."""
    project.carry("v1", ROLLING)
    found = sweep(project, mode, [(at_once, deploying(project, "v2", "{recreate: i-accept-downtime}"))])
    sound(found, outcome="promoted", serving="v2", starts={"v1": 2, "v2": 2}, deaths=2, downtime=True)
