"""Feature flags for programs: the native protocol (docs/reference/flags-stream.md) and OFREP."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ferryman.api.access.principal import Permission, Unauthenticated
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.api.flags.asker import environment_of, need_definitions
from ferryman.api.flags.counting import count_one, count_untold
from ferryman.api.flags.hub import Form
from ferryman.api.flags.ofrep import (
    OfrepBulk,
    OfrepFlag,
    OfrepRequest,
    bulk,
    bulk_etag,
    bulk_response,
    depends_on_time,
    evaluated,
    refused,
    single_response,
)
from ferryman.api.flags.stream import FlagStream
from ferryman.api.flags.tickets import Ticket
from ferryman.api.flags.wire import EnvironmentQuery, EvaluationsReport, EvaluationsTaken, FlagSetView
from ferryman.api.requests import is_known
from ferryman.api.stream.messages import MEDIA_TYPE
from ferryman.api.stream.subscriber import StillAllowed
from ferryman.engine.flags.evaluations import DURATION_CLASSES, Cell, Tally, arrived

UNCHECKED = frozenset({"socket"})
EVENTS_PATH = "/ofrep/v1/events"


class TicketQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lets a client of OFREP follow: from the answer to a bulk evaluation."""

    ticket: str = ""


async def get_definitions(call: Call[EnvironmentQuery, Nothing]) -> Response:
    """Everything, unless the caller has it."""
    need_definitions(call.principal)
    served = call.api.controller.flags.served(environment_of(call.principal, call.query.environment))
    headers = {"etag": f'"{served.version}"', "cache-control": "no-cache"}
    if is_known(call.request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(served.encoded(), headers=headers, media_type="application/json")


async def get_stream(call: Call[EnvironmentQuery, Nothing]) -> FlagStream:
    """Everything, then what changes."""
    need_definitions(call.principal)
    environment = environment_of(call.principal, call.query.environment)
    checked = None if call.principal.via in UNCHECKED else _still_asks(call, environment)
    return FlagStream(call.api.flag_hub, environment, Form.DEFINITIONS, _last_seen(call.request), checked)


def _still_asks(call: Call[EnvironmentQuery, Nothing], environment: str) -> StillAllowed:
    async def check() -> bool:
        principal = await call.api.authenticate(call.request)
        return principal.may(Permission.EVALUATE, "*") and environment_of(principal, environment) == environment

    return check


def _last_seen(request: Request) -> int | None:
    """The config version that a returning client names; anything else is not ours."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 16 else None


async def post_evaluations(call: Call[EnvironmentQuery, EvaluationsReport]) -> EvaluationsTaken:
    """What a program counted. It all goes to the minute in which it was sent, for reports come every ten seconds; or in which
    it came, where the program's clock is wrong."""
    service, body = call.api.controller.flags, call.body
    environment = environment_of(call.principal, call.query.environment)
    known, now = service.environment(environment).flags, time.time()
    minute = arrived(body.until, now)
    told = [(each.flag, each.variant, Tally(evaluations=each.evaluations)) for each in body.counts]
    for each in body.outcomes:
        durations = [*each.durations, *[0] * (DURATION_CLASSES - len(each.durations))]
        told.append((each.flag, each.variant, Tally(0, each.requests, each.failures, durations)))
    cells = [
        (Cell(environment, flag, variant or "", minute), tally)
        for flag, variant, tally in told
        if flag in known and (not variant or known[flag].has(variant))
    ]
    counts: dict[str, int] = {}
    for each in body.counts:
        if each.flag in known:
            counts[each.flag] = counts.get(each.flag, 0) + each.evaluations
    service.askers.told(environment, call.principal.name, counts, body.version, now)
    return EvaluationsTaken(service.evaluations.add(cells, now))


# ---------------------------------------------------------------------- OFREP
async def post_one(call: Call[EnvironmentQuery, OfrepRequest]) -> Response:
    """One flag for one user."""
    environment = environment_of(call.principal, call.query.environment)
    need_definitions(call.principal)
    flags, key = call.api.controller.flags, str(call.request.path_params["key"])
    found = evaluated(flags.served(environment), key, call.body.context)
    if not found.error_code:
        count_one(flags, environment, call.principal.name, key, found.variant or None, time.time())
    return single_response(found)


async def post_bulk(call: Call[EnvironmentQuery, OfrepRequest]) -> Response:
    """All flags for one user. A refetch names the state that it heard of; what is served here is never an older one."""
    served = call.api.controller.flags.served(environment_of(call.principal, call.query.environment))
    context, timely = call.body.context, depends_on_time(served)
    count_untold(call.api.controller.flags, served.environment, time.time())
    tag = "" if timely else bulk_etag(served, context)
    if tag and is_known(call.request, tag):
        return Response(status_code=304, headers={"etag": tag})
    ticket = Ticket(served.environment, call.principal.credential if call.principal.program else "")
    uri = f"{EVENTS_PATH}?ticket={call.api.tickets.make(ticket)}"
    found = bulk(served, context, str(call.request.base_url).rstrip("/") + uri)
    tag = tag or bulk_etag(served, context, found)
    if is_known(call.request, tag):
        return Response(status_code=304, headers={"etag": tag})
    return bulk_response(found, tag)


async def get_events(call: Call[TicketQuery, Nothing]) -> FlagStream:
    """That something changed."""
    ticket = call.api.tickets.read(call.query.ticket)
    if ticket is None or not _still_live(call, ticket.credential):
        raise Unauthenticated("bad_ticket", "this ticket is over, or not of this controller", "evaluate in bulk again")

    async def check() -> bool:
        return _still_live(call, ticket.credential)

    return FlagStream(call.api.flag_hub, ticket.environment, Form.REFETCH, _last_seen(call.request), check)


def _still_live(call: Call[Any, Any], credential: str) -> bool:
    access = call.api.access
    token = access.state.tokens.get(credential)
    return not credential or (token is not None and token.state(access.now()) == "live")


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/flags/definitions",
        permission=Permission.EVALUATE,
        scope=Scoped.EVERYWHERE,
        handler=get_definitions,
        answer=FlagSetView,
        query=EnvironmentQuery,
        body=Nothing,
        summary="The flags of an environment as flagd JSON",
        detail="The `ETag` is the config version.",
    ),
    Endpoint(
        method="GET",
        path="/v1/flags/stream",
        permission=Permission.EVALUATE,
        scope=Scoped.EVERYWHERE,
        handler=get_stream,
        answer=str,
        query=EnvironmentQuery,
        body=Nothing,
        media=MEDIA_TYPE,
        summary="The same, live",
        detail="`put`, `patch`, `delete` and `current` with config versions as ids; see docs/reference/flags-stream.md.",
    ),
    Endpoint(
        method="POST",
        path="/v1/flags/evaluations",
        permission=Permission.EVALUATE,
        scope=Scoped.EVERYWHERE,
        handler=post_evaluations,
        answer=EvaluationsTaken,
        query=EnvironmentQuery,
        body=EvaluationsReport,
        status=202,
        summary="What a program counted: evaluations, and how requests fared by variant",
    ),
    Endpoint(
        method="POST",
        path="/ofrep/v1/evaluate/flags/{key}",
        permission=Permission.EVALUATE,
        scope=Scoped.EVERYWHERE,
        handler=post_one,
        answer=OfrepFlag,
        query=EnvironmentQuery,
        body=OfrepRequest,
        open_query=True,
        wording=refused,
        summary="OFREP: evaluate one flag",
        detail="Errors are those of the protocol: `key`, `errorCode`, `errorDetails`.",
    ),
    Endpoint(
        method="POST",
        path="/ofrep/v1/evaluate/flags",
        permission=Permission.EVALUATE,
        scope=Scoped.EVERYWHERE,
        handler=post_bulk,
        answer=OfrepBulk,
        query=EnvironmentQuery,
        body=OfrepRequest,
        open_query=True,
        wording=refused,
        summary="OFREP: evaluate all flags",
        detail="`ETag` over config version and context. Names the stream on which changes are told.",
    ),
    Endpoint(
        method="GET",
        path=EVENTS_PATH,
        permission=None,
        handler=get_events,
        answer=str,
        query=TicketQuery,
        body=Nothing,
        media=MEDIA_TYPE,
        open_query=True,
        wording=refused,
        summary="OFREP: that evaluations are out of date",
        detail="`event: message` with `refetchEvaluation`. The ticket comes with a bulk evaluation and ends within two hours.",
    ),
)
