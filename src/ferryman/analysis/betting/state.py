"""All that the default judge remembers."""

from __future__ import annotations

import math

import msgspec

from ferryman.analysis.betting.errors import ErrorTest
from ferryman.analysis.betting.events import EventTest
from ferryman.analysis.betting.guards import Guards
from ferryman.analysis.betting.latency import LatencyTest
from ferryman.analysis.betting.routing import RoutingTest
from ferryman.analysis.betting.settings import Settings
from ferryman.analysis.betting.share import ShareWindow
from ferryman.analysis.betting.signs import PercentileTest, SaturationTest

Test = ErrorTest | LatencyTest | PercentileTest | SaturationTest | EventTest

LOG_EIGHT = math.log(8.0)


class State(msgspec.Struct, array_like=True):
    """`weights` are empty until the first line has settled which metrics are in use.

    `stage_minute` is the last minute seen of this stage, `minutes` the full minutes of the rollout; `stage_stable` and
    `stage_candidate` are requests, `stage_seconds` time observed of this stage. `quiet_since` and
    `control_quiet_since` are t of the last request to the candidate and to stable."""

    settings: Settings
    history_requests: int
    history_errors: int
    share: ShareWindow
    errors: ErrorTest | None
    latency: LatencyTest | None
    percentile: PercentileTest | None
    saturation: SaturationTest | None
    custom: EventTest | None
    routing: RoutingTest
    guards: Guards
    weights: dict[str, float] = {}
    stage: int = -1
    stage_t: float = 0.0
    stage_seconds: float = 0.0
    stage_stable: int = 0
    stage_candidate: int = 0
    stage_minute: int = 0
    minutes: int = 0
    weight_percent: float = 0.0
    quiet_since: float | None = None
    control_quiet_since: float | None = None
    guard: str | None = None
    passed: bool = False
    log_e: float = 0.0

    def tests(self) -> dict[str, Test]:
        """The metrics in use by name."""
        named: dict[str, Test] = {}
        if self.errors is not None:
            named["errors"] = self.errors
        latency = self.latency or self.percentile
        if latency is not None:
            named["latency"] = latency
        if self.saturation is not None:
            named["saturation"] = self.saturation
        if self.custom is not None:
            named["custom"] = self.custom
        return named

    def may_go_on(self, log_limit: float) -> bool:
        """Whether every metric that must bring evidence for promotion has brought enough."""
        # A mean over 4 or 8 lies between its largest part and an eighth of it, which is found much sooner.
        for test in (self.errors, self.latency or self.percentile):
            if test is not None:
                top = test.promote_top()
                if top < log_limit or (top < log_limit + LOG_EIGHT and test.promote_log() < log_limit):
                    return False
        return True
