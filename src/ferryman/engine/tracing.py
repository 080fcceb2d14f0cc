"""Traces of rollouts for OpenTelemetry: one trace for each rollout (`ferryman.engine.rollout_spans`).

Only with the extra `otel`, and only when asked for. Where spans go is said by the variables of OpenTelemetry itself,
`OTEL_EXPORTER_OTLP_ENDPOINT` first (OTLP over HTTP).
"""

from __future__ import annotations

from collections.abc import Callable

from ferryman.engine.telemetry import Tracer
from ferryman.model.errors import UsageError

SERVICE_NAME = "ferryman"


def start_tracing() -> tuple[Tracer, Callable[[], None]]:
    """The tracer for `Telemetry.tracer`, and what sends the last spans and ends it. Raises `UsageError`
    (``extra_missing``)."""
    try:
        from ferryman.engine.rollout_spans import start_spans  # noqa: PLC0415 -- imports what only the extra brings
    except ImportError:
        raise UsageError(
            "extra_missing", "traces need the extra `otel`, which is not installed", "pip install 'ferryman[otel]'"
        ) from None
    spans, stop = start_spans(SERVICE_NAME)
    return spans.hold, stop
