"""By which name a request came, and whether this controller answers to it.

A page on a name of somebody else's may have bound that name to this address (DNS rebinding): its requests carry the foreign
name in `Host`. An IP address in `Host` cannot be bound that way.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ferryman.api.access.principal import Forbidden
from ferryman.api.connection import connection_of
from ferryman.model.settings import LOOPBACK_HOSTS

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@]+)(:[0-9]{1,5})?")
_LOCAL = "ferryman.local_uid"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Hosts:
    """`public_url` as in the settings ("" for none); `tls` whether this controller serves HTTPS itself."""

    def __init__(self, public_url: str, *, tls: bool) -> None:
        self._public = urlsplit(public_url)
        self._tls = tls

    def check(self, request: Request) -> None:
        """Raises `Forbidden` (``wrong_host``) for a name that is not ours."""
        name = host_name(request)
        if name and (name in LOOPBACK_HOSTS or _is_address(name) or name == (self._public.hostname or "").lower()):
            return
        raise Forbidden(
            "wrong_host",
            f"this controller does not answer to the name {request.headers.get('host', '')[:100]!r}",
            "ask for its address, or name it as `publicUrl` in ferry.yaml",
        )

    def is_secure(self, request: Request) -> bool:
        """Whether the browser came by HTTPS: served here, or by a proxy that `publicUrl` tells of."""
        return self._tls or (self._public.scheme == "https" and host_name(request) == self._public.hostname)

    def origin(self, request: Request) -> str:
        """The origin of our own pages as this request's browser sees them."""
        scheme = "https" if self.is_secure(request) else "http"
        return f"{scheme}://{request.headers.get('host', '').lower().removesuffix(_DEFAULT_PORTS[scheme])}"


def host_name(request: Request) -> str:
    """The name in `Host` without its port, in lower case; "" for none or a malformed one."""
    found = _HOST.fullmatch(request.headers.get("host", ""))
    return found[1].lower() if found else ""


class FromSocket:
    """ASGI middleware of the server on the unix socket: marks requests with the user whose process opened it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, _LOCAL: connection_of(scope).peer_uid}, receive, send)


def local_uid(request: Request) -> int | None:
    """The user whose process sent it over the unix socket, as the kernel says; None when it came another way."""
    return request.scope.get(_LOCAL)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
