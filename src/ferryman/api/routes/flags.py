"""Feature flags for people: look, plan, write, kill, go back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.api.flags.wire import (
    DOCUMENT_BYTES_MAX,
    ContextRequest,
    EvaluationsQuery,
    FlagChange,
    FlagDeed,
    FlagRemoval,
    FlagRevert,
    FlagsAnswer,
    FlagsPlanRequest,
    FlagsRequest,
    FlagVersion,
    RequestAnswer,
)
from ferryman.api.flags.writing import one, planned, turned, version_before, version_number, written
from ferryman.engine.flags.evaluations import VariantMinute
from ferryman.engine.flags.explain import Explanation, explain
from ferryman.engine.flags.service import FlagService
from ferryman.flags.definition import Flag
from ferryman.flags.requests import Request, RequestView, request_view
from ferryman.flags.views import (
    DoneView,
    EnvironmentView,
    FlagsView,
    FlagView,
    environment_view,
    flag_view,
    flags_view,
    history,
)
from ferryman.model.errors import UsageError

HERE = "/v1/environments/{environment}/flags"


def _place(call: Call[Any, Any]) -> tuple[str, str]:
    """`{environment}` and `{flag}` of the path."""
    return str(call.request.path_params["environment"]), str(call.request.path_params["flag"])


async def get_environments(call: Call[Nothing, Nothing]) -> tuple[EnvironmentView, ...]:
    """All of them."""
    service = call.api.controller.flags
    trouble = await service.check_store()
    return tuple(environment_view(each, trouble) for _, each in sorted(service.ledger.environments.items()))


async def get_flags(call: Call[Nothing, Nothing]) -> FlagsView:
    """Those of one environment; none where nothing was written."""
    service = call.api.controller.flags
    name = str(call.request.path_params["environment"])
    told, unasked = service.evaluated(name), service.unasked(name)
    return flags_view(service.environment(name), service.trouble, told, unasked)


async def get_flag(call: Call[Nothing, Nothing]) -> FlagView:
    """One."""
    return _view(call.api.controller.flags, *_place(call))


def _view(service: FlagService, environment: str, key: str) -> FlagView:
    flag, served = service.known(environment, key), service.served(environment).flags.get(key, {})
    evaluated, breaker = service.evaluated(environment), service.breakers.get((environment, key))
    return flag_view(service.environment(environment), flag, served, evaluated, breaker)


async def get_history(call: Call[Nothing, Nothing]) -> tuple[DoneView, ...]:
    """Everything done to one, also to one that is gone."""
    service, (environment, key) = call.api.controller.flags, _place(call)
    found = history(service.environment(environment), key)
    if not found:
        service.known(environment, key)
    return found


async def get_version(call: Call[Nothing, Nothing]) -> FlagVersion:
    """One as it was written."""
    (environment, key), version = _place(call), version_number(str(call.request.path_params["version"]))
    flag = await call.api.controller.flags.version_of(environment, key, version)
    return FlagVersion(environment, key, version, flag)


async def get_evaluations(call: Call[EvaluationsQuery, Nothing]) -> tuple[VariantMinute, ...]:
    """How often each variant was given, and how requests with it fared."""
    service, (environment, key) = call.api.controller.flags, _place(call)
    service.known(environment, key)
    since = time.time() - 3600.0 if call.query.since is None else call.query.since
    if call.query.by == "day" and service.keeping is not None:
        return await service.keeping.daily(environment, key, since)
    return service.evaluations.of(environment, key, since)


async def post_plan(call: Call[Nothing, FlagsPlanRequest]) -> FlagsAnswer:
    """What a file would do."""
    asked = await call.api.documents.read(call.body.document, call.body.file, call.body.environments)
    return planned(await call.api.controller.flags.plan(asked.changes, asked.refuse), asked.warnings())


async def post_flags(call: Call[Nothing, FlagsRequest]) -> FlagsAnswer:
    """Write a file."""
    body = call.body
    asked = await call.api.documents.read(body.document, body.file, body.environments)
    result = await call.api.controller.flags.write(
        asked.changes,
        parent=body.parent,
        actor=call.actor(body.actor),
        reason=body.reason,
        rebucket=body.rebucket,
        account=call.principal.name,
        refuse=asked.refuse,
    )
    return written(result, asked.warnings())


async def _write_one(
    call: Call[Nothing, FlagChange] | Call[Nothing, FlagRevert], flag: Flag | None, reverted: int = 0
) -> FlagsAnswer:
    service, (environment, key), body = call.api.controller.flags, _place(call), call.body
    changes = one(environment, key, flag)
    if body.dry_run:
        return planned(await service.plan(changes))
    result = await service.write(
        changes,
        parent=body.parent,
        actor=call.actor(body.actor),
        reason=body.reason,
        rebucket=body.rebucket,
        reverted=reverted,
        account=call.principal.name,
    )
    return written(result)


async def post_change(call: Call[Nothing, FlagChange]) -> FlagsAnswer:
    """Turn one thing."""
    return await _write_one(call, turned(call.api.controller.flags.known(*_place(call)), call.body))


async def post_revert(call: Call[Nothing, FlagRevert]) -> FlagsAnswer:
    """Write it again as it was."""
    service, (environment, key) = call.api.controller.flags, _place(call)
    version = call.body.version or await version_before(service, environment, key)
    flag = await service.version_of(environment, key, version)
    if flag is None:
        raise UsageError("unknown_version", f"{key!r} was taken away in version {version}", "go back to another one")
    return await _write_one(call, flag, version)


async def post_remove(call: Call[Nothing, FlagRemoval]) -> FlagsAnswer:
    """Take it out of the environment."""
    service, (environment, key), body = call.api.controller.flags, _place(call), call.body
    service.known(environment, key)
    changes = one(environment, key, None)
    account = call.principal.name
    result = await service.write(
        changes, parent=body.parent, actor=call.actor(body.actor), reason=body.reason, account=account
    )
    return written(result)


async def post_kill(call: Call[Nothing, FlagDeed]) -> FlagView:
    """Off for everybody."""
    return await _override(call, "kill")


async def post_unkill(call: Call[Nothing, FlagDeed]) -> FlagView:
    """As it was intended."""
    return await _override(call, "unkill")


async def _override(call: Call[Nothing, FlagDeed], deed: str) -> FlagView:
    service, (environment, key) = call.api.controller.flags, _place(call)
    await service.override(deed, environment, key, actor=call.actor(call.body.actor), reason=call.body.reason)
    return _view(service, environment, key)


async def get_requests(call: Call[Nothing, Nothing]) -> tuple[RequestView, ...]:
    """Writes that wait for people, and the last that did."""
    return tuple(request_view(each) for each in reversed(call.api.controller.flags.ledger.requests.known.values()))


async def post_approve(call: Call[Nothing, RequestAnswer]) -> RequestView:
    """Agree."""
    return await _answer(call, call.api.controller.flags.approve)


async def post_deny(call: Call[Nothing, RequestAnswer]) -> RequestView:
    """Refuse."""
    return await _answer(call, call.api.controller.flags.deny)


async def _answer(call: Call[Nothing, RequestAnswer], answer: Callable[..., Awaitable[Request]]) -> RequestView:
    """The word is that of who really asks, as with releases."""
    text, body = str(call.request.path_params["request"]), call.body
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise UsageError("unknown_request", f"{text[:40]!r} is no number of a request", "see `ferry flags requests`")
    role = call.principal.role(None)
    reason = call.reason_for(body.actor, body.reason)
    request = await answer(
        int(text), body.digest, account=call.principal.name, role=role.value if role else "", reason=reason
    )
    return request_view(request)


async def post_explain(call: Call[Nothing, ContextRequest]) -> Explanation:
    """Why a user gets what they get."""
    service, (environment, key) = call.api.controller.flags, _place(call)
    here = service.environment(environment)
    flag, served = service.known(environment, key), service.served(environment)
    return await asyncio.to_thread(explain, flag, here.whole, here.in_force(), served.flags, call.body.context)


def _row(method: Any, path: str, handler: Any, answer: Any, body: Any, summary: str, **more: Any) -> AnyEndpoint:
    """A row; all of these are about every service, for flags belong to none."""
    permission = more.pop("permission", Permission.READ if method == "GET" else Permission.OPERATE)
    return Endpoint(
        method=method,
        path=path,
        permission=permission,
        scope=Scoped.EVERYWHERE,
        handler=handler,
        answer=answer,
        query=more.pop("query", Nothing),
        body=body,
        summary=summary,
        **more,
    )


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    _row("GET", "/v1/environments", get_environments, tuple[EnvironmentView, ...], Nothing,
         "Environments of flags", detail="One is there as soon as something was written to it."),
    _row("GET", HERE, get_flags, FlagsView, Nothing, "The flags and segments of an environment"),
    _row("GET", HERE + "/{flag}", get_flag, FlagView, Nothing, "One flag: as intended and as served"),
    _row("GET", HERE + "/{flag}/history", get_history, tuple[DoneView, ...], Nothing,
         "Everything done to a flag, oldest first"),
    _row("GET", HERE + "/{flag}/versions/{version}", get_version, FlagVersion, Nothing,
         "A flag as it was written in one config version"),
    _row("GET", HERE + "/{flag}/evaluations", get_evaluations, tuple[VariantMinute, ...], Nothing,
         "How often each variant was given, and how requests with it fared, by minute", query=EvaluationsQuery,
         detail="As programs reported. Minutes are kept for a day, days for 90; with `by=day` each `minute` is the beginning "
         "of a day of UTC."),
    _row("POST", HERE + "/{flag}/explain", post_explain, Explanation, ContextRequest,
         "What a flag serves to a user, and why", permission=Permission.READ,
         detail="Each thing that was asked in turn, the user's bucket and the slot that it lies in."),
    _row("POST", "/v1/flags/plan", post_plan, FlagsAnswer, FlagsPlanRequest,
         "What writing a flags file would do to users", permission=Permission.READ, bytes_max=DOCUMENT_BYTES_MAX,
         detail="Counts are of 100,000 users: exact where hash, seed and attribute stay, of made-up users otherwise."),
    _row("POST", "/v1/flags", post_flags, FlagsAnswer, FlagsRequest, "Write a flags file", bytes_max=DOCUMENT_BYTES_MAX,
         detail="All of it counts or none. 409 `flag_moved` when a flag in it changed after `parent`; 409 `rebucket` when "
         "exposed users would move and the request does not say so."),
    _row("GET", "/v1/flags/requests", get_requests, tuple[RequestView, ...], Nothing,
         "Writes that wait for people to agree, and the last that did, newest first"),
    _row("POST", "/v1/flags/requests/{request}/approve", post_approve, RequestView, RequestAnswer,
         "Agree to a write that waits", detail="With the last word it is written. The author's does not count."),
    _row("POST", "/v1/flags/requests/{request}/deny", post_deny, RequestView, RequestAnswer, "Refuse it",
         detail="One word ends it; its author may take it back."),
    _row("POST", HERE + "/{flag}/change", post_change, FlagsAnswer, FlagChange, "Change exposure or state of a flag"),
    _row("POST", HERE + "/{flag}/revert", post_revert, FlagsAnswer, FlagRevert,
         "Write a flag again as it was in an earlier version"),
    _row("POST", HERE + "/{flag}/remove", post_remove, FlagsAnswer, FlagRemoval, "Take a flag out of an environment"),
    _row("POST", HERE + "/{flag}/kill", post_kill, FlagView, FlagDeed, "Serve `off` to everybody, now",
         detail="What was intended stays as it was. Doing it twice changes nothing."),
    _row("POST", HERE + "/{flag}/unkill", post_unkill, FlagView, FlagDeed, "End a kill"),
)  # fmt: skip
