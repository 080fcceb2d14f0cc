"""Everything outside that the loop needs, as one value: the simulator hands in other ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman.engine.checks import Checker
from ferryman.engine.flags.port import FlagPort, NoFlags
from ferryman.engine.precedence import Precedence
from ferryman.engine.sources import MakeSource, no_source
from ferryman.engine.telemetry import Telemetry
from ferryman.metrics.base import MetricsSource
from ferryman.routers.base import Router
from ferryman.store.base import Store
from ferryman.targets.base import Target


@dataclass(frozen=True)
class Ports:
    """The adapters of one controller. `now` gives epoch seconds that never go back; `owner` names this controller in
    leases; `flags` are what a rollout may expose; `sources` opens what a release names as its own source of evidence; `cpu_count` is what an instance's processor time is measured against. `checker` makes what runs the checks
    of a service, given what to call when one has ended; `precedence` lets verbs go before turns; `telemetry` counts how
    the loops fare."""

    store: Store
    target: Target
    router: Router
    metrics: MetricsSource
    now: Callable[[], float]
    owner: str
    checker: Callable[[Callable[[], None]], Checker]
    flags: FlagPort = field(default_factory=NoFlags)
    sources: MakeSource = no_source
    cpu_count: int = 1
    precedence: Precedence = field(default_factory=Precedence)
    telemetry: Telemetry = field(default_factory=Telemetry)


@dataclass(frozen=True)
class Options:
    """How often the loop looks. All seconds."""

    moving_seconds: float = 0.25
    watching_seconds: float = 1.0
    steady_seconds: float = 2.0
    lease_seconds: float = 20.0
    retry_seconds: float = 1.0
