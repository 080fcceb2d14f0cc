"""The event log in pages, with a long poll."""

from __future__ import annotations

import asyncio

from ferryman.api import wire
from ferryman.api.access.principal import Permission
from ferryman.api.context import Api
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped


async def get_events(call: Call[wire.EventsQuery, Nothing]) -> wire.EventsPage:
    """Events after a position, awaited if asked for."""
    query, api = call.query, call.api
    if query.service is not None:
        call.require(Permission.READ, query.service)
    if query.before is not None:
        return await _before(call, query.before)
    deadline = asyncio.get_running_loop().time() + query.wait_seconds
    seen = newest = query.after
    while True:
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        # The position is read before the events: what comes between the two is not skipped by the next call.
        newest = max(newest, await _wait(api, seen, left))
        page = await _page(call, newest)
        if page.events or left <= 0 or api.stopping.is_set():
            return page
        seen = newest


async def _before(call: Call[wire.EventsQuery, Nothing], before: int) -> wire.EventsPage:
    """The last that the caller may see, before a position."""
    query, controller = call.query, call.api.controller
    newest = await controller.wait(query.after, 0.0)
    while True:
        found = await controller.events(
            query.service, after=query.after, before=before, limit=query.limit, rollout=query.rollout
        )
        shown = tuple(event for event in found if call.may(Permission.READ, event.service))
        if shown or not found:
            return wire.EventsPage(shown, found[-1].position if found else newest)
        before = found[0].position


async def _page(call: Call[wire.EventsQuery, Nothing], newest: int) -> wire.EventsPage:
    query = call.query
    found = await call.api.controller.events(query.service, after=query.after, limit=query.limit, rollout=query.rollout)
    position = found[-1].position if found else newest
    return wire.EventsPage(tuple(e for e in found if call.may(Permission.READ, e.service)), position)


async def _wait(api: Api, after: int, seconds: float) -> int:
    """The newest position, awaited no longer than until the server stops."""
    waiting = asyncio.ensure_future(api.controller.wait(after, seconds))
    stopped = asyncio.ensure_future(api.stopping.wait())
    try:
        await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else after
    finally:
        waiting.cancel()
        stopped.cancel()


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/events",
        permission=Permission.READ,
        scope=Scoped.SOMEWHERE,
        handler=get_events,
        answer=wire.EventsPage,
        query=wire.EventsQuery,
        body=Nothing,
        summary="Events after a position, or before one",
        detail="Ask again with the `position` of the answer. An answer may hold fewer than `limit` and yet not be the last.",
    ),
)
