"""One row of the route table, and what its handler is given.

Everything else follows from the rows in `ferryman.api.routes`: routing, decoding, the permission check, OpenAPI, the
reference in the documentation, and the tests that walk them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

import msgspec
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from ferryman.api.access.principal import Permission, Principal
from ferryman.api.context import Api
from ferryman.api.requests import FORM, JSON
from ferryman.api.wire import BODY_BYTES_MAX
from ferryman.model.errors import FerrymanError, UsageError

DIGITS_MAX = 12
Q = TypeVar("Q")
B = TypeVar("B")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Scoped(StrEnum):
    """What a permission is asked on."""

    SERVICE = "service"
    """The service of the path, `{service}` or the one that `{rollout}` belongs to."""
    SOMEWHERE = "somewhere"
    """Any service will do: the handler leaves out, or refuses by `Call.require`, what the caller may not."""
    EVERYWHERE = "everywhere"
    """The controller as a whole."""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No query, or no body."""


@runtime_checkable
class Answer(Protocol):
    """An ASGI application that answers one request: what a handler returns when its answer is not one piece of JSON."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


@dataclass(frozen=True)
class Listed:
    """A part of a list. `after` is what to ask for the next part with, None at the end."""

    items: tuple[object, ...]
    after: str | None


@dataclass(frozen=True)
class Call(Generic[Q, B]):
    """One request, recognised and decoded."""

    api: Api
    request: Request
    principal: Principal
    query: Q
    body: B

    @property
    def service(self) -> str:
        """The `{service}` of the path."""
        return str(self.request.path_params["service"])

    @property
    def rollout(self) -> str:
        """The `{rollout}` of the path."""
        return str(self.request.path_params["rollout"])

    def actor(self, claimed: str = "") -> str:
        """Who is written down: the principal. Over the socket its owner may name the person it acts for."""
        return claimed if claimed and self.principal.via == "socket" else self.principal.name

    def reason_for(self, claimed: str, reason: str) -> str:
        """The reason for what counts as the caller's own word: a person it says it acts for is kept with it, no more."""
        if self.principal.via != "socket" or claimed in ("", self.principal.name):
            return reason
        return f"for {claimed}: {reason}" if reason else f"for {claimed}"

    def may(self, permission: Permission, service: str | None) -> bool:
        """Whether the caller may; None as in `Principal.may`."""
        return self.principal.may(permission, service)

    def require(self, permission: Permission, service: str | None) -> None:
        """Raises `Forbidden` unless the caller may."""
        self.principal.need(permission, service)


@dataclass(frozen=True, kw_only=True)
class Endpoint(Generic[Q, B]):
    """One method of one path.

    `permission` None: anybody, recognised or not (then `Call.principal` has no roles unless it was recognised).
    `answer` is the type of the JSON that comes back with `status`; for another `media` it is `str`. `query` and `body`
    are structs that forbid unknown fields. `problems` names the statuses of errors beyond those every endpoint may have.
    With `open_query` names that `query` does not know are passed over: somebody else's protocol says what they are, and
    has a `wording` of its own for errors.
    `bytes_max` is the largest body.
    `refusal` is for pages that stand by themselves: it makes the page of an error. Whoever opens them is not looked for
    (what is in query or body must prove it), and their body is that of an HTML form.
    """

    method: Method
    path: str
    permission: Permission | None
    handler: Callable[[Call[Q, B]], Awaitable[object]]
    answer: Any
    query: type[Q]
    body: type[B]
    summary: str
    scope: Scoped = Scoped.SERVICE
    status: int = 200
    media: str = JSON
    detail: str = ""
    problems: tuple[int, ...] = ()
    open_query: bool = False
    refusal: Callable[[FerrymanError], Answer] | None = None
    wording: Callable[[FerrymanError], Answer] | None = None
    bytes_max: int = BODY_BYTES_MAX

    @property
    def name(self) -> str:
        """Stable name of the operation, from method and path: `get_services_service_history`."""
        words = [part.strip("{}") for part in self.path.split("/") if part and part != "v1"]
        return "_".join((self.method.lower(), *words)).replace("-", "_").replace(".", "_")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parts of the path that vary."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def takes(self) -> str:
        """The media type of its body."""
        return JSON if self.refusal is None else FORM

    @property
    def keyed(self) -> bool:
        """Whether it heeds `Idempotency-Key`: what steers a service. Answers that may hold a secret are not kept."""
        return self.writes and self.permission is Permission.OPERATE

    @property
    def tagged(self) -> bool:
        """Whether its answer has an `ETag`."""
        return not self.writes and self.media == JSON and self.permission is not None


AnyEndpoint = Endpoint[Any, Any]


def service_of_rollout(rollout: str) -> str:
    """The service in the id of a rollout, ``<service>-<number>``. Raises `UsageError` (``unknown_rollout``)."""
    service, dash, number = rollout.rpartition("-")
    if not (service and dash and number.isascii() and number.isdigit() and len(number) < DIGITS_MAX):
        raise UsageError(
            "unknown_rollout", f"there is no rollout {rollout!r}", "ids look like shop-7: see `ferry history`"
        )
    return service
