"""The stream on one connection: a plain ASGI answer that writes as long as the client stays.

It also listens: only `receive` tells that a client left, and without that a subscriber would stay for ever.
"""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from ferryman.api.stream.hub import PAGE, Hub
from ferryman.api.stream.messages import MEDIA_TYPE, events_message
from ferryman.api.stream.subscriber import Subscriber

REPLAY_MAX = 5000
"""A client that missed more events than this starts over with a snapshot."""

HEADERS = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """What the stream endpoint answers with. `last_seen` is the position that a returning client has seen, or None."""

    def __init__(self, hub: Hub, subscriber: Subscriber, last_seen: int | None) -> None:
        self._hub = hub
        self._subscriber = subscriber
        self._last_seen = last_seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(self._until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            if scope["method"] != "HEAD":
                await self._write(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._hub.leave(self._subscriber)
            watching.cancel()

    async def _write(self, send: Send) -> None:
        subscriber = self._subscriber
        await self._replay(send)
        await _write_piece(send, await self._hub.snapshot(subscriber.services, subscriber.position))
        while not subscriber.closed:
            if subscriber.lagging:
                subscriber.restart(self._hub.position)
                piece = await self._hub.snapshot(subscriber.services, subscriber.position)
            else:
                piece = await subscriber.take()
            if piece:
                await _write_piece(send, piece)

    async def _replay(self, send: Send) -> None:
        """What a returning client missed, up to where it joined. What happened since waits for it already."""
        after = self._last_seen
        until = self._subscriber.position
        if after is None or not until - REPLAY_MAX <= after < until:
            return
        while after < until and not self._subscriber.closed:
            page = await self._hub.since(self._subscriber.services, after, until)
            wanted = [event for event in page if self._subscriber.follows(event.service)]
            if wanted:
                await _write_piece(send, events_message(wanted))
            after = page[-1].position if len(page) == PAGE else until

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._subscriber.close()


async def _write_piece(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})
