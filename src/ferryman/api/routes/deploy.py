"""Carrying a service to what a release file says, and what that would be."""

from __future__ import annotations

from ferryman.api import wire
from ferryman.api.access.principal import EVERY_SERVICE, Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.model.view import AnswerView
from ferryman.spec.parse import parse_release


async def post_plan(call: Call[Nothing, wire.PlanRequest]) -> wire.PlanView:
    """What a deploy would start now."""
    _require(call, Permission.READ, call.body.document, call.body.file)
    service, plan, revision = await call.api.controller.plan(call.body.document, call.body.file)
    current = service.current
    running = current.id if current is not None and not current.phase.terminal and not service.down else ""
    return wire.PlanView(service, plan, revision, running)


async def post_deploy(call: Call[Nothing, wire.DeployRequest]) -> AnswerView:
    """Start it."""
    body = call.body
    _require(call, Permission.OPERATE, body.document, body.file)
    return await call.api.controller.deploy(
        body.document,
        body.file,
        actor=call.actor(body.actor),
        base=body.base,
        reason=body.reason,
        emergency=body.emergency,
        account=call.principal.name,
    )


def _require(
    call: Call[Nothing, wire.PlanRequest] | Call[Nothing, wire.DeployRequest],
    needed: Permission,
    document: str,
    file: str,
) -> None:
    """The service stands in the document; whoever may on all of them need not be asked about one."""
    if not call.may(needed, EVERY_SERVICE):
        call.require(needed, parse_release(document, file).service)


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="POST",
        path="/v1/plan",
        permission=Permission.READ,
        scope=Scoped.SOMEWHERE,
        handler=post_plan,
        answer=wire.PlanView,
        query=Nothing,
        body=wire.PlanRequest,
        summary="What a deploy of this release file would start now, without starting it",
        problems=(409, 422),
    ),
    Endpoint(
        method="POST",
        path="/v1/deploy",
        permission=Permission.OPERATE,
        scope=Scoped.SOMEWHERE,
        handler=post_deploy,
        answer=AnswerView,
        query=Nothing,
        body=wire.DeployRequest,
        summary="Carry a service to what this release file says",
        detail="`base` is the id of the running rollout that the caller saw; 409 if another one runs meanwhile.",
        problems=(409, 422),
    ),
)
