"""Who may come in: tokens, for admins, and the session of a browser."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ferryman.api.access.access import Access
from ferryman.api.access.links import is_link
from ferryman.api.access.making import make_token
from ferryman.api.access.principal import Forbidden, Permission, Principal
from ferryman.api.access.views import all_tokens, session_view, sign_in_view, token_view
from ferryman.api.access.wire import (
    LinkView,
    RevokeRequest,
    SessionView,
    SignInRequest,
    SignInView,
    TokenMade,
    TokenRequest,
    TokenView,
)
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.api.requests import answer


async def get_tokens(call: Call[Nothing, Nothing]) -> tuple[TokenView, ...]:
    """All that were ever made, newest first."""
    return all_tokens(call.api.access)


async def post_tokens(call: Call[Nothing, TokenRequest]) -> TokenMade:
    """A new one."""
    return await make_token(call.api.access, call.body, call.actor())


async def post_revoke(call: Call[Nothing, RevokeRequest]) -> TokenView:
    """Take one out of use."""
    access = call.api.access
    token = await access.revoke_token(str(call.request.path_params["token"]), call.actor(), call.body.reason)
    return token_view(token, access.now())


async def get_sessions(call: Call[Nothing, Nothing]) -> tuple[SignInView, ...]:
    """Who is signed in."""
    access = call.api.access
    return tuple(sign_in_view(access, session) for session in access.live_sessions())


async def post_end(call: Call[Nothing, RevokeRequest]) -> SignInView:
    """End somebody's session."""
    access = call.api.access
    ended = await access.end_session(str(call.request.path_params["session"]), call.actor(), call.body.reason)
    return sign_in_view(access, ended)


async def get_session(call: Call[Nothing, Nothing]) -> SessionView:
    """Who asks."""
    access, request = call.api.access, call.request
    return session_view(access, call.principal, request.cookies.get(access.cookie_name(request), ""))


async def post_session(call: Call[Nothing, SignInRequest]) -> Response:
    """Sign in by a token."""
    access, request = call.api.access, call.request
    access.check_origin(request, required=False)
    text = call.body.token.strip()
    if is_link(text):
        cookie = await access.sign_in_by_link(text, request)
    else:
        made = (await access.token(text, request)).made
        if made.program:
            raise Forbidden(
                "forbidden", f"the token of {made.name} is for a program", "sign in with a token of your own"
            )
        address = request.client.host if request.client else ""
        cookie = await access.sign_in(made.name, "token", address, token=made.id, roles=made.roles)
    session = access.state.session_of_cookie(cookie)
    principal = Principal(session.made.name, session.made.roles, "session", session.made.id)
    reply = answer(session_view(access, principal, cookie))
    set_cookie(access, request, reply, cookie)
    return reply


async def post_link(call: Call[Nothing, Nothing]) -> LinkView:
    """A code for the owner's browser. Raises `Forbidden` for who does not ask over the socket."""
    if call.principal.via != "socket":
        raise Forbidden("forbidden", "a link is made for the owner of the controller only", "`ferry dashboard`")
    access = call.api.access
    code, expires_at = access.links.make(call.principal.name, access.now())
    return LinkView(code, expires_at)


async def delete_session(call: Call[Nothing, Nothing]) -> Response:
    """Sign out."""
    access, request = call.api.access, call.request
    await access.sign_out(call.principal)
    reply = answer(session_view(access, Principal("", {}, "none"), ""))
    secure = access.hosts.is_secure(request)
    reply.delete_cookie(access.cookie_name(request), path="/", secure=secure, httponly=True, samesite="strict")
    return reply


def set_cookie(access: Access, request: Request, reply: Response, cookie: str) -> None:
    """Hand a session to the browser: kept from scripts, from other sites, and where there is HTTPS from all else."""
    reply.set_cookie(
        access.cookie_name(request),
        cookie,
        max_age=int(access.settings.sessions.lifetime_seconds),
        path="/",
        secure=access.hosts.is_secure(request),
        httponly=True,
        samesite="strict",
    )


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/tokens",
        permission=Permission.ADMINISTER,
        scope=Scoped.EVERYWHERE,
        handler=get_tokens,
        answer=tuple[TokenView, ...],
        query=Nothing,
        body=Nothing,
        summary="Every token, without its text, newest first",
    ),
    Endpoint(
        method="POST",
        path="/v1/tokens",
        permission=Permission.ADMINISTER,
        scope=Scoped.EVERYWHERE,
        handler=post_tokens,
        answer=TokenMade,
        query=Nothing,
        body=TokenRequest,
        summary="Make a token",
        detail="Its text is in this answer and nowhere else; a hash of it is kept.",
    ),
    Endpoint(
        method="POST",
        path="/v1/tokens/{token}/revoke",
        permission=Permission.ADMINISTER,
        scope=Scoped.EVERYWHERE,
        handler=post_revoke,
        answer=TokenView,
        query=Nothing,
        body=RevokeRequest,
        summary="Take a token out of use, by its id or by a name that only one has",
        detail="Sessions that were begun with it end.",
    ),
    Endpoint(
        method="GET",
        path="/v1/sessions",
        permission=Permission.ADMINISTER,
        scope=Scoped.EVERYWHERE,
        handler=get_sessions,
        answer=tuple[SignInView, ...],
        query=Nothing,
        body=Nothing,
        summary="Who is signed in, the one seen last first",
    ),
    Endpoint(
        method="POST",
        path="/v1/sessions/{session}/end",
        permission=Permission.ADMINISTER,
        scope=Scoped.EVERYWHERE,
        handler=post_end,
        answer=SignInView,
        query=Nothing,
        body=RevokeRequest,
        summary="End somebody's session",
        problems=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/session",
        permission=None,
        handler=get_session,
        answer=SessionView,
        query=Nothing,
        body=Nothing,
        summary="Who asks, with which roles",
        detail="`via` is none when that is not known.",
    ),
    Endpoint(
        method="POST",
        path="/v1/session",
        permission=None,
        handler=post_session,
        answer=SessionView,
        query=Nothing,
        body=SignInRequest,
        summary="Sign a browser in with a token",
        detail="Sets the cookie of the session: HttpOnly, SameSite=Strict, with HTTPS Secure and `__Host-`. Writes in it "
        "need its `csrf` in the header X-CSRF-Token, and come from our own pages.",
        problems=(429,),
    ),
    Endpoint(
        method="POST",
        path="/v1/session/link",
        permission=Permission.ADMINISTER,
        scope=Scoped.EVERYWHERE,
        handler=post_link,
        answer=LinkView,
        query=Nothing,
        body=Nothing,
        summary="A code that signs the owner's browser in, once",
        detail="Over the socket only. It takes the place of a token in `POST /v1/session`, within ten minutes.",
    ),
    Endpoint(
        method="DELETE",
        path="/v1/session",
        permission=None,
        handler=delete_session,
        answer=SessionView,
        query=Nothing,
        body=Nothing,
        summary="Sign out",
    ),
)
