"""Single rollouts: what they were about, and what the judge saw."""

from __future__ import annotations

from ferryman.api import wire
from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, service_of_rollout
from ferryman.model.view import MeasurementSeries, RolloutDetail


async def get_rollout(call: Call[Nothing, Nothing]) -> RolloutDetail:
    """Its content and its plan."""
    return await call.api.controller.rollout(service_of_rollout(call.rollout), call.rollout)


async def get_measurements(call: Call[wire.MeasurementsQuery, Nothing]) -> MeasurementSeries:
    """Columns for charts."""
    service = service_of_rollout(call.rollout)
    return await call.api.controller.measurements(service, call.rollout, call.query.points)


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/rollouts/{rollout}",
        permission=Permission.READ,
        handler=get_rollout,
        answer=RolloutDetail,
        query=Nothing,
        body=Nothing,
        summary="What a rollout was about: its revision and its plan",
        detail="Secrets are names only.",
    ),
    Endpoint(
        method="GET",
        path="/v1/rollouts/{rollout}/measurements",
        permission=Permission.READ,
        handler=get_measurements,
        answer=MeasurementSeries,
        query=wire.MeasurementsQuery,
        body=Nothing,
        summary="What the judge saw and said over time, in columns for charts",
        detail="Kept for the last 20 judged rollouts of a service; empty for older ones.",
    ),
)
