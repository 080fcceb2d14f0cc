"""Recognition by the way a request came: the unix socket belongs to the owner of the controller, TCP may only read."""

from __future__ import annotations

import getpass
from functools import cache

from starlette.requests import Request

from ferryman.api.access.principal import EVERY_SERVICE, Principal, Role, owner
from ferryman.model.errors import UsageError

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def is_local(request: Request) -> bool:
    """Whether it came over the unix socket, which only its owner can open."""
    server = request.scope.get("server")
    return server is None or server[1] is None


async def authenticate(request: Request) -> Principal:
    """Over the socket the owner, who may everything. Over TCP a reader, and under loopback names only: a page in a
    browser may have bound a name of its own to this address. Raises `UsageError` (``read_only``)."""
    if is_local(request):
        return owner(_user())
    if request.method not in {"GET", "HEAD"}:
        raise UsageError(
            "read_only", "over TCP this controller can be read, not steered", "use its unix socket: `ferry`"
        )
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name not in LOOPBACK_NAMES:
        raise UsageError("read_only", f"this controller does not answer to the name {host!r}", "ask for 127.0.0.1")
    return Principal("anonymous", {EVERY_SERVICE: Role.VIEWER}, via="loopback")


@cache
def _user() -> str:
    """The user that runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
