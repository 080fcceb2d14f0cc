"""The controller itself."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ferryman.api import wire
from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped


async def get_health(call: Call[Nothing, Nothing]) -> wire.HealthView:
    """Who answers."""
    return call.api.health


async def get_openapi(_: Call[Nothing, Nothing]) -> Response:
    """The description of this very API."""
    from ferryman.api.openapi import openapi_document  # noqa: PLC0415 -- it is made from the table that this row is in

    return Response(openapi_document(), media_type="application/json")


async def post_shutdown(call: Call[Nothing, Nothing]) -> wire.HealthView:
    """End it after the answer."""
    call.api.on_shutdown()
    return call.api.health


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/health",
        permission=Permission.READ,
        scope=Scoped.SOMEWHERE,
        handler=get_health,
        answer=wire.HealthView,
        query=Nothing,
        body=Nothing,
        summary="Who answers",
    ),
    Endpoint(
        method="GET",
        path="/v1/openapi.json",
        permission=None,
        scope=Scoped.EVERYWHERE,
        handler=get_openapi,
        answer=dict[str, Any],
        query=Nothing,
        body=Nothing,
        summary="This API as OpenAPI 3.1",
    ),
    Endpoint(
        method="POST",
        path="/v1/shutdown",
        permission=Permission.ADMINISTER,
        scope=Scoped.EVERYWHERE,
        handler=post_shutdown,
        answer=wire.HealthView,
        query=Nothing,
        body=Nothing,
        summary="End the router and the controller",
        detail="Take services down first. Ends the controller after the answer.",
    ),
)
