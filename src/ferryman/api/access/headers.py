"""Headers that go with every answer, so that a browser shows and runs nothing but our own pages."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "img-src 'self' data:; object-src 'none'"
)
"""No inline script or style, no third-party host; small images may stand in the page itself."""

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
STRICT_TRANSPORT = "max-age=31536000"


class SecureHeaders:
    """ASGI middleware. With `tls` browsers are told to come by HTTPS only. Answers of the API are kept in no cache."""

    def __init__(self, app: ASGIApp, *, tls: bool = False) -> None:
        self.app = app
        headers = HEADERS | ({"strict-transport-security": STRICT_TRANSPORT} if tls else {})
        self._always = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._of_the_api = [*self._always, (b"cache-control", b"no-store")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        ours = self._of_the_api if scope["path"].startswith("/v1/") else self._always

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = given + [header for header in ours if header[0] not in names]
            await send(message)

        await self.app(scope, receive, with_headers)
