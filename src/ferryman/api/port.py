"""What the API needs of a controller; `ferryman.engine.controller.Controller` is one."""

from __future__ import annotations

from typing import Protocol

from ferryman.core.phases import Verb
from ferryman.engine.flags.service import FlagService
from ferryman.engine.history import Wanted
from ferryman.engine.telemetry import Pulse, Readiness, Telemetry
from ferryman.model.checklist import ChecklistView
from ferryman.model.link import LinkView
from ferryman.model.notice import ChannelView
from ferryman.model.plan import Plan
from ferryman.model.revision import Revision
from ferryman.model.rollout import Service
from ferryman.model.view import AnswerView, EventView, MeasurementSeries, RolloutDetail, RolloutSummary, ServiceView
from ferryman.store.base import Store


class Linked(Protocol):
    """Answers by approval links; `ferryman.engine.approval_links.ApprovalLinks` is one."""

    async def look(self, token: str) -> LinkView:
        """What a link is for, if it is good now. Nothing is changed. Raises `Refused`."""
        ...

    async def answer(self, token: str, *, agree: bool, reason: str) -> AnswerView:
        """Say it, and use the link up. Raises `Refused`."""
        ...


class Telling(Protocol):
    """Who tells people; `ferryman.engine.notifier.Notifier` is one."""

    def views(self) -> tuple[ChannelView, ...]:
        """How each channel fares, in the order of the settings."""
        ...

    def trouble(self, service: str | None = None) -> tuple[str, ...]:
        """What is wrong with channels (those that tell of a service), a line for each."""
        ...

    async def test(self, channel: str, actor: str) -> str:
        """Send a test message now; what the other side said. Raises `UsageError` (``unknown_channel``), `AdapterError`."""
        ...

    async def rotate_key(self, actor: str) -> None:
        """End every approval link that was sent. Raises `ControllerError`, `StoreError`."""
        ...


class Vitals(Protocol):
    """How the controller itself fares; `ferryman.engine.vitals.Vitals` is one."""

    telemetry: Telemetry

    def pulse(self) -> Pulse: ...

    async def readiness(self) -> Readiness: ...


class Speaking(Protocol):
    """What one person says to what waits for people to agree. `role` is theirs for this service; `gate` the key of what
    was asked, None for whatever waits. Raises `Refused`: ``no_gate``, ``wrong_role``."""

    async def __call__(
        self, service: str, *, actor: str, role: str, reason: str = "", gate: str | None = None, standing: str = ""
    ) -> AnswerView: ...


class Verbs(Protocol):
    """`ferryman.engine.verbs.Verbs` is one. Each is refused (``moved_on``) unless `standing` is "" or what
    `ServiceView.standing` still says."""

    async def verb(
        self,
        service: str,
        verb: Verb,
        *,
        actor: str,
        reason: str = "",
        full: bool = False,
        standing: str = "",
        emergency: bool = False,
    ) -> AnswerView:
        """Promote, pause, resume, abort, retry or restart."""
        ...

    async def undo(
        self,
        service: str,
        *,
        actor: str,
        reason: str = "",
        to: str | None = None,
        with_steps: bool = False,
        force: bool = False,
        standing: str = "",
        emergency: bool = False,
        account: str = "",
    ) -> AnswerView: ...

    async def drill(
        self,
        service: str,
        *,
        actor: str,
        reason: str = "",
        traffic_percent: float = 0.0,
        hold_seconds: float = 10.0,
        standing: str = "",
    ) -> AnswerView:
        """Rehearse the way back from what serves. Raises `Refused`, `UsageError`."""
        ...

    async def freeze(
        self,
        service: str,
        *,
        actor: str,
        reason: str,
        until: float | None = None,
        rollback: bool = False,
        standing: str = "",
    ) -> AnswerView:
        """`until` in epoch seconds, None: until lifted. Raises `Refused`: ``reason_needed``, ``bad_until``."""
        ...

    async def unfreeze(self, service: str, *, actor: str, reason: str = "", standing: str = "") -> AnswerView: ...

    @property
    def approve(self) -> Speaking:
        """Agree to what waits for people to agree."""
        ...

    @property
    def deny(self) -> Speaking:
        """Refuse it: one denial takes the release back."""
        ...

    async def postmortem(
        self, service: str, rollout: str, url: str, *, actor: str, reason: str = "", standing: str = ""
    ) -> AnswerView:
        """The post-mortem of an incident is at `url`. Raises `Refused` (``no_incident``), `UsageError` (``bad_url``)."""
        ...


class Operations(Protocol):
    """Every method may raise a `FerrymanError`; one that names a service, code ``unknown_service``."""

    @property
    def store(self) -> Store:
        """The log and its journals; there once it was started."""
        ...

    @property
    def vitals(self) -> Vitals:
        """How it fares."""
        ...

    @property
    def verbs(self) -> Verbs:
        """What people ask of a service that is there."""
        ...

    async def view(self, service: str) -> ServiceView: ...

    async def views(self) -> tuple[ServiceView, ...]: ...

    async def names(self) -> tuple[str, ...]:
        """Their names, sorted."""
        ...

    async def measurements(self, service: str, rollout: str, points: int = 600) -> MeasurementSeries:
        """What the judge saw and said of a rollout, in at most `points` points."""
        ...

    async def history(
        self, service: str | None, *, after: str = "", limit: int = 50, wanted: Wanted = lambda _: True
    ) -> tuple[RolloutSummary, ...]:
        """The last `limit` rollouts of a service, or of all that are `wanted`, older than the rollout `after`. Raises
        `FerrymanError` (``unknown_rollout``)."""
        ...

    async def events(
        self,
        service: str | None,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        rollout: str | None = None,
    ) -> tuple[EventView, ...]:
        """Events with position > `after`, in order: the first, or with `before` the last before that position."""
        ...

    async def rollout(self, service: str, rollout: str) -> RolloutDetail:
        """What one rollout was about. Raises `FerrymanError` (``unknown_rollout``)."""
        ...

    async def checklist(self, service: str) -> ChecklistView:
        """How the checklist of a service stands."""
        ...

    async def wait(self, after: int, timeout_seconds: float) -> int:
        """The newest position of the log, as soon as it is > `after`, or when the time is over."""
        ...

    async def logs(
        self, service: str, *, instance: str | None = None, label: str | None = None, lines: int = 100
    ) -> dict[str, str]:
        """The last lines of what instances wrote, by instance id."""
        ...

    async def verify(self, service: str) -> int:
        """Recompute the hash chain; the number of events."""
        ...

    async def plan(self, document: str, file: str) -> tuple[Service, Plan, Revision]:
        """What `deploy` would start now. Raises `SpecError`, `Refused`."""
        ...

    async def deploy(
        self,
        document: str,
        file: str,
        *,
        actor: str,
        base: str | None,
        reason: str,
        emergency: bool = False,
        account: str = "",
    ) -> AnswerView:
        """In an `emergency` it goes in full, and neither windows nor a freeze hold it (needs a reason). `account` is who
        asks for certain, where `actor` is only a name they gave."""
        ...

    async def down(self, service: str, *, actor: str, reason: str = "", standing: str = "") -> AnswerView: ...

    @property
    def notifier(self) -> Telling: ...

    @property
    def links(self) -> Linked:
        """Answers by approval links."""
        ...

    @property
    def flags(self) -> FlagService:
        """Feature flags."""
        ...


class Controlled(Operations, Protocol):
    """The same with a life: what `serve` runs."""

    async def start(self) -> None:
        """Raises `ControllerError` when another process holds the state folder, or it cannot be written."""
        ...

    async def close(self) -> None:
        """Let go; instances and the router go on serving."""
        ...

    async def shutdown(self) -> None:
        """Stop the router too, then let go."""
        ...
