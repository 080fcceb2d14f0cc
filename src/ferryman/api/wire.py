"""What goes over the wire beside the views: bodies of requests, answers that are no view, and their limits.

Shared by the server and its clients; imports no web framework. Times are epoch seconds.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from ferryman.model.plan import Plan
from ferryman.model.revision import Revision
from ferryman.model.rollout import Service
from ferryman.model.view import EventView

BODY_BYTES_MAX = 1024 * 1024
WAIT_SECONDS_MAX = 30.0
EVENTS_MAX = 1000
HISTORY_MAX = 1000
SERVICES_MAX = 500
LOG_LINES_MAX = 10_000
POINTS_MAX = 5000
REASON_CHARACTERS_MAX = 2000
ACTOR_CHARACTERS_MAX = 200
STANDING_CHARACTERS_MAX = 400

EPOCH_SECONDS_MAX = 253_402_300_799
"""The end of the year 9999, beyond which no calendar goes."""

Reason = Annotated[str, Meta(max_length=REASON_CHARACTERS_MAX)]
Actor = Annotated[str, Meta(max_length=ACTOR_CHARACTERS_MAX)]
Standing = Annotated[str, Meta(max_length=STANDING_CHARACTERS_MAX)]
Position = Annotated[int, Meta(ge=0, le=2**53)]

T = TypeVar("T")


class HealthView(msgspec.Struct, frozen=True):
    """Who answers: a controller's version, process id, project folder and when it started."""

    version: str
    pid: int
    project: str
    started_at: float


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    alive: bool


class Ready(msgspec.Struct, frozen=True):
    """Whether the controller can do its work, and what keeps it from doing so. `warnings` keep it from nothing: channels
    by which people are not reached, flags that are served on without a store."""

    ready: bool
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


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


class DeployRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A release file and what to call it in messages. `base` is the id of the running rollout that the caller saw ("" for
    none); without it, it does not matter. `actor` counts over the socket only, else it is who asks. In an
    `emergency`, which needs a reason, it goes in full, and neither windows nor a freeze hold it."""

    document: str
    file: str
    base: str | None = None
    reason: Reason = ""
    actor: Actor = ""
    emergency: bool = False


class VerbRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why, for the log. `actor` counts over the socket only, else it is who asks. `standing` is that of the view that the
    caller saw: the verb is refused when things have moved on since; without it, that does not matter."""

    reason: Reason = ""
    actor: Actor = ""
    standing: Standing = ""


class FullRequest(VerbRequest, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`full`: all the way at once, past every gate that is left. `emergency`, which needs a reason: past release windows and
    a freeze, too."""

    full: bool = False
    emergency: bool = False


class FreezeRequest(VerbRequest, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A reason is needed. `until` is an epoch second, without it the freeze stays until it is lifted; `rollback` takes back
    what runs."""

    until: Annotated[float, Meta(ge=0, le=EPOCH_SECONDS_MAX)] | None = None
    rollback: bool = False


class ApprovalRequest(VerbRequest, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`gate` is the key of what was asked (`ApprovalView.key`), without it whatever waits is meant. It counts for who asks:
    an `actor` named over the socket is kept with the reason only."""

    gate: str | None = None


class UndoRequest(VerbRequest, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`to` is the label of the version to go back to, the last promoted one without it; `with_steps` goes by the steps of
    the strategy instead of at once; `force` also when the target is the one that was rolled back."""

    to: str | None = None
    with_steps: bool = False
    force: bool = False
    emergency: bool = False


class PostmortemRequest(VerbRequest, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """`url` is where the post-mortem of `rollout` is to be found."""

    rollout: Annotated[str, Meta(min_length=3, max_length=100)]
    url: Annotated[str, Meta(min_length=8, max_length=500)]


class DrillRequest(VerbRequest, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`traffic_percent` is the share that the version to go back to gets, for `hold_seconds`."""

    traffic_percent: Annotated[float, Meta(ge=0.0, le=50.0)] = 0.0
    hold_seconds: Annotated[float, Meta(ge=0.0, le=3600.0)] = 10.0


class ServicesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `limit` services whose names come after the name `after`."""

    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=SERVICES_MAX)] = SERVICES_MAX


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `limit` rollouts, older than the rollout `after`."""

    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=HISTORY_MAX)] = 50


class LogsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last `lines` of each instance, of one `instance` or of the version `label`."""

    instance: str | None = None
    label: str | None = None
    lines: Annotated[int, Meta(ge=1, le=LOG_LINES_MAX)] = 100


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `limit` events after the position `after`, of one `service`, of one `rollout`. While there is none, the
    answer waits up to `wait_seconds` for one. With `before` they are the last `limit` events before that position, and
    nothing is awaited."""

    service: str | None = None
    rollout: str | None = None
    after: Position = 0
    before: Position | None = None
    limit: Annotated[int, Meta(ge=1, le=EVENTS_MAX)] = 500
    wait_seconds: Annotated[float, Meta(ge=0, le=WAIT_SECONDS_MAX)] = 0.0


class StreamQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`service`: one name, or several with commas between them; every service without it. `last_event_id` is the header
    `Last-Event-ID` for clients that cannot send one."""

    service: Annotated[str, Meta(min_length=1, max_length=5000)] | None = None
    last_event_id: Position | None = None


class MeasurementsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `points` points: of more, evenly chosen ones."""

    points: Annotated[int, Meta(ge=2, le=POINTS_MAX)] = 600


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one `service`, of one `actor`, from `since` on, of `people` only, before the cursor `before`."""

    service: str | None = None
    actor: str | None = None
    since: Annotated[float, Meta(ge=0, le=1e11)] = 0.0
    people: bool = False
    before: Annotated[str, Meta(pattern=r"^([0-9]{1,18}\.[0-9]{1,18})?$")] = ""
    limit: Annotated[int, Meta(ge=1, le=EVENTS_MAX)] = 100


class ActorRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`actor` counts over the socket only, else it is who asks."""

    actor: Actor = ""


class Tested(msgspec.Struct, frozen=True):
    """A test message was sent; `said` is what the other side said to it."""

    channel: str
    said: str


class Rotated(msgspec.Struct, frozen=True):
    """Approval links are signed with a new key."""

    rotated: bool


def encode(value: object) -> bytes:
    """JSON of any view or body; numbers that are no JSON (NaN, infinity) become null."""
    return msgspec.json.encode(value)


def decode(data: bytes, kind: type[T]) -> T:
    """`data` as `kind`. Raises `msgspec.DecodeError` (a `ValidationError` when it is JSON of another shape)."""
    return msgspec.json.decode(data, type=kind)
