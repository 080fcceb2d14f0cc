"""The ASGI application: a route for each path of the table, and problem documents for whatever matches none."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ferryman.api.context import Api
from ferryman.api.dispatch import Dispatch
from ferryman.api.flags.other_sites import PREFIX, OtherSites
from ferryman.api.requests import refuse
from ferryman.api.routes import ENDPOINTS
from ferryman.api.site import Site
from ferryman.model.errors import UsageError


class _Methods:
    """One path: each method to its own endpoint. HEAD is GET, whose body the server leaves out."""

    def __init__(self) -> None:
        self.by_method: dict[str, Dispatch] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.by_method.get("GET" if scope["method"] == "HEAD" else scope["method"])
        if found is not None:
            await found(scope, receive, send)
            return
        allowed: set[str] = set(self.by_method) | ({"HEAD"} if "GET" in self.by_method else set())
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(allowed))})


class _Pages:
    """Every other path: the dashboard's, or nobody's."""

    def __init__(self) -> None:
        self.site = Site()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        reads = request.method in {"GET", "HEAD"}
        found = self.site.answer(request, request.path_params["path"]) if reads else None
        if found is None:
            raise HTTPException(404)
        await found(scope, receive, send)


def create_app(api: Api) -> Starlette:
    """The ASGI application over `api`."""
    paths: dict[str, _Methods] = {}
    for row in ENDPOINTS:
        paths.setdefault(row.path, _Methods()).by_method[row.method] = Dispatch(api, row)
    # Tried one after the other: what programs ask for each of their users comes first.
    ordered = sorted(paths.items(), key=lambda item: not item[0].startswith(PREFIX))
    routes = [*(Route(path, methods) for path, methods in ordered), Route("/{path:path}", _Pages())]
    handlers = {HTTPException: _no_route}
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(OtherSites)])


async def _no_route(request: Request, error: Exception) -> Response:
    """Answers of the framework itself: no such path, no such method."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    refused = refuse(
        UsageError(code, f"{request.method} {request.url.path}: {error.detail}", "see docs/reference/api.md")
    )
    refused.headers.update(error.headers or {})
    return refused
