"""Feature flags for unmodified SDKs of LaunchDarkly, Unleash and ConfigCat, on the paths that these know.

A program changes the URL and the key. What a form cannot say is left out of it: `ferry flags lint --compat` lists that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, cast

from starlette.responses import Response

from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import AnyEndpoint, Call, Endpoint, Nothing, Scoped
from ferryman.api.flags.asker import environment_of, need_definitions
from ferryman.api.flags.counting import count_untold, launchdarkly_counts, unleash_counts
from ferryman.api.flags.hub import Form
from ferryman.api.flags.stream import FlagStream
from ferryman.api.requests import Foreign, is_known
from ferryman.api.stream.messages import MEDIA_TYPE
from ferryman.api.stream.subscriber import StillAllowed
from ferryman.engine.flags.evaluations import Cell, Tally, arrived

AnyCall = Call[Any, Any]


def _environment(call: AnyCall) -> str:
    need_definitions(call.principal)
    return environment_of(call.principal, None)


def _rendered(call: AnyCall, system: str, environment: str) -> Response:
    made = call.api.controller.flags.rendered(system, environment)
    headers = {"etag": f'"{environment}:{made.version}"', "cache-control": "no-cache"}
    if is_known(call.request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(made.body, headers=headers, media_type="application/json")


def _followed(call: AnyCall, form: Form) -> FlagStream:
    environment = _environment(call)
    checked = None if call.principal.via == "socket" else _still(call, environment)
    return FlagStream(call.api.flag_hub, environment, form, None, checked)


def _still(call: AnyCall, environment: str) -> StillAllowed:
    async def check() -> bool:
        principal = await call.api.authenticate(call.request)
        return principal.may(Permission.EVALUATE, "*") and environment_of(principal, environment) == environment

    return check


async def get_latest_all(call: Call[Nothing, Nothing]) -> Response:
    """Everything as LaunchDarkly's SDKs poll it."""
    return _rendered(call, Form.LAUNCHDARKLY, _environment(call))


async def get_all(call: Call[Nothing, Nothing]) -> FlagStream:
    """The same, live."""
    return _followed(call, Form.LAUNCHDARKLY)


async def post_bulk(call: Call[Nothing, Foreign]) -> dict[str, str]:
    """Events of LaunchDarkly's SDKs; their summaries are counters."""
    environment = _environment(call)
    flags = call.api.controller.flags.environment(environment).flags
    _count(call, environment, launchdarkly_counts(call.body.data, flags))
    return {}


async def post_diagnostic(call: Call[Nothing, Foreign]) -> dict[str, str]:
    """What an SDK says of itself. It is not kept."""
    _environment(call)
    return {}


async def get_features(call: Call[Nothing, Nothing]) -> Response:
    """Everything as Unleash's SDKs poll it."""
    return _rendered(call, Form.UNLEASH, _environment(call))


async def get_streaming(call: Call[Nothing, Nothing]) -> FlagStream:
    """The same, live."""
    return _followed(call, Form.UNLEASH)


async def post_metrics(call: Call[Nothing, Foreign]) -> dict[str, str]:
    """Counters of Unleash's SDKs."""
    environment = _environment(call)
    flags = call.api.controller.flags.environment(environment).flags
    _count(call, environment, unleash_counts(call.body.data, flags))
    return {}


async def get_config(call: Call[Nothing, Nothing]) -> Response:
    """Everything as ConfigCat's SDKs poll it. Their key is in the path: it is a token."""
    access = call.api.access
    access.check_host(call.request)
    principal = await access.by_token(str(call.request.path_params["token"]), call.request)
    principal.need(Permission.EVALUATE, "*")
    need_definitions(principal)
    environment = environment_of(principal, None)
    count_untold(call.api.controller.flags, environment, time.time())
    return _rendered(call, "configcat", environment)


def _count(call: AnyCall, environment: str, counts: Iterable[tuple[str, str, int, int]]) -> None:
    now = time.time()
    cells = [
        (Cell(environment, flag, variant, arrived(second, now)), Tally(number))
        for flag, variant, second, number in counts
        if number > 0
    ]
    service = call.api.controller.flags
    numbers: dict[str, int] = {}
    for cell, tally in cells:
        numbers[cell.flag] = numbers.get(cell.flag, 0) + tally.evaluations
    service.askers.told(environment, call.principal.name, numbers, None, now)
    service.evaluations.add(cells, now)


def _row(
    method: str,
    path: str,
    handler: Any,
    summary: str,
    *,
    status: int = 200,
    media: str = "application/json",
    permission: Permission | None = Permission.EVALUATE,
) -> AnyEndpoint:
    return Endpoint(
        method=cast("Any", method),
        path=path,
        permission=permission,
        scope=Scoped.EVERYWHERE,
        handler=handler,
        answer=str if media == MEDIA_TYPE else object,
        query=Nothing,
        body=Foreign if method == "POST" else Nothing,
        status=status,
        media=media,
        open_query=True,
        summary=summary,
    )


def _rows() -> Iterator[AnyEndpoint]:
    yield _row("GET", "/sdk/latest-all", get_latest_all, "LaunchDarkly: all flags and segments")
    yield _row("GET", "/all", get_all, "LaunchDarkly: the same, live", media=MEDIA_TYPE)
    yield _row("POST", "/bulk", post_bulk, "LaunchDarkly: events; summaries are counted", status=202)
    yield _row(
        "POST", "/diagnostic", post_diagnostic, "LaunchDarkly: what an SDK says of itself; it is not kept", status=202
    )
    yield _row("GET", "/api/client/features", get_features, "Unleash: all features")
    yield _row("GET", "/api/client/streaming", get_streaming, "Unleash: the same, live", media=MEDIA_TYPE)
    yield _row("POST", "/api/client/register", post_diagnostic, "Unleash: who a client is; it is not kept", status=202)
    yield _row(
        "GET",
        "/configuration-files/configcat-proxy/{token}/config_v6.json",
        get_config,
        "ConfigCat: all settings",
        permission=None,
    )
    yield _row("POST", "/api/client/metrics", post_metrics, "Unleash: counters", status=202)


ENDPOINTS: tuple[AnyEndpoint, ...] = tuple(_rows())
