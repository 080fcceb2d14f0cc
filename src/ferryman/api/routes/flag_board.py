"""Feature flags at a glance: all of them in every environment, and one of them in all."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.api.flags.wire import FlagDifference
from ferryman.api.flags.writing import version_number
from ferryman.engine.flags.askers import AskerView
from ferryman.engine.flags.service import FlagService
from ferryman.flags.board import FlagEverywhere, FlagsBoard, WaitingView, flag_everywhere, waiting_view
from ferryman.flags.ledger import Written
from ferryman.flags.requests import Request, keys_of
from ferryman.model.errors import FerrymanError, UsageError
from ferryman.spec.flag_text import difference

WRITES = frozenset({"created", "written", "removed"})
PLANNED_MAX = 20
"""Requests of one flag whose effect is worked out."""


async def get_board(call: Call[Nothing, Nothing]) -> FlagsBoard:
    """Everything."""
    service = call.api.controller.flags
    await service.check_store()
    return await asyncio.to_thread(service.board)


async def get_everywhere(call: Call[Nothing, Nothing]) -> FlagEverywhere:
    """One flag."""
    service, key = call.api.controller.flags, str(call.request.path_params["flag"])
    rows = service.rows(frozenset({key}))
    if not rows:
        raise UsageError("unknown_flag", f"there is no flag {key[:128]!r}", "see `ferry flags board`")
    open_ones = [each for each in service.ledger.requests.known.values() if each.state == "open"]
    about = [each for each in open_ones if key in keys_of(each)][:PLANNED_MAX]
    waiting = tuple([await _waiting(service, each) for each in about])
    # Read again: plans were waited for.
    rows = service.rows(frozenset({key})) or rows
    return flag_everywhere(service.ledger, rows[0], waiting, service.trouble, service.drivers(), service.breakers)


async def get_difference(call: Call[Nothing, Nothing]) -> FlagDifference:
    """What one write changed."""
    service, path = call.api.controller.flags, call.request.path_params
    environment, key = str(path["environment"]), str(path["flag"])
    after = version_number(str(path["version"]))
    flag = await service.version_of(environment, key, after)
    history = service.environment(environment).history[key]
    earlier = [done.version for done in history if done.kind in WRITES and done.version < after]
    before = earlier[-1] if earlier else 0
    was = await service.version_of(environment, key, before) if before else None
    return FlagDifference(before, after, difference(was, flag, (f"version {before}", f"version {after}")))


async def get_askers(call: Call[Nothing, Nothing]) -> tuple[AskerView, ...]:
    """Who evaluates a flag."""
    service, path = call.api.controller.flags, call.request.path_params
    environment, key = str(path["environment"]), str(path["flag"])
    service.known(environment, key)
    return service.askers.of(environment, key)


async def _waiting(service: FlagService, request: Request) -> WaitingView:
    body = msgspec.convert(request.asked.write, Written)
    try:
        return waiting_view(request, (await service.plan(body.changes)).plans, "")
    except FerrymanError as problem:
        return waiting_view(request, (), problem.message)


def _row(path: str, handler: Any, answer: Any, summary: str, detail: str) -> AnyEndpoint:
    return Endpoint(
        method="GET",
        path=path,
        permission=Permission.READ,
        scope=Scoped.EVERYWHERE,
        handler=handler,
        answer=answer,
        query=Nothing,
        body=Nothing,
        summary=summary,
        detail=detail,
    )


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    _row("/v1/flags", get_board, FlagsBoard, "Every flag in every environment",
         "With those that should go: expired, the same for everybody, or asked for by no program for 30 days."),
    _row("/v1/flags/{flag}/everywhere", get_everywhere, FlagEverywhere, "One flag in all its environments",
         "What it serves to whom in words, what was done to it, and the changes that wait for people."),
    _row("/v1/environments/{environment}/flags/{flag}/versions/{version}/difference", get_difference, FlagDifference,
         "What a write changed in a flag", "Against the write before it, as lines of a flags file."),
    _row("/v1/environments/{environment}/flags/{flag}/askers", get_askers, tuple[AskerView, ...],
         "Which programs evaluate a flag", "Programs by the name of their token, as they reported since the controller began."),
)  # fmt: skip
