"""The route table: the rows of every group, in the order of the documentation."""

from __future__ import annotations

from ferryman.api.endpoint import AnyEndpoint
from ferryman.api.routes import (
    access,
    approval,
    audit,
    controller,
    deploy,
    events,
    flag_board,
    flag_clients,
    flag_sdks,
    flags,
    health,
    notify,
    oidc,
    rollouts,
    services,
    stream,
    verbs,
)

GROUPS: dict[str, tuple[AnyEndpoint, ...]] = {
    "services": services.ENDPOINTS,
    "rollouts": rollouts.ENDPOINTS,
    "events": events.ENDPOINTS,
    "stream": stream.ENDPOINTS,
    "deploy": deploy.ENDPOINTS,
    "verbs": verbs.ENDPOINTS,
    "approval": approval.ENDPOINTS,
    "flags": (*flag_board.ENDPOINTS, *flags.ENDPOINTS),
    "flags for programs": flag_clients.ENDPOINTS,
    "flags for other clients": flag_sdks.ENDPOINTS,
    "audit": audit.ENDPOINTS,
    "access": (*access.ENDPOINTS, *oidc.ENDPOINTS),
    "health": health.ENDPOINTS,
    "notify": notify.ENDPOINTS,
    "controller": controller.ENDPOINTS,
}

ENDPOINTS: tuple[AnyEndpoint, ...] = tuple(row for rows in GROUPS.values() for row in rows)
