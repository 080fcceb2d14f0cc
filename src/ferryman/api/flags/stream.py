"""A stream of flags on one connection: an ASGI answer that begins it, and then lets the hub write as long as the client stays."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from ferryman.api.connection import connection_of
from ferryman.api.flags.hub import FlagHub, Form
from ferryman.api.stream.response import BEHIND_BYTES_MAX, HEADERS, ConnectionOutlet
from ferryman.api.stream.subscriber import StillAllowed


class FlagStream:
    """What the endpoints of streams answer with. `last_seen` is the version that a returning client has, or None."""

    def __init__(
        self, hub: FlagHub, environment: str, form: Form, last_seen: int | None, still_allowed: StillAllowed | None
    ) -> None:
        self._hub = hub
        self._environment = environment
        self._form = form
        self._last_seen = last_seen
        self._client = hub.join(environment, form, still_allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            if scope["method"] != "HEAD":
                await self._write(scope)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._hub.leave(self._environment, self._form, self._client)

    async def _write(self, scope: Scope) -> None:
        connection, client = connection_of(scope), self._client
        connection.on_lost(client.close)
        connection.let_wait(BEHIND_BYTES_MAX)
        outlet = ConnectionOutlet(connection, framed=scope["http_version"] != "1.0")
        # From joining to following nothing awaits, so what waits in the client's queue is newer than this.
        client.restart(0)
        outlet.write(self._hub.since(self._environment, self._form, self._last_seen))
        client.follow(outlet)
        while not client.closed:
            await client.changed()
            if not client.closed:
                await connection.drained()
                client.restart(0)
                outlet.write(self._hub.whole(self._environment, self._form))
                client.follow(outlet)
