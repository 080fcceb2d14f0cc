"""Traces of rollouts for OpenTelemetry: each duty of a loop is a span, named by its service and rollout.

Only with the extra `otel`, and only when asked for. Where spans go is said by the variables of OpenTelemetry itself,
`OTEL_EXPORTER_OTLP_ENDPOINT` first (OTLP over HTTP).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from ferryman.engine.telemetry import Tracer
from ferryman.model.errors import UsageError

SERVICE_NAME = "ferryman"


def start_tracing() -> tuple[Tracer, Callable[[], None]]:
    """The tracer for `Telemetry.tracer`, and what sends the last spans and ends it. Raises `UsageError`
    (``extra_missing``)."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise UsageError(
            "extra_missing", "traces need the extra `otel`, which is not installed", "pip install 'ferryman[otel]'"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE_NAME}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    spans = provider.get_tracer("ferryman.loop")

    def duty(name: str, service: str, rollout: str) -> AbstractContextManager[object]:
        attributes = {"ferryman.service": service, "ferryman.rollout": rollout}
        return spans.start_as_current_span(f"{name} {service}", attributes=attributes)

    return duty, provider.shutdown
