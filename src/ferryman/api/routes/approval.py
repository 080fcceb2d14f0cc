"""The page behind an approval link. Who asks is known by the link alone: no cookie and no token counts here, so no other
site can act in anybody's name. Opening it changes nothing, as whatever scans mail opens every link."""

from __future__ import annotations

import base64
import hashlib
import logging
from functools import cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ferryman.api import wire
from ferryman.api.access.principal import Forbidden, TooManyAttempts
from ferryman.api.approval import page
from ferryman.api.approval.style import sheet
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing
from ferryman.api.problems import to_document
from ferryman.model.errors import FerrymanError, Refused, Unreachable, UsageError
from ferryman.notify.links import TOKEN_CHARACTERS_MAX

log = logging.getLogger("ferryman.access")

MEDIA = "text/html"
TOLD = (Refused, UsageError, Forbidden, TooManyAttempts)
UNAVAILABLE = "the controller cannot look at links now; whoever runs it finds the reason in its log"
GUESSES = frozenset({"link_forged", "link_key_changed"})
LinkToken = Annotated[str, Meta(min_length=1, max_length=TOKEN_CHARACTERS_MAX)]


class LinkQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`t` is the token of the link."""

    t: LinkToken


class LinkForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`t` is the token of the link. A denial needs a reason."""

    t: LinkToken
    answer: Literal["approve", "deny"]
    reason: wire.Reason = ""


async def get_approval(call: Call[LinkQuery, Nothing]) -> Response:
    """What is asked."""
    token = call.query.t
    try:
        link = await call.api.controller.links.look(token)
    except Refused as problem:
        raise _counted(call, problem) from None
    return _shown(page.asking(link, token))


async def post_approval(call: Call[Nothing, LinkForm]) -> Response:
    """The answer."""
    links, form = call.api.controller.links, call.body
    agree, reason = form.answer == page.APPROVE, " ".join(form.reason.split())
    try:
        link = await links.look(form.t)
        if not agree and not reason:
            return _shown(page.asking(link, form.t, "A denial needs a reason. Nothing was changed."), 400)
        answer = await links.answer(form.t, agree=agree, reason=reason)
    except Refused as problem:
        raise _counted(call, problem) from None
    return _shown(page.done(link, answer, agree=agree))


def refused(error: FerrymanError) -> Response:
    """A refusal as a page. What is wrong with the controller itself is for its log: anybody may open this page."""
    if not isinstance(error, TOLD):
        log.error("an approval link cannot be looked at: %s", error.message)
        error = Unreachable("links_unavailable", UNAVAILABLE, "nothing was changed: open the link again later")
    reply = _shown(page.refusal(error), to_document(error).status)
    if isinstance(error, TooManyAttempts):
        reply.headers["retry-after"] = str(error.seconds)
    return reply


def _counted(call: Call[LinkQuery, Nothing] | Call[Nothing, LinkForm], problem: Refused) -> Refused:
    """A link that nobody here made counts as a wrong credential. Raises `TooManyAttempts`."""
    if problem.code in GUESSES:
        call.api.access.count_failure(call.request, what="link")
    return problem


def _shown(text: str, status: int = 200) -> Response:
    return Response(text, status, _headers(), MEDIA)


@cache
def _headers() -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(sheet().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; font-src 'self'; base-uri 'none'; form-action 'self'"
    return {
        "content-security-policy": f"{policy}; frame-ancestors 'none'",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
    }


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path=page.ACTION,
        permission=None,
        handler=get_approval,
        answer=str,
        query=LinkQuery,
        body=Nothing,
        media=MEDIA,
        refusal=refused,
        summary="What an approval link asks, as a page",
        detail="For the person whom the link names; cookies and tokens are not looked at. Changes nothing. 403 for a link "
        "that was not made here, 409 when its gate is not open, 410 when it was used, expired, or what it was for is over.",
        problems=(409, 410),
    ),
    Endpoint(
        method="POST",
        path=page.ACTION,
        permission=None,
        handler=post_approval,
        answer=str,
        query=Nothing,
        body=LinkForm,
        media=MEDIA,
        refusal=refused,
        summary="Answer by an approval link, once",
        detail="An HTML form. A denial needs a reason. What came of it, or why nothing did, is a page.",
        problems=(409, 410),
    ),
)
