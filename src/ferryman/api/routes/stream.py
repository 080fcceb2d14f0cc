"""The stream of server-sent events."""

from __future__ import annotations

from ferryman.api import wire
from ferryman.api.access.principal import EVERY_SERVICE, Permission, Principal
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.api.stream.messages import MEDIA_TYPE
from ferryman.api.stream.response import EventStream
from ferryman.api.stream.subscriber import Services, StillAllowed
from ferryman.model.errors import FerrymanError, UsageError

NAMES_MAX = 100
UNCHECKED = frozenset({"socket"})
"""Ways of being known that do not end. Loopback does: with the first token nobody is let in unasked any more."""


async def get_stream(call: Call[wire.StreamQuery, Nothing]) -> EventStream:
    """Follow services."""
    services = await _services(call)
    checked = None if call.principal.via in UNCHECKED else _still_allowed(call, services)
    subscriber = await call.api.hub.join(services, checked)
    return EventStream(call.api.hub, subscriber, _last_seen(call))


async def _services(call: Call[wire.StreamQuery, Nothing]) -> Services:
    """Those asked for, all of which must exist and be readable; else all that are readable."""
    if call.query.service is None:
        if call.may(Permission.READ, EVERY_SERVICE):
            return None
        return frozenset(name for name in call.principal.roles if call.may(Permission.READ, name))
    names = frozenset(call.query.service.split(","))
    if len(names) > NAMES_MAX:
        raise UsageError("bad_request", f"{len(names)} services are named, at most {NAMES_MAX} can be", "follow all")
    for name in sorted(names):
        call.require(Permission.READ, name)
        await call.api.controller.view(name)
    return names


def _still_allowed(call: Call[wire.StreamQuery, Nothing], services: Services) -> StillAllowed:
    async def check() -> bool:
        try:
            principal = await call.api.authenticate(call.request)
        except FerrymanError:
            return False
        return _may_read(principal, services)

    return check


def _may_read(principal: Principal, services: Services) -> bool:
    wanted = services if services is not None else {EVERY_SERVICE}
    return all(principal.may(Permission.READ, name) for name in wanted)


def _last_seen(call: Call[wire.StreamQuery, Nothing]) -> int | None:
    """The position that a returning client names; a browser sends back what it got, anything else is not ours."""
    given = call.request.headers.get("last-event-id", "")
    if given.isascii() and given.isdigit() and len(given) <= 16:
        return int(given)
    return call.query.last_event_id


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/stream",
        permission=Permission.READ,
        scope=Scoped.SOMEWHERE,
        handler=get_stream,
        answer=str,
        query=wire.StreamQuery,
        body=Nothing,
        media=MEDIA_TYPE,
        summary="Server-sent events of some or all services, live",
        detail=(
            "`event: snapshot` (`{position, services, left_off}`) when the stream begins and after a client fell behind, "
            "`event: event` (an `EventView`, its position as id), `event: view` (a `ServiceView` that changed, at most one "
            "a second of each service), and for who follows all `event: flags` (`{version, rows, gone, whole}`: rows of "
            "`GET /v1/flags` that changed). A comment every 15 s. With `Last-Event-ID` what was missed comes first."
        ),
    ),
)
