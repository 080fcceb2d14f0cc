"""What happens to every request, in this order: who asks, may they, is it well formed, do it, answer or refuse."""

from __future__ import annotations

import sys
import traceback

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ferryman.api import wire
from ferryman.api.access.principal import EVERY_SERVICE, Forbidden, Principal, Unauthenticated
from ferryman.api.context import Api
from ferryman.api.endpoint import Answer, AnyEndpoint, Call, Listed, Scoped, service_of_rollout
from ferryman.api.idempotency import keyed
from ferryman.api.requests import (
    answer,
    decode_body,
    decode_form,
    encoded_answer,
    etag,
    is_known,
    read_body,
    read_query,
    refuse,
)
from ferryman.model.errors import FerrymanError

NOBODY = Principal("anonymous", {})


class Dispatch:
    """The ASGI application of one endpoint."""

    def __init__(self, api: Api, endpoint: AnyEndpoint) -> None:
        self.api = api
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        reply = await self._reply(request)
        await reply(scope, receive, send)

    async def _reply(self, request: Request) -> Answer:
        try:
            return await self._answer(request)
        except FerrymanError as error:
            return self._refuse(error)
        except Exception as error:  # noqa: BLE001 -- the boundary: a defect must not take the controller down
            traceback.print_exc(file=sys.stderr)
            return self._refuse(_internal(error))

    def _refuse(self, error: FerrymanError) -> Answer:
        told = self.endpoint.refusal or self.endpoint.wording or refuse
        return told(error)

    async def _answer(self, request: Request) -> Answer:
        endpoint = self.endpoint
        principal = await self._recognised(request)
        check_permission(endpoint, principal, request.path_params)
        query = read_query(request, endpoint.query, is_open=endpoint.open_query)
        data = await read_body(request, endpoint.takes, endpoint.bytes_max) if endpoint.writes else b""
        decode = decode_body if endpoint.refusal is None or not endpoint.writes else decode_form
        call = Call(self.api, request, principal, query, decode(data, endpoint.body))
        key = request.headers.get("idempotency-key")
        if key is None or not endpoint.keyed:
            return self._respond(request, await endpoint.handler(call))

        async def do() -> bytes:
            return wire.encode(await endpoint.handler(call))

        asked = keyed(key, f"{principal.via} {principal.name}", request.method, request.url.path, data)
        return encoded_answer(await self.api.answers.once(asked, do), endpoint.status)

    def _respond(self, request: Request, done: object) -> Answer:
        """What the handler returned, as an answer."""
        if isinstance(done, Response) or callable(done):
            return done  # type: ignore[return-value]
        headers: dict[str, str] = {}
        if isinstance(done, Listed):
            if done.after is not None:
                following = request.url.include_query_params(after=done.after)
                headers["link"] = f'<{following.path}?{following.query}>; rel="next"'
            done = done.items
        if self.endpoint.tagged:
            headers["etag"] = etag(done)
            if is_known(request, headers["etag"]):
                return Response(status_code=304, headers=headers)
        return answer(done, self.endpoint.status, headers)

    async def _recognised(self, request: Request) -> Principal:
        if self.endpoint.refusal is not None:
            self.api.access.check_host(request)
            return NOBODY
        try:
            return await self.api.authenticate(request)
        except Unauthenticated:
            if self.endpoint.permission is not None:
                raise
            return NOBODY


def check_permission(endpoint: AnyEndpoint, principal: Principal, path: dict[str, str]) -> None:
    """The one place where a role is held against what an endpoint needs. Raises `Forbidden`, and `UsageError`
    (``unknown_rollout``) for a path that names none."""
    needed = endpoint.permission
    if needed is None:
        return
    if endpoint.scope is Scoped.EVERYWHERE:
        principal.need(needed, EVERY_SERVICE)
    elif endpoint.scope is Scoped.SERVICE:
        principal.need(needed, path["service"] if "service" in path else service_of_rollout(path["rollout"]))
    elif not any(principal.may(needed, service) for service in principal.roles):
        raise Forbidden(
            "forbidden",
            f"{principal.name} has no service on which to {needed.value}",
            "ask an admin for a token with that role: `ferry token create`",
        )


def _internal(error: Exception) -> FerrymanError:
    return FerrymanError(
        "internal", f"the controller failed: {type(error).__name__}: {error}", "its log has the traceback: serve.log"
    )
