"""The HTTP API of a controller: thin routes over `Operations`, errors as problem documents.

Everything may be read over the unix socket and over TCP. What changes something is taken over the socket only, since
its file permissions tell who may: a release file names commands to run.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ferryman.api import wire
from ferryman.api.port import Operations
from ferryman.api.requests import answer, number, read_body, refuse, text
from ferryman.core.phases import Verb
from ferryman.model.errors import FerrymanError, UsageError
from ferryman.model.view import AnswerView, EventView

Handler = Callable[[Request], Awaitable[Response]]
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass
class Api:
    """The routes' state: the controller, who it says it is, and what ends it. `stopping` ends long polls."""

    controller: Operations
    health: wire.HealthView
    on_shutdown: Callable[[], None]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def get_health(self, request: Request) -> Response:
        return answer(self.health)

    async def get_services(self, request: Request) -> Response:
        return answer(await self.controller.views())

    async def get_service(self, request: Request) -> Response:
        return answer(await self.controller.view(_service(request)))

    async def get_history(self, request: Request) -> Response:
        limit = int(number(request, "limit", 50, 1, wire.HISTORY_MAX))
        return answer(await self.controller.history(_service(request), limit))

    async def get_logs(self, request: Request) -> Response:
        query = request.query_params
        lines = int(number(request, "lines", 100, 1, wire.LOG_LINES_MAX))
        found = await self.controller.logs(
            _service(request), instance=query.get("instance"), label=query.get("label"), lines=lines
        )
        return answer(found)

    async def get_verified(self, request: Request) -> Response:
        return answer(wire.Verified(await self.controller.verify(_service(request))))

    async def get_events(self, request: Request) -> Response:
        after = int(number(request, "after", 0, 0, float(2**53)))
        limit = int(number(request, "limit", 500, 1, wire.EVENTS_MAX))
        wait_seconds = number(request, "wait_seconds", 0, 0, wire.WAIT_SECONDS_MAX)
        query = request.query_params
        service, rollout = query.get("service"), query.get("rollout")
        deadline = asyncio.get_running_loop().time() + wait_seconds
        seen, newest = after, after
        while True:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            # The position is read before the events: what comes between the two is not skipped by the next call.
            newest = max(newest, await self._wait(seen, left))
            found = await self.controller.events(service, after=after, limit=limit, rollout=rollout)
            if found or left <= 0 or self.stopping.is_set():
                return answer(_page(found, newest))
            seen = newest

    async def _wait(self, after: int, seconds: float) -> int:
        """The newest position, awaited no longer than until the server stops."""
        waiting = asyncio.ensure_future(self.controller.wait(after, seconds))
        stopped = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() else after
        finally:
            waiting.cancel()
            stopped.cancel()

    async def post_plan(self, request: Request) -> Response:
        body = await read_body(request, wire.PlanRequest)
        service, plan, revision = await self.controller.plan(body.document, body.file)
        current = service.current
        running = current.id if current is not None and not current.phase.terminal and not service.down else ""
        return answer(wire.PlanView(service, plan, revision, running))

    async def post_deploy(self, request: Request) -> Response:
        body = await read_body(request, wire.DeployRequest)
        done = await self.controller.deploy(
            body.document, body.file, actor=_actor(body.actor), base=body.base, reason=_reason(body.reason)
        )
        return answer(done)

    async def post_verb(self, request: Request) -> Response:
        name = request.path_params["verb"]
        if name not in wire.VERBS:
            raise UsageError("not_found", f"there is no verb {name!r}", f"verbs are {', '.join(wire.VERBS)}")
        return answer(await self._do(_service(request), name, await read_body(request, wire.VerbRequest)))

    async def _do(self, service: str, name: str, body: wire.VerbRequest) -> AnswerView:
        controller, actor, reason = self.controller, _actor(body.actor), _reason(body.reason)
        if name == "down":
            return await controller.down(service, actor=actor, reason=reason)
        if name == "undo":
            return await controller.undo(
                service, actor=actor, reason=reason, to=body.to, with_steps=body.with_steps, force=body.force
            )
        verb = Verb.FULL if name == "promote" and body.full else Verb(name)
        return await controller.verb(service, verb, actor=actor, reason=reason, full=body.full)

    async def post_shutdown(self, request: Request) -> Response:
        await read_body(request, dict[str, object])
        self.on_shutdown()
        return answer(self.health)


def create_app(api: Api) -> Starlette:
    """The ASGI application over `api`."""

    def guarded(handler: Handler) -> Handler:
        async def run(request: Request) -> Response:
            try:
                _admit(request)
                return await handler(request)
            except FerrymanError as error:
                return refuse(error)
            except Exception as error:  # noqa: BLE001 -- the boundary: a defect must not take the controller down
                traceback.print_exc(file=sys.stderr)
                return refuse(_internal(error))

        return run

    def get(path: str, handler: Handler) -> Route:
        return Route(path, guarded(handler), methods=["GET"])

    def post(path: str, handler: Handler) -> Route:
        return Route(path, guarded(handler), methods=["POST"])

    routes = [
        get("/v1/health", api.get_health),
        get("/v1/services", api.get_services),
        get("/v1/services/{service}", api.get_service),
        get("/v1/services/{service}/history", api.get_history),
        get("/v1/services/{service}/logs", api.get_logs),
        get("/v1/services/{service}/verify", api.get_verified),
        get("/v1/events", api.get_events),
        post("/v1/plan", api.post_plan),
        post("/v1/deploy", api.post_deploy),
        post("/v1/services/{service}/{verb}", api.post_verb),
        post("/v1/shutdown", api.post_shutdown),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_route})


def _admit(request: Request) -> None:
    """Over TCP nothing is changed, and only loopback names are answered: a page in a browser may have bound a name of
    its own to this address. Raises `UsageError` (``read_only``)."""
    server = request.scope.get("server")
    if server is None or server[1] is None:
        return
    if request.method not in {"GET", "HEAD"}:
        raise UsageError(
            "read_only", "over TCP this controller can be read, not steered", "use its unix socket: `ferry`"
        )
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name not in LOOPBACK_NAMES:
        raise UsageError("read_only", f"this controller does not answer to the name {host!r}", "ask for 127.0.0.1")


async def _no_route(request: Request, error: Exception) -> Response:
    """Answers of the framework itself: no such path, no such method."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    return refuse(UsageError(code, f"{request.method} {request.url.path}: {error.detail}", "see docs/reference/api.md"))


def _internal(error: Exception) -> FerrymanError:
    return FerrymanError(
        "internal", f"the controller failed: {type(error).__name__}: {error}", "its log has the traceback: serve.log"
    )


def _page(found: tuple[EventView, ...], newest: int) -> wire.EventsPage:
    return wire.EventsPage(found, found[-1].position if found else newest)


def _service(request: Request) -> str:
    return str(request.path_params["service"])


def _actor(given: str) -> str:
    return text(given, "actor", wire.ACTOR_CHARACTERS_MAX) or "unknown"


def _reason(given: str) -> str:
    return text(given, "reason", wire.REASON_CHARACTERS_MAX)
