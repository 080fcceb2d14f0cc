"""Lets pages of other sites evaluate flags (Fetch standard, "CORS protocol"): what they show is the token of a program in a
header, or a ticket in the address. No cookie counts here, so any site may ask."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/ofrep/"
MAX_AGE_SECONDS = 7200
ANY = {"access-control-allow-origin": "*", "access-control-expose-headers": "etag, retry-after"}
PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, x-api-key, content-type, if-none-match, last-event-id",
    "access-control-max-age": str(MAX_AGE_SECONDS),
}


class OtherSites:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_theirs = scope["type"] == "http" and scope["path"].startswith(PREFIX) and "origin" in Headers(scope=scope)
        if not is_theirs:
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            headers = [(name.encode(), value.encode()) for name, value in PREFLIGHT.items()]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ANY)
            await send(message)

        await self.app(scope, receive, with_headers)
