"""Intent: what a release file says, after parsing. Durations are seconds, shares are percent."""

from __future__ import annotations

import msgspec

from ferryman.model.calendar import Windows
from ferryman.model.evidence_source import PrometheusSource


class Amount(msgspec.Struct, frozen=True):
    """A number of instances, absolute or as percent of the desired count."""

    value: float
    percent: bool = False

    def of(self, total: int, *, round_up: bool) -> int:
        """Instances for `total` desired ones; a percentage is rounded up or down."""
        if not self.percent:
            return int(self.value)
        scaled = self.value * total / 100.0
        whole = int(scaled + 1e-9)
        return whole + (1 if round_up and scaled - whole > 1e-9 else 0)


class Check(msgspec.Struct, frozen=True):
    """A function check: an HTTP path that must answer 2xx (or `expect_status`) on the candidate, or a command that
    must exit 0; or `checklist` names an item of the checklist that must hold; or `webhook` is
    a URL whose answer decides. In a command, PREVIEW_URL and FERRYMAN_REVISION are set."""

    name: str
    http_path: str | None = None
    expect_status: int | None = None
    expect_text: str | None = None
    command: tuple[str, ...] = ()
    timeout_seconds: float = 30.0
    checklist: str | None = None
    webhook: str | None = None


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Wait: for `seconds`, or for a person when None."""

    seconds: float | None = None


class SetWeight(msgspec.Struct, frozen=True, tag="weight"):
    """Give the candidate `percent` of the traffic; then hold at least `hold_seconds` (None: no hold of its own) and,
    with `analyse`, until the judge passes."""

    percent: float
    hold_seconds: float | None = None
    analyse: bool = True


class Analyse(msgspec.Struct, frozen=True, tag="analyse"):
    """Wait for a pass of the judge at the present weight, at least `seconds`."""

    seconds: float = 0.0


class Scale(msgspec.Struct, frozen=True, tag="scale"):
    """Set the number of candidate instances; sticks until `match` (amount None), which follows the weight again."""

    amount: Amount | None = None


class Route(msgspec.Struct, frozen=True, tag="route"):
    """Requests with this header or cookie go to the candidate; `name` empty removes all such routes."""

    kind: str = "header"
    name: str = ""
    value: str | None = None


class RunCheck(msgspec.Struct, frozen=True, tag="check"):
    """Run a check once per attempt; a failure goes back."""

    check: Check


class Approval(msgspec.Struct, frozen=True):
    """`count` different people, each of `role` (operator or admin) or above, must agree. `timeout_seconds` after it was
    asked for the release goes back; None: it is waited for as long as it takes. `author_counts`: whoever asked for the
    release may be one of them."""

    count: int = 1
    role: str = "operator"
    timeout_seconds: float | None = 86_400.0
    author_counts: bool = True


class Approve(msgspec.Struct, frozen=True, tag="approve"):
    """Wait for an approval."""

    approval: Approval = Approval()


class SetFlag(msgspec.Struct, frozen=True, tag="set_flag"):
    """Expose a feature flag to `percent` of the users of an environment; it stays so, and goes back with the release."""

    key: str
    percent: float
    environment: str = "prod"


CanaryStep = SetWeight | Pause | Analyse | Scale | Route | RunCheck | Approve | SetFlag


class Rolling(msgspec.Struct, frozen=True, tag="rolling"):
    """Form A: surge/unavailable. Form B: minimum/maximum healthy percent; then both A fields are None."""

    max_surge: Amount | None = Amount(25, percent=True)
    max_unavailable: Amount | None = Amount(0)
    minimum_healthy_percent: float | None = None
    maximum_percent: float | None = None
    bake_seconds: float = 0.0


class BlueGreen(msgspec.Struct, frozen=True, tag="blue-green"):
    """`scale_down_delay_seconds` None: the old side is never stopped while it is among the `keep_old` newest."""

    preview_replicas: Amount = Amount(100, percent=True)
    auto_promote: bool = True
    auto_promote_after_seconds: float = 0.0
    checks_before: tuple[Check, ...] = ()
    checks_after: tuple[Check, ...] = ()
    bake_seconds: float = 60.0
    scale_down_delay_seconds: float | None = 30.0
    keep_old: int = 1


class Canary(msgspec.Struct, frozen=True, tag="canary"):
    """`stable` full keeps all stable instances while the candidate grows; dynamic shrinks them with their weight."""

    steps: tuple[CanaryStep, ...] = (
        SetWeight(5, 600),
        SetWeight(25, 600),
        SetWeight(50, 600),
        SetWeight(100, analyse=False),
    )
    stable: str = "full"
    max_surge: Amount = Amount(25, percent=True)
    max_unavailable: Amount = Amount(0)
    weight_tolerance_percent: float = 5.0
    bake_seconds: float = 60.0
    scale_down_delay_seconds: float | None = 30.0
    keep_old: int = 1


class Recreate(msgspec.Struct, frozen=True, tag="recreate"):
    """Big bang: stop everything, then start the new version. Only ever by explicit acceptance of downtime."""


class Drill(msgspec.Struct, frozen=True, tag="drill"):
    """A rehearsal of the way back, never written in a file: the version to go back to runs beside the running one, gets
    `traffic_percent` of the traffic for `hold_seconds` (0: none), must pass `checks`, and goes again."""

    traffic_percent: float = 0.0
    hold_seconds: float = 10.0
    checks: tuple[Check, ...] = ()


class Audience(msgspec.Struct, frozen=True, tag="audience"):
    """Expose the people of a segment, or those with certain keys, before any percentage; then hold at least
    `hold_seconds` (None: no hold of its own)."""

    segment: str = ""
    allow: tuple[str, ...] = ()
    hold_seconds: float | None = None


FlagStep = SetWeight | Audience | Pause | Analyse | RunCheck | Approve


class FlagExposure(msgspec.Struct, frozen=True, tag="flag"):
    """Grow the exposure of the feature flag `key` in one environment step by step; a weight is percent of the users. No
    instance is started or stopped."""

    key: str
    environment: str = "prod"
    steps: tuple[FlagStep, ...] = (
        SetWeight(1, 600),
        SetWeight(10, 600),
        SetWeight(50, 600),
        SetWeight(100, analyse=False),
    )
    bake_seconds: float = 60.0


Strategy = Rolling | BlueGreen | Canary | Recreate | Drill | FlagExposure


class Limits(msgspec.Struct, frozen=True):
    """Absolute limits that the guard applies where there is no concurrent stable version to compare with (bake)."""

    error_percent: float = 5.0
    p95_ms: float | None = None
    min_samples: int = 50


class Analysis(msgspec.Struct, frozen=True):
    """How evidence is weighed. `options` go to the judge as they are. `max_wait_factor` times a step's hold is how long
    a verdict is waited for (at least `min_wait_seconds`) before the step counts as inconclusive. `source` None: what the
    proxy counts, or the programs that ask a flag."""

    enabled: bool = True
    judge: str = "betting"
    options: dict[str, object] = {}
    interval_seconds: float = 1.0
    max_wait_factor: float = 3.0
    min_wait_seconds: float = 60.0
    on_fail: str = "rollback"
    on_inconclusive: str = "pause"
    on_insufficient: str = "extend"
    on_error: str = "pause"
    limits: Limits = Limits()
    source: PrometheusSource | None = None


class Deadlines(msgspec.Struct, frozen=True):
    """`progress_seconds` without progress outside pauses and holds trips `on_deadline`: rollback, pause or report."""

    progress_seconds: float = 600.0
    on_deadline: str = "rollback"
    abort_scale_down_seconds: float = 30.0
    provider_timeout_seconds: float | None = None


class Routing(msgspec.Struct, frozen=True):
    """`router` envoy or none. Matches send internal testers to the candidate for the whole rollout."""

    router: str = "envoy"
    port: int | None = None
    preview_port: int | None = None
    sticky_key: str | None = None
    testers: tuple[Route, ...] = ()
    host: str = "127.0.0.1"


class Approvals(msgspec.Struct, frozen=True):
    """Approvals of any strategy: `start` before the first user meets the candidate, `promotion` before all do."""

    start: Approval | None = None
    promotion: Approval | None = None


class Release(msgspec.Struct, frozen=True):
    """One release file: carry `service` to this content by this strategy. `risk`: normal or high."""

    service: str
    label: str | None
    command: tuple[str, ...]
    replicas: int
    health_http_path: str | None = None
    health_tcp: bool = False
    health_interval_seconds: float = 0.5
    health_timeout_seconds: float = 1.0
    min_ready_seconds: float = 5.0
    directory: str = "."
    env: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    stop_seconds: float = 10.0
    drain_timeout_seconds: float = 30.0
    capacity_floor: float = 1.0
    strategy: Strategy = Canary()
    routing: Routing = Routing()
    analysis: Analysis = Analysis()
    deadlines: Deadlines = Deadlines()
    undo_window: int = 3
    approvals: Approvals = Approvals()
    checklist: tuple[str, ...] = ()
    risk: str = "normal"
    windows: Windows | None = None

    @property
    def of_flag(self) -> bool:
        """Whether a feature flag shares out the users: then nothing is started or routed."""
        return isinstance(self.strategy, FlagExposure)
