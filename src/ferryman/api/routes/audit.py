"""Who did what, when and why; and whether anybody changed it afterwards."""

from __future__ import annotations

from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.api.wire import AuditQuery
from ferryman.engine.audit import Question, Readable, audit, check_chains
from ferryman.flags.ledger import STREAM as FLAGS
from ferryman.model.audit import AuditPage, ChainsView


async def get_audit(call: Call[AuditQuery, Nothing]) -> AuditPage:
    """The last lines that fit."""
    query = call.query
    if query.service is not None:
        call.require(Permission.READ, query.service)
    asked = Question(query.service, query.actor, query.since, query.people, query.before, query.limit)
    return await audit(call.api.controller.store, asked, _readable(call))


async def get_chains(call: Call[Nothing, Nothing]) -> ChainsView:
    """All chains, recomputed."""
    return await check_chains(call.api.controller.store, _readable(call))


def _readable(call: Call[AuditQuery, Nothing] | Call[Nothing, Nothing]) -> Readable:
    """Whoever may read flags sees what was done to them. The other journals tell of tokens and sign-ins, which are the
    admins' business."""

    def journal(stream: str) -> bool:
        if stream == FLAGS:
            return call.may(Permission.READ, "*")
        return call.may(Permission.ADMINISTER, None)

    def service(name: str) -> bool:
        return call.may(Permission.READ, name)

    return Readable(service, journal)


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/audit",
        permission=Permission.READ,
        scope=Scoped.SOMEWHERE,
        handler=get_audit,
        answer=AuditPage,
        query=AuditQuery,
        body=Nothing,
        summary="Who did what, when and why, newest last",
        detail="The events of the services that the caller may read; with a role on all of them also what was done to flags; for "
        "admins also tokens and sign-ins. The page before "
        "has `before` of the answer; an answer may hold fewer than `limit` and yet not be the last.",
    ),
    Endpoint(
        method="GET",
        path="/v1/audit/verify",
        permission=Permission.READ,
        scope=Scoped.SOMEWHERE,
        handler=get_chains,
        answer=ChainsView,
        query=Nothing,
        body=Nothing,
        summary="Recompute every hash chain that the caller may read",
        detail="A broken one names its first bad link in `problem`.",
    ),
)
