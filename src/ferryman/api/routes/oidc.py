"""Sign-in of browsers by an OpenID Connect provider."""

from __future__ import annotations

import logging
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ferryman.api.access.access import Access
from ferryman.api.access.oidc.flow import HOME, PENDING_SECONDS, Flow
from ferryman.api.access.oidc.refused import SignInRefused
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing
from ferryman.api.routes.access import set_cookie
from ferryman.model.errors import UsageError

FAILED = "/sign-in"
SEE_OTHER = 303
_log = logging.getLogger("ferryman.access")

Text = Annotated[str, Meta(max_length=8192)]


class StartQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`next` is the page to go on to, a path of this controller; anything else leads to the first page."""

    next: Annotated[str, Meta(max_length=2048)] = HOME


class CallbackQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a provider answers with; it may add more."""

    code: Text = ""
    state: Text = ""
    error: Text = ""
    iss: Text = ""


async def get_start(call: Call[StartQuery, Nothing]) -> Response:
    """Off to the provider."""
    access, flow = call.api.access, _flow(call.api.access)
    try:
        begun = await flow.begin(call.query.next)
    except SignInRefused as problem:
        return _failed(problem)
    reply = RedirectResponse(begun.url, SEE_OTHER)
    # Lax: the way back begins at another site, and the cookie has to come along.
    reply.set_cookie(
        _cookie_name(call),
        begun.cookie,
        max_age=int(PENDING_SECONDS),
        path="/",
        secure=access.hosts.is_secure(call.request),
        httponly=True,
        samesite="lax",
    )
    return reply


async def get_callback(call: Call[CallbackQuery, Nothing]) -> Response:
    """Back from the provider."""
    access, query, request = call.api.access, call.query, call.request
    flow = _flow(access)
    given = request.cookies.get(_cookie_name(call), "")
    try:
        who = await flow.finish(state=query.state, cookie=given, code=query.code, error=query.error, issuer=query.iss)
    except SignInRefused as problem:
        reply = _failed(problem)
    else:
        address = request.client.host if request.client else ""
        cookie = await access.sign_in(who.name, "oidc", address, roles=who.roles)
        reply = RedirectResponse(who.page, SEE_OTHER)
        set_cookie(access, request, reply, cookie)
    reply.delete_cookie(
        _cookie_name(call), path="/", secure=access.hosts.is_secure(request), httponly=True, samesite="lax"
    )
    return reply


def _failed(problem: SignInRefused) -> Response:
    """People see the page, which says what the code means; the log has the rest."""
    _log.warning("a sign-in by OIDC was refused: %s: %s", problem.code, problem.message)
    return RedirectResponse(f"{FAILED}?{urlencode({'error': problem.code})}", SEE_OTHER)


def _flow(access: Access) -> Flow:
    if access.flow is None:
        raise UsageError("no_oidc", "this controller has no sign-in by OIDC", "`oidc` in ferry.yaml sets it up")
    return access.flow


def _cookie_name(call: Call[StartQuery, Nothing] | Call[CallbackQuery, Nothing]) -> str:
    return call.api.access.cookie_name(call.request) + "-oidc"


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/oidc/start",
        permission=None,
        handler=get_start,
        answer=str,
        query=StartQuery,
        body=Nothing,
        status=SEE_OTHER,
        media="text/plain",
        summary="Send the browser to the OpenID Connect provider",
        detail="404 `no_oidc` when none is set up.",
        problems=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/oidc/callback",
        permission=None,
        handler=get_callback,
        answer=str,
        query=CallbackQuery,
        body=Nothing,
        status=SEE_OTHER,
        media="text/plain",
        open_query=True,
        summary="Where the provider sends the browser back",
        detail="Sets the cookie of the session and leads to the page that was asked for, or to `/sign-in?error=CODE`: `oidc_state`, "
        "`oidc_denied`, `oidc_token`, `oidc_no_role`, `oidc_provider`.",
        problems=(404,),
    ),
)
