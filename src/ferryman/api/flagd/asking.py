"""Who asks by gRPC, for which environment, and how a refusal is told.

Recognised as over HTTP, by the token in the metadata `authorization` or `x-api-key`. There is no host to check: no page in a
browser can speak gRPC.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import grpc
from starlette.requests import Request

from ferryman.api.access.principal import EVERY_SERVICE, Permission, Principal, Unauthenticated
from ferryman.api.context import Api
from ferryman.api.flags.asker import environment_of, need_definitions
from ferryman.api.problems import to_document
from ferryman.flags.definition import ENVIRONMENT_PATTERN
from ferryman.model.errors import FerrymanError, UsageError
from ferryman.model.role import Role

SELECTOR = "flagd-selector"
SELECTOR_KEY = "flagSetId="
CREDENTIALS = frozenset({"authorization", "x-api-key"})
STATUSES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""Of HTTP's in the words of gRPC; any other is INTERNAL."""

_PEER = re.compile(r"ipv[46]:(.+):([0-9]+)")


class Asker(NamedTuple):
    """Somebody who may be told about flags of one environment."""

    principal: Principal
    environment: str


class Asking:
    """Of one controller. `anonymous`: whoever reaches the port may ask, for no other machine does."""

    def __init__(self, api: Api, *, anonymous: bool) -> None:
        self._api = api
        self._anonymous = anonymous

    async def asker(self, context: Any, method: str, selector: str = "", *, rules: bool) -> Asker:
        """Who asks, and about which environment: that of the selector in the metadata, of the one in the body, of the
        token, or `prod`. `rules`: whether it is about more than values. Raises `FerrymanError`."""
        metadata = _pairs(context.invocation_metadata())
        principal = await self._principal(_request(metadata, str(context.peer()), method))
        principal.need(Permission.EVALUATE, EVERY_SERVICE)
        if rules:
            need_definitions(principal)
        named = dict(metadata).get(SELECTOR, "") or selector
        return Asker(principal, environment_of(principal, _environment(named) if named else None))

    async def _principal(self, request: Request) -> Principal:
        try:
            return await self._api.authenticate(request)
        except Unauthenticated as error:
            if not self._anonymous or error.code != "no_credential":
                raise
            return Principal("anonymous", {EVERY_SERVICE: Role.VIEWER}, via="loopback")


def _environment(selector: str) -> str:
    """As `prod` or, in the words of newer clients, `flagSetId=prod`. Raises `UsageError` (``bad_selector``)."""
    name = selector.removeprefix(SELECTOR_KEY)
    if not re.fullmatch(ENVIRONMENT_PATTERN, name):
        raise UsageError("bad_selector", f"{selector[:100]!r} selects no environment", "such as prod, or staging")
    return name


def _pairs(metadata: Any) -> list[tuple[str, str]]:
    return [(str(key), value) for key, value in metadata or () if isinstance(value, str)]


def _request(metadata: Sequence[tuple[str, str]], peer: str, method: str) -> Request:
    """The call as `Access` looks at requests: one that reads, with a credential or without."""
    headers = [(key.encode(), value.encode("latin-1", "replace")) for key, value in metadata if key in CREDENTIALS]
    found = _PEER.fullmatch(peer)
    client = (unquote(found[1]).removeprefix("[").removesuffix("]"), int(found[2])) if found else None
    headers.append((b"host", b"localhost"))
    return Request(
        {"type": "http", "method": "GET", "path": method, "query_string": b"", "headers": headers, "client": client}
    )


def status_of(error: FerrymanError) -> tuple[grpc.StatusCode, str]:
    """Status and words of a refusal."""
    words = f"{error.message}; {error.hint}" if error.hint else error.message
    if error.code == "too_many_streams":
        return grpc.StatusCode.RESOURCE_EXHAUSTED, words
    return STATUSES.get(to_document(error).status, grpc.StatusCode.INTERNAL), words
