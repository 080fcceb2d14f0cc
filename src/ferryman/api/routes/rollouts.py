"""Single rollouts."""

from __future__ import annotations

from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, service_of_rollout
from ferryman.model.view import RolloutDetail


async def get_rollout(call: Call[Nothing, Nothing]) -> RolloutDetail:
    """Its content and its plan."""
    return await call.api.controller.rollout(service_of_rollout(call.rollout), call.rollout)


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
)
