"""kill -9 under load: of the controller in mid-canary, of Envoy, of instances. Nobody is to notice."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from project import ROLLING, SERVICE, Project
from support import eventually

pytestmark = [pytest.mark.real, pytest.mark.deadline(180)]
STEPS = "{canary: {hold: 3s, steps: [25, 50, 100], bake: 1s, scaleDownDelay: 1s}}"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=2) as made:
        yield made


def exposed(project: Project) -> None:
    project.until(
        "the first step is served", lambda v: v.rollout and v.rollout.exposure_percent == 25 and v.rollout.reached_at
    )


def test_a_killed_controller_comes_back_adopts_and_finishes(project: Project) -> None:
    project.carry("v1", ROLLING)
    project.start_load(200.0, 8)
    rollout = project.deploy("v2", STEPS).rollout
    exposed(project)
    kept = {p.pid for p in project.processes()} - {project.controller_pid}
    project.kill_controller()
    time.sleep(1.0)
    began = time.monotonic()
    view = project.until("the next controller answers", lambda v: v.rollout and v.rollout.id == rollout)
    assert time.monotonic() - began < 10
    assert view.rollout is not None
    assert view.rollout.phase in ("progressing", "analysing", "promoting")
    assert kept <= {p.pid for p in project.processes()}, "instances and Envoy were adopted, not started again"
    assert project.ended(rollout).phase == "promoted"
    report = project.stop_load()
    assert report.client_failures == 0, report.examples
    assert project.client.verify(SERVICE) > 10


def test_a_killed_envoy_is_back_with_the_config_it_had(project: Project) -> None:
    project.carry("v1", ROLLING)
    project.start_load(100.0, 4)
    rollout = project.deploy("v2", "{canary: {hold: 8s, steps: [25, 100], bake: 1s, scaleDownDelay: 1s}}").rollout
    exposed(project)
    old = project.envoy_pid
    os.kill(old, signal.SIGKILL)
    began = time.monotonic()
    eventually(lambda: socket.create_connection(("127.0.0.1", project.port), 1), what="the door is open again")
    assert time.monotonic() - began < 5
    project.until("the weights are as they were", lambda v: v.healthy and any(s.weight_seen == 25 for s in v.sides), 10)
    time.sleep(2.0)  # the client's report lags by its own interval, and more on a busy machine
    before = project.snapshot()
    assert project.since(before).client_failures == 0, "after it is back nothing fails"
    assert project.ended(rollout).phase == "promoted"


def test_killed_instances_are_replaced(project: Project) -> None:
    project.carry("v1", ROLLING, health={"interval": "100ms"})
    first = {i.id for i in project.view().instances}
    victim = next(p for p in project.processes() if "ferryman.demo.shop" in p.cmdline())
    victim.send_signal(signal.SIGKILL)
    view = project.until(
        "two instances are ready again",
        lambda v: (
            sum(i.state == "ready" for i in v.instances) == 2
            and {i.id for i in v.instances if i.state == "ready"} != first
        ),
        20,
    )
    assert view.healthy
    assert any(i.state == "failed" for i in view.instances), "the dead one is shown with its reason"
