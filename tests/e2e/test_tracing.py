"""A rollout is one trace, also when the controller that began it is killed: read by a real receiver of OTLP over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from project import SERVICE, Project
from receivers import HttpReceiver
from support import eventually

pytest.importorskip("opentelemetry.sdk")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

pytestmark = [pytest.mark.real, pytest.mark.deadline(200)]
DUTIES = {"claim", "observe", "decide", "append", "converge"}
CANARY = "{canary: {hold: 300s, steps: [50, 100], bake: 1s, scaleDownDelay: 1s}}"


def serve(project: Project, url: str) -> subprocess.Popen[bytes]:
    """A controller that sends its spans to `url`."""
    command = [sys.executable, "-m", "ferryman", "--project", str(project.folder), "serve", "--trace"]
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with (project.folder / "serve.log").open("ab") as log:
        started = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0"], stdout=log, stderr=log, env={**os.environ, **where}
        )
    eventually(lambda: project.controller_pid == started.pid, what="the controller", seconds=60)
    return started


def spans_of(receiver: HttpReceiver) -> list[Span]:
    """All that it was sent until now."""
    told = [ExportTraceServiceRequest.FromString(request.body) for request in [*receiver.requests]]
    return [s for one in told for resource in one.resource_spans for scope in resource.scope_spans for s in scope.spans]


def rollout_of(span: Span) -> str:
    return next((a.value.string_value for a in span.attributes if a.key == "ferryman.rollout"), "")


def test_a_rollout_is_one_trace_through_the_death_of_its_controller(tmp_path: Path) -> None:
    with HttpReceiver() as receiver, Project(tmp_path / "shop", replicas=1) as project:
        controller = serve(project, receiver.url)
        project.carry("v1", "{rolling: {}}")
        rollout = str(project.deploy("v2", CANARY).rollout)
        project.until("it is exposed", lambda v: v.rollout and v.rollout.exposure_percent == 50)
        eventually(lambda: rollout in map(rollout_of, spans_of(receiver)), what="spans of the first controller")
        before = len(spans_of(receiver))
        controller.kill()
        controller.wait(10)
        project.forget()
        controller = serve(project, receiver.url)
        project.client.verb(SERVICE, "promote", actor="test", full=True)
        assert project.ended(rollout).phase == "promoted"
        eventually(lambda: f"rollout {rollout}" in {s.name for s in spans_of(receiver)}, what="the root span")
        project.close()
        controller.wait(20)
        spans = spans_of(receiver)
        assert len(spans) > before
    named = {s.span_id: s for s in spans}
    roots = {rollout_of(s): s for s in spans if s.name.startswith("rollout ")}
    assert len(roots) == 2, "one for each rollout"
    assert [s for s in spans if not s.parent_span_id] == list(roots.values())
    root = roots[rollout]
    assert {s.trace_id for s in spans if rollout_of(s) == rollout} == {root.trace_id}
    turns = [s for s in spans if s.name == "turn" and rollout_of(s) == rollout]
    assert len(turns) > 5
    assert {s.parent_span_id for s in turns} == {root.span_id}
    assert root.start_time_unix_nano <= min(s.start_time_unix_nano for s in turns)
    duties = [s for s in spans if s.name in DUTIES and s.trace_id == root.trace_id]
    assert {s.name for s in duties} == DUTIES
    assert {named[s.parent_span_id].name for s in duties if s.parent_span_id in named} == {"turn"}
