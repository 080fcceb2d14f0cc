"""The channels by which people are told."""

from __future__ import annotations

from ferryman.api import wire
from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.model.notice import ChannelView


async def get_channels(call: Call[Nothing, Nothing]) -> tuple[ChannelView, ...]:
    """How each channel fares."""
    return call.api.controller.notifier.views()


async def post_test(call: Call[Nothing, wire.ActorRequest]) -> wire.Tested:
    """Send a test message at once."""
    channel = str(call.request.path_params["channel"])
    said = await call.api.controller.notifier.test(channel, call.actor(call.body.actor))
    return wire.Tested(channel, said)


async def post_rotate_key(call: Call[Nothing, wire.ActorRequest]) -> wire.Rotated:
    """End every approval link that was sent."""
    await call.api.controller.notifier.rotate_key(call.actor(call.body.actor))
    return wire.Rotated(rotated=True)


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/notify/channels",
        permission=Permission.READ,
        scope=Scoped.EVERYWHERE,
        handler=get_channels,
        answer=tuple[ChannelView, ...],
        query=Nothing,
        body=Nothing,
        summary="Channels, what waits for each, and how the last attempt went",
    ),
    Endpoint(
        method="POST",
        path="/v1/notify/channels/{channel}/test",
        permission=Permission.ADMINISTER,
        scope=Scoped.EVERYWHERE,
        handler=post_test,
        answer=wire.Tested,
        query=Nothing,
        body=wire.ActorRequest,
        summary="Send a test message at once",
        detail="Outside the queue, and tried once.",
        problems=(404, 503),
    ),
    Endpoint(
        method="POST",
        path="/v1/notify/rotate-key",
        permission=Permission.ADMINISTER,
        scope=Scoped.EVERYWHERE,
        handler=post_rotate_key,
        answer=wire.Rotated,
        query=Nothing,
        body=wire.ActorRequest,
        summary="Change the key that signs approval links",
        detail="Every link that was sent is good no longer.",
    ),
)
