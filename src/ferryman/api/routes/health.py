"""Whether the controller lives, whether it can work, and its figures: for those who watch over it."""

from __future__ import annotations

from starlette.responses import Response

from ferryman.api import wire
from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.api.requests import answer

METRICS_TYPE = "text/plain"


async def get_healthz(_: Call[Nothing, Nothing]) -> wire.Alive:
    """This very answer is the proof."""
    return wire.Alive(alive=True)


async def get_readyz(call: Call[Nothing, Nothing]) -> Response:
    """The details are for those who may read; whoever probes is told yes or no."""
    found = await call.api.controller.vitals.readiness()
    status = 200 if found.ready else 503
    if not call.principal.roles:
        return answer(wire.Ready(found.ready), status)
    controller = call.api.controller
    warnings = (*controller.notifier.trouble(), *controller.flags.troubles())
    return answer(wire.Ready(found.ready, found.problems, warnings), status)


async def get_metrics(call: Call[Nothing, Nothing]) -> Response:
    """In the text format of Prometheus."""
    api, controller = call.api, call.api.controller
    from ferryman.api.metrics import MEDIA_TYPE, metrics_text  # noqa: PLC0415 -- its library takes a while to load

    text = metrics_text(controller.vitals, api.hub.counts, controller.notifier, api.books)
    return Response(text, media_type=MEDIA_TYPE)


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/healthz",
        permission=None,
        scope=Scoped.EVERYWHERE,
        handler=get_healthz,
        answer=wire.Alive,
        query=Nothing,
        body=Nothing,
        summary="The process lives and answers",
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        permission=None,
        scope=Scoped.EVERYWHERE,
        handler=get_readyz,
        answer=wire.Ready,
        query=Nothing,
        body=Nothing,
        summary="The store takes writes, every loop turns, the router answers",
        detail="503 when not. What is wrong is told to callers who are known; channels in trouble, and what the store does not do for flags, are `warnings`.",
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        permission=Permission.READ,
        scope=Scoped.EVERYWHERE,
        handler=get_metrics,
        answer=str,
        query=Nothing,
        body=Nothing,
        media=METRICS_TYPE,
        summary="Figures of the controller itself for Prometheus",
        detail=(
            "Lag of turns, decisions, events, failed turns by duty and adapter, rollouts by phase, queues, leases, "
            "connections, clients of the stream and what slow ones did not get, notices by channel."
        ),
    ),
)
