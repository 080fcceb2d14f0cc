"""The spans of rollouts. Imported only where OpenTelemetry is installed, and only when somebody wants them.

One trace for each rollout, its turns in it, and in each turn its duties. A rollout may last longer than the controller that
began it: the ids of its trace and of its root span follow from the rollout, so that a later controller goes on with the
same trace. The root span itself is sent when the rollout has ended; one that was retried has a root for each attempt. Turns
in which nothing is carried anywhere are not traced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from ferryman.engine.telemetry import TURN
from ferryman.model.rollout import Rollout, Service

NANOSECONDS = 1_000_000_000


def start_spans(name: str) -> tuple[RolloutSpans, Callable[[], None]]:
    """The spans of a controller that is called `name`, and what sends the last of them."""
    ids = _Ids()
    provider = TracerProvider(resource=Resource.create({"service.name": name}), id_generator=ids)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return RolloutSpans(provider.get_tracer("ferryman.loop"), ids), provider.shutdown


class _Ids(RandomIdGenerator):
    """Random ids, but for the root that is being made."""

    def __init__(self) -> None:
        self.root: trace.SpanContext | None = None

    def generate_trace_id(self) -> int:
        return self.root.trace_id if self.root is not None else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return self.root.span_id if self.root is not None else super().generate_span_id()


class RolloutSpans:
    """`hold` is a `Tracer`. To be used from one thread."""

    def __init__(self, tracer: trace.Tracer, ids: _Ids) -> None:
        self._tracer = tracer
        self._ids = ids
        self._running: dict[str, Rollout] = {}

    def hold(self, name: str, service: Service) -> AbstractContextManager[object]:
        """A span for a turn of a running rollout, or for a duty within one."""
        if name != TURN:
            within = trace.get_current_span().get_span_context().is_valid
            return self._tracer.start_as_current_span(name) if within else nullcontext()
        rollout = self._running_of(service)
        if rollout is None:
            return nullcontext()
        above = trace.set_span_in_context(trace.NonRecordingSpan(root_of(rollout)), Context())
        return self._tracer.start_as_current_span(TURN, above, attributes=_about(service, rollout))

    def _running_of(self, service: Service) -> Rollout | None:
        """What is carried now; the root of what was carried before is sent if that is another one."""
        now = service.current if service.current is not None and not service.current.phase.terminal else None
        before = self._running.pop(service.name, None)
        if before is not None and (now is None or root_of(now) != root_of(before)):
            self._send_root(service, before)
        if now is not None:
            self._running[service.name] = now
        return now

    def _send_root(self, service: Service, rollout: Rollout) -> None:
        """From when the attempt was asked for to its end, which `service` tells unless it has a newer rollout by now."""
        last = service.current if service.current is not None and service.current.id == rollout.id else rollout
        began = (rollout.attempt_at if rollout.attempt > 1 else None) or rollout.created_at
        ended = last.ended_at or service.at
        about = {**_about(service, rollout), "ferryman.outcome": last.phase.value, "ferryman.reason": last.reason}
        self._ids.root = root_of(rollout)
        try:
            span = self._tracer.start_span(
                f"rollout {rollout.id}", Context(), attributes=about, start_time=int(began * NANOSECONDS)
            )
        finally:
            self._ids.root = None
        span.end(int(max(began, ended) * NANOSECONDS))


def root_of(rollout: Rollout) -> trace.SpanContext:
    """The ids of a rollout's trace and of the root span of its present attempt."""
    born = hashlib.sha256(f"{rollout.id} {rollout.created_at!r}".encode()).digest()
    attempt = hashlib.sha256(born + b"%d" % rollout.attempt).digest()
    # An id of zeroes would be none at all.
    trace_id, span_id = int.from_bytes(born[:16], "big") or 1, int.from_bytes(attempt[:8], "big") or 1
    return trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))


def _about(service: Service, rollout: Rollout) -> dict[str, str | int]:
    return {
        "ferryman.service": service.name,
        "ferryman.rollout": rollout.id,
        "ferryman.attempt": rollout.attempt,
        "ferryman.label": service.label(rollout.candidate),
    }
