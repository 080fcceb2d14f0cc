"""What the checklist is worked out from."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ferryman.core.standing import standing
from ferryman.model.checklist import Stand
from ferryman.model.release import Release
from ferryman.model.rollout import DRILL, Rollout, Service, Track
from ferryman.model.view import ServiceView, SideView


class LogErrors(msgspec.Struct, frozen=True):
    """Error lines that instances of a revision wrote, and requests that it answered, over the same time."""

    lines: int
    requests: int


class Facts(msgspec.Struct, frozen=True):
    """`release` is what is, or would be, released; `now` is an epoch second. `view` None: nobody looks at the service
    now. `measured_at` is when its counters were read last (0: never). `logs` is by revision id, empty where logs are not
    read. `aborts` is what `core.abort_trial.untaken` found, None where it was not tried. `stale_flags` are the feature flags of the controller that have
    done their work, None where it keeps none."""

    now: float
    release: Release
    service: Service
    view: ServiceView | None = None
    measured_at: float = 0.0
    logs: dict[str, LogErrors] = {}
    aborts: tuple[int, tuple[str, ...]] | None = None
    stale_flags: tuple[str, ...] | None = None

    @property
    def standing(self) -> str | None:
        """Id of the revision that serves while nothing is released."""
        return standing(self.service)

    @property
    def released(self) -> Rollout | None:
        """The release that is under way forward, drills apart."""
        current = self.service.current
        if current is None or not current.running or current.kind == DRILL or self.service.down:
            return None
        return current if current.track is Track.FORWARD else None

    @property
    def busy(self) -> bool:
        """True while anything is under way."""
        current = self.service.current
        return current is not None and not current.phase.terminal and not self.service.down

    def side(self, revision: str | None) -> SideView | None:
        """What is seen of a revision."""
        if self.view is None or revision is None:
            return None
        return next((side for side in self.view.sides if side.revision == revision), None)


Answer = tuple[Stand, str, str]
"""How it stands, what was seen, what to do."""

Maker = Callable[[Facts], Answer]


def passed(saw: str) -> Answer:
    """All is well."""
    return Stand.PASS, saw, ""


def failed(saw: str, todo: str) -> Answer:
    """It is not."""
    return Stand.FAIL, saw, todo


def doubtful(saw: str, todo: str) -> Answer:
    """It works, and could be better."""
    return Stand.WARN, saw, todo


def not_applicable(saw: str) -> Answer:
    """There is nothing to ask here."""
    return Stand.NOT_APPLICABLE, saw, ""


def unknown(saw: str, todo: str = "") -> Answer:
    """Nobody can tell yet."""
    return Stand.UNKNOWN, saw, todo


def ago(seconds: float) -> str:
    """`40 s ago`, `3 h ago`, `12 days ago`."""
    return f"{duration(seconds)} ago"


def duration(seconds: float) -> str:
    """`40 s`, `3 h`, `12 days`."""
    for size, unit in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def percent(value: float) -> str:
    """Two digits that matter."""
    return f"{value:.2g}%" if value < 10 else f"{value:.0f}%"
