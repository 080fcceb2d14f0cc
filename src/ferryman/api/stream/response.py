"""The stream on one connection: an ASGI answer that begins it, and then lets the hub write for as long as the client stays."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from ferryman.api.connection import Connection, connection_of
from ferryman.api.stream.hub import PAGE, Hub
from ferryman.api.stream.messages import MEDIA_TYPE, Piece, events_message
from ferryman.api.stream.subscriber import Subscriber

REPLAY_MAX = 5000
"""A client that missed more events than this starts over with a snapshot."""

BEHIND_BYTES_MAX = 256 * 1024
"""What may be on its way to a client beyond what the kernel holds. One that is further behind gets a snapshot later."""

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
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            if scope["method"] != "HEAD":
                connection = connection_of(scope)
                connection.on_lost(self._subscriber.close)
                connection.let_wait(BEHIND_BYTES_MAX)
                await self._write(connection, ConnectionOutlet(connection, framed=scope["http_version"] != "1.0"))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._hub.leave(self._subscriber)

    async def _write(self, connection: Connection, outlet: ConnectionOutlet) -> None:
        subscriber = self._subscriber
        await self._replay(connection, outlet)
        outlet.write(await self._hub.snapshot(subscriber.services, subscriber.position))
        subscriber.follow(outlet)
        while not subscriber.closed:
            await subscriber.changed()
            if not subscriber.closed:
                await connection.drained()
                subscriber.restart(self._hub.position)
                self._hub.counts.behind += 1
                outlet.write(await self._hub.snapshot(subscriber.services, subscriber.position))
                subscriber.follow(outlet)

    async def _replay(self, connection: Connection, outlet: ConnectionOutlet) -> None:
        """What a returning client missed, up to where it joined. What happened since waits for it already."""
        after = self._last_seen
        until = self._subscriber.position
        if after is None or not until - REPLAY_MAX <= after < until:
            return
        while after < until and not self._subscriber.closed:
            page = await self._hub.since(self._subscriber.services, after, until)
            wanted = [event for event in page if self._subscriber.follows(event.service)]
            if wanted:
                await connection.drained()
                outlet.write(events_message(wanted))
            after = page[-1].position if len(page) == PAGE else until


class ConnectionOutlet:
    """Pieces as the answer to this request has them: `framed`, or up to the end of the connection."""

    __slots__ = ("_connection", "_framed")

    def __init__(self, connection: Connection, *, framed: bool) -> None:
        self._connection = connection
        self._framed = framed

    @property
    def full(self) -> bool:
        return self._connection.flow.write_paused

    def write(self, piece: Piece) -> None:
        self._connection.transport.write(piece.chunk if self._framed else piece.text)
