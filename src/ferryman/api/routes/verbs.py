"""What people ask of a running service: one endpoint for each verb."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ferryman.api import wire
from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing
from ferryman.api.port import Speaking, Verbs
from ferryman.core.phases import Verb
from ferryman.model.view import AnswerView


def _asks(verb: Verb) -> Callable[[Call[Nothing, wire.VerbRequest]], Awaitable[AnswerView]]:
    async def post(call: Call[Nothing, wire.VerbRequest]) -> AnswerView:
        body = call.body
        full = isinstance(body, wire.FullRequest) and body.full
        asked = Verb.FULL if full and verb is Verb.PROMOTE else verb
        actor = call.actor(body.actor)
        return await call.api.controller.verbs.verb(
            call.service,
            asked,
            actor=actor,
            reason=body.reason,
            full=full,
            standing=body.standing,
            emergency=isinstance(body, wire.FullRequest) and body.emergency,
        )

    return post


async def post_undo(call: Call[Nothing, wire.UndoRequest]) -> AnswerView:
    """Back to an earlier version."""
    body = call.body
    return await call.api.controller.verbs.undo(
        call.service,
        actor=call.actor(body.actor),
        reason=body.reason,
        to=body.to,
        with_steps=body.with_steps,
        force=body.force,
        standing=body.standing,
        emergency=body.emergency,
        account=call.principal.name,
    )


async def post_postmortem(call: Call[Nothing, wire.PostmortemRequest]) -> AnswerView:
    """Somebody wrote about an incident."""
    body, actor = call.body, call.actor(call.body.actor)
    return await call.api.controller.verbs.postmortem(
        call.service, body.rollout, body.url, actor=actor, reason=body.reason, standing=body.standing
    )


async def post_drill(call: Call[Nothing, wire.DrillRequest]) -> AnswerView:
    """Rehearse the way back."""
    body = call.body
    return await call.api.controller.verbs.drill(
        call.service,
        actor=call.actor(body.actor),
        reason=body.reason,
        traffic_percent=body.traffic_percent,
        hold_seconds=body.hold_seconds,
        standing=body.standing,
    )


async def post_freeze(call: Call[Nothing, wire.FreezeRequest]) -> AnswerView:
    """No more users meet any candidate."""
    body = call.body
    return await call.api.controller.verbs.freeze(
        call.service,
        actor=call.actor(body.actor),
        reason=body.reason,
        until=body.until,
        rollback=body.rollback,
        standing=body.standing,
    )


async def post_unfreeze(call: Call[Nothing, wire.VerbRequest]) -> AnswerView:
    """Lift the freeze."""
    body, actor = call.body, call.actor(call.body.actor)
    return await call.api.controller.verbs.unfreeze(
        call.service, actor=actor, reason=body.reason, standing=body.standing
    )


def _answers(
    speaks: Callable[[Verbs], Speaking],
) -> Callable[[Call[Nothing, wire.ApprovalRequest]], Awaitable[AnswerView]]:
    """Agree or refuse, in the role that the caller has for the service, and as nobody but the caller."""

    async def post(call: Call[Nothing, wire.ApprovalRequest]) -> AnswerView:
        body, role = call.body, call.principal.role(call.service)
        return await speaks(call.api.controller.verbs)(
            call.service,
            actor=call.principal.name,
            role=role.value if role is not None else "",
            reason=call.reason_for(body.actor, body.reason),
            gate=body.gate,
            standing=body.standing,
        )

    return post


async def post_down(call: Call[Nothing, wire.VerbRequest]) -> AnswerView:
    """Stop the service."""
    body, actor = call.body, call.actor(call.body.actor)
    return await call.api.controller.down(call.service, actor=actor, reason=body.reason, standing=body.standing)


def _row(
    name: str, handler: Callable[[Call[Any, Any]], Awaitable[object]], body: type[Any], summary: str, detail: str = ""
) -> AnyEndpoint:
    return Endpoint(
        method="POST",
        path=f"/v1/services/{{service}}/{name}",
        permission=Permission.OPERATE,
        handler=handler,
        answer=AnswerView,
        query=Nothing,
        body=body,
        summary=summary,
        detail=detail,
        problems=(409,),
    )


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    _row("promote", _asks(Verb.PROMOTE), wire.FullRequest, "Go on to the next step, or end the bake"),
    _row("pause", _asks(Verb.PAUSE), wire.VerbRequest, "Hold the rollout where it is"),
    _row("resume", _asks(Verb.RESUME), wire.VerbRequest, "End the pause"),
    _row("abort", _asks(Verb.ABORT), wire.VerbRequest, "Take the rollout back"),
    _row("retry", _asks(Verb.RETRY), wire.FullRequest, "Try again what was taken back or failed"),
    _row("restart", _asks(Verb.RESTART), wire.VerbRequest, "Replace the instances one by one, same version"),
    _row(
        "approve",
        _answers(lambda verbs: verbs.approve),
        wire.ApprovalRequest,
        "Agree to a release that waits for people to agree",
        "Counts in the caller's role for the service; who agreed before does not count twice.",
    ),
    _row("deny", _answers(lambda verbs: verbs.deny), wire.ApprovalRequest, "Refuse it: the release goes back"),
    _row(
        "freeze",
        post_freeze,
        wire.FreezeRequest,
        "Let no more users meet any new version",
        "Going back is not held. A freeze replaces the one before.",
    ),
    _row("unfreeze", post_unfreeze, wire.VerbRequest, "Lift the freeze"),
    _row("undo", post_undo, wire.UndoRequest, "Back to an earlier promoted version"),
    _row(
        "postmortem",
        post_postmortem,
        wire.PostmortemRequest,
        "Say where the post-mortem of an incident is",
        "An incident is a version that users met and that was taken back.",
    ),
    _row(
        "drill",
        post_drill,
        wire.DrillRequest,
        "Rehearse the way back",
        "The version that an undo would go back to runs beside the running one for a while. Nothing is changed by it.",
    ),
    _row(
        "down",
        post_down,
        wire.VerbRequest,
        "Stop the service",
        "Answers when nothing of the service is left, a minute at most; every other verb answers at once.",
    ),
)
