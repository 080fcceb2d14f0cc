"""What goes over the wire beside the views: bodies of requests, answers that are no view, and their limits.

Shared by the server and its clients; imports no web framework. Times are epoch seconds.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ferryman.model.plan import Plan
from ferryman.model.revision import Revision
from ferryman.model.rollout import Service
from ferryman.model.view import EventView

BODY_BYTES_MAX = 1024 * 1024
WAIT_SECONDS_MAX = 30.0
EVENTS_MAX = 1000
HISTORY_MAX = 1000
LOG_LINES_MAX = 10_000
REASON_CHARACTERS_MAX = 2000
ACTOR_CHARACTERS_MAX = 200

VERBS = ("promote", "pause", "resume", "abort", "retry", "undo", "restart", "down")
"""What may stand last in the path of a POST to a service."""

T = TypeVar("T")


class HealthView(msgspec.Struct, frozen=True):
    """Who answers: a controller's version, process id, project folder and when it started."""

    version: str
    pid: int
    project: str
    started_at: float


class EventsPage(msgspec.Struct, frozen=True):
    """Some events and the position to ask after next time."""

    events: tuple[EventView, ...]
    position: int


class Verified(msgspec.Struct, frozen=True):
    """The log of a service is intact over this many events."""

    events: int


class PlanView(msgspec.Struct, frozen=True):
    """What a deploy would start now. `service` is the state it was compiled against, `current` the id of the rollout
    that runs now ("" for none)."""

    service: Service
    plan: Plan
    revision: Revision
    current: str


class PlanRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A release file and what to call it in messages."""

    document: str
    file: str


class DeployRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`base` is the id of the running rollout that the caller saw ("" for none); None does not care."""

    document: str
    file: str
    base: str | None = None
    reason: str = ""
    actor: str = ""


class VerbRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`full` is of promote and retry; `to`, `with_steps` and `force` are of undo."""

    reason: str = ""
    actor: str = ""
    full: bool = False
    to: str | None = None
    with_steps: bool = False
    force: bool = False


def encode(value: object) -> bytes:
    """JSON of any view or body; numbers that are no JSON (NaN, infinity) become null."""
    return msgspec.json.encode(value)


def decode(data: bytes, kind: type[T]) -> T:
    """`data` as `kind`. Raises `msgspec.DecodeError` (a `ValidationError` when it is JSON of another shape)."""
    return msgspec.json.decode(data, type=kind)
