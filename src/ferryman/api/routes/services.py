"""What services are and were: views, history, logs of instances, the check of the log."""

from __future__ import annotations

from ferryman.api import wire
from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.model.checklist import ChecklistView
from ferryman.model.view import RolloutSummary, ServiceView


async def get_services(call: Call[Nothing, Nothing]) -> tuple[ServiceView, ...]:
    """Those that the caller may read."""
    views = await call.api.controller.views()
    return tuple(view for view in views if call.may(Permission.READ, view.service))


async def get_service(call: Call[Nothing, Nothing]) -> ServiceView:
    """One view."""
    return await call.api.controller.view(call.service)


async def get_history(call: Call[wire.HistoryQuery, Nothing]) -> tuple[RolloutSummary, ...]:
    """Rollouts, newest first."""
    return await call.api.controller.history(call.service, call.query.limit)


async def get_checklist(call: Call[Nothing, Nothing]) -> ChecklistView:
    """How the checklist stands."""
    return await call.api.controller.checklist(call.service)


async def get_logs(call: Call[wire.LogsQuery, Nothing]) -> dict[str, str]:
    """What instances wrote."""
    query = call.query
    return await call.api.controller.logs(call.service, instance=query.instance, label=query.label, lines=query.lines)


async def get_verified(call: Call[Nothing, Nothing]) -> wire.Verified:
    """The check of the hash chain."""
    return wire.Verified(await call.api.controller.verify(call.service))


ENDPOINTS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        method="GET",
        path="/v1/services",
        permission=Permission.READ,
        scope=Scoped.SOMEWHERE,
        handler=get_services,
        answer=tuple[ServiceView, ...],
        query=Nothing,
        body=Nothing,
        summary="Every service that the caller may read",
    ),
    Endpoint(
        method="GET",
        path="/v1/services/{service}",
        permission=Permission.READ,
        handler=get_service,
        answer=ServiceView,
        query=Nothing,
        body=Nothing,
        summary="One service",
        detail="Sides, instances, rollout, evidence, what is waited for, what comes next, legal verbs.",
    ),
    Endpoint(
        method="GET",
        path="/v1/services/{service}/history",
        permission=Permission.READ,
        handler=get_history,
        answer=tuple[RolloutSummary, ...],
        query=wire.HistoryQuery,
        body=Nothing,
        summary="Rollouts, newest first",
    ),
    Endpoint(
        method="GET",
        path="/v1/services/{service}/checklist",
        permission=Permission.READ,
        handler=get_checklist,
        answer=ChecklistView,
        query=Nothing,
        body=Nothing,
        summary="The deployment checklist, with how each item stands",
        detail="Items of before, during and after: what each asks, what was seen, what to do.",
    ),
    Endpoint(
        method="GET",
        path="/v1/services/{service}/logs",
        permission=Permission.READ,
        handler=get_logs,
        answer=dict[str, str],
        query=wire.LogsQuery,
        body=Nothing,
        summary="The last lines that instances wrote, by instance id",
    ),
    Endpoint(
        method="GET",
        path="/v1/services/{service}/verify",
        permission=Permission.READ,
        handler=get_verified,
        answer=wire.Verified,
        query=Nothing,
        body=Nothing,
        summary="Recompute the hash chain of the log",
        detail="503 names the first bad event.",
    ),
)
