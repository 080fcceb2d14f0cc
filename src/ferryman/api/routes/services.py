"""What services are and were: views, history, logs of instances, the check of the log."""

from __future__ import annotations

from ferryman.api import wire
from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Listed, Nothing, Scoped
from ferryman.model.checklist import ChecklistView
from ferryman.model.view import RolloutSummary, ServiceView


async def get_services(call: Call[wire.ServicesQuery, Nothing]) -> Listed:
    """Those that the caller may read, by name."""
    query, controller = call.query, call.api.controller
    names = [name for name in await controller.names() if name > query.after and call.may(Permission.READ, name)]
    shown = names[: query.limit]
    views = [await controller.view(name) for name in shown]
    return Listed(tuple(views), shown[-1] if len(names) > len(shown) else None)


async def get_service(call: Call[Nothing, Nothing]) -> ServiceView:
    """One view."""
    return await call.api.controller.view(call.service)


async def get_history(call: Call[wire.HistoryQuery, Nothing]) -> Listed:
    """Rollouts, newest first."""
    return await _rollouts(call, call.service)


async def get_every_history(call: Call[wire.HistoryQuery, Nothing]) -> Listed:
    """Those of all services that the caller may read."""
    return await _rollouts(call, None)


async def _rollouts(call: Call[wire.HistoryQuery, Nothing], service: str | None) -> Listed:
    query = call.query
    found = await call.api.controller.history(
        service, after=query.after, limit=query.limit + 1, wanted=lambda name: call.may(Permission.READ, name)
    )
    shown = found[: query.limit]
    return Listed(shown, shown[-1].id if len(found) > len(shown) else None)


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
        query=wire.ServicesQuery,
        body=Nothing,
        summary="Every service that the caller may read, by name",
        detail="Where there are more, the header `Link` has the address of the next part.",
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
        detail="Where there are more, the header `Link` has the address of the next part.",
    ),
    Endpoint(
        method="GET",
        path="/v1/history",
        permission=Permission.READ,
        scope=Scoped.SOMEWHERE,
        handler=get_every_history,
        answer=tuple[RolloutSummary, ...],
        query=wire.HistoryQuery,
        body=Nothing,
        summary="Rollouts of every service that the caller may read, newest first",
        detail="Where there are more, the header `Link` has the address of the next part.",
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
