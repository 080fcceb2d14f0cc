"""Views as a controller would give them: one service in several situations. All times count from AT."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.model.view import EventView, InstanceView, RolloutView, ServiceView, SideView, StepView

AT = 1_700_000_000.0

STABLE = SideView(
    revision="aaaa", label="v1", role="stable", wanted=4, ready=4, live=4, weight_asked=75.0, weight_seen=75.2,
    requests_per_second=90.3, error_percent=0.55, p50_ms=12.0, p95_ms=48.3, p99_ms=90.0, cpu_percent=3.2,
    memory_bytes=21e6, total_requests=10_000, stage_requests=3611, stage_errors=20,
)  # fmt: skip
CANDIDATE = SideView(
    revision="bbbb", label="v2", role="candidate", wanted=1, ready=1, live=1, weight_asked=25.0, weight_seen=24.8,
    requests_per_second=30.4, error_percent=0.62, p50_ms=13.0, p95_ms=47.1, p99_ms=95.0, cpu_percent=3.9,
    memory_bytes=23e6, total_requests=1500, stage_requests=1204, stage_errors=7,
)  # fmt: skip
EVIDENCE = {
    "reason": "evidence to go on is at 2.10 of 5.08",
    "log_e": 1.8,
    "log_limit": 4.6,
    "promote": {"log_e": 2.1, "log_limit": 5.08},
    "expected_seconds": 31.0,
    "guard": None,
    "metrics": {
        "errors": {
            "log_e": 1.1, "weight": 0.6, "margin": 1.2, "stable": {"n": 3611, "k": 20}, "candidate": {"n": 1204, "k": 7},
            "ratio": 1.05, "interval": [0.4, 2.6],
        },
        "latency": {"log_e": 0.2, "margin": 1.2, "stable": {"n": 3611, "k": 180}, "candidate": {"n": 1204, "k": 58},
                    "ratio": 0.97, "interval": [0.7, None]},
    },
}  # fmt: skip


def steps(current: int, *names: str) -> tuple[StepView, ...]:
    """Steps of these names, number `current` being walked."""
    shares = {"5%": 5.0, "25%": 25.0, "50%": 50.0, "100%": 100.0, "bake": 100.0}
    return tuple(
        StepView(
            name=name,
            phase="progressing",
            state="done" if n < current else "current" if n == current else "ahead",
            exposure_percent=shares.get(name, 0.0),
        )
        for n, name in enumerate(names)
    )


def event(
    position: int, text: str, *, kind: str = "noted", actor: str = "ferryman", rollout: str = "shop-2"
) -> EventView:
    """One event, a second after the one before."""
    return EventView(
        position, "shop", position, rollout, AT + position, actor, kind, text, {"text": text}, f"{position:064x}"
    )


EVENTS = (
    event(1, "deploy v2 by canary, 6 steps", kind="rollout_created", actor="ana"),
    event(2, "step '5%', exposure up to 5%", kind="step_entered"),
    event(3, "promoted past step 2", kind="skipped", actor="ana"),
    event(4, "step '25%', exposure up to 25%", kind="step_entered"),
)
ROLLOUT = RolloutView(
    id="shop-2", number=2, kind="deploy", strategy="canary", attempt=1, candidate="v2", stable="v1", phase="analysing",
    track="forward", step=2,
    steps=steps(2, "start", "5%", "25%", "50%", "100%", "bake"),
    exposure_percent=25.0, max_exposure_percent=25.0, created_at=AT, created_by="ana", started_at=AT + 1,
    reached_at=AT + 60, verdict="continue", verdict_reason="evidence to go on is at 2.10 of 5.08", evidence=EVIDENCE,
    waiting_for="waits for the judge: evidence to go on is at 2.10 of 5.08", next="50%", until=AT + 140, eta_seconds=240,
)  # fmt: skip
INSTANCES = tuple(
    InstanceView(f"{label}-{n}", label, "ready", AT, 18_000 + n, 3.0, 21_000_000)
    for n, label in enumerate(("v1", "v1", "v1", "v1", "v2"))
)
CANARY = ServiceView(
    service="shop", at=AT + 100, healthy=True, trouble="", serving="v1", down=False, url="http://127.0.0.1:8080",
    preview_url=None, rollout=ROLLOUT, sides=(STABLE, CANDIDATE), instances=INSTANCES,
    legal=("deploy", "promote", "pause", "abort", "undo"), recent=EVENTS, position=4,
)  # fmt: skip

BROKEN = replace(
    CANARY,
    rollout=replace(
        ROLLOUT, phase="aborting", track="back", step=0, steps=steps(0, "back to stable", "stop the candidate"),
        exposure_percent=0.0, cause_kind="verdict", verdict="fail", eta_seconds=None, until=AT + 130,
        cause_reason="errors: candidate 61 errors in 204 requests of this stage, stable 3 in 611: worse, beyond chance",
        waiting_for="keeps the candidate warm", next="stop the candidate",
    ),
    sides=(
        replace(STABLE, weight_asked=100.0, weight_seen=100.0),
        replace(CANDIDATE, weight_asked=0.0, weight_seen=0.0, error_percent=29.9, stage_errors=61),
    ),
)  # fmt: skip
PAUSED = replace(
    CANARY,
    rollout=replace(
        ROLLOUT, phase="paused", pause_kind="inconclusive", pause_since=AT - 90, pause_by="ferryman", until=None,
        pause_reason="inconclusive: evidence to go on is at 2.10 of 5.08", eta_seconds=None,
        waiting_for="inconclusive: evidence to go on is at 2.10 of 5.08",
    ),
)  # fmt: skip
PROMOTED = replace(
    CANARY,
    serving="v2",
    rollout=replace(
        ROLLOUT, phase="promoted", step=5, ended_at=AT + 95, reason="all steps passed", waiting_for="", next="",
        until=None, eta_seconds=None,
    ),
    sides=(replace(CANDIDATE, role="stable", wanted=4, ready=4, live=4, weight_asked=100.0, weight_seen=100.0),),
    legal=("deploy", "undo", "restart"),
)  # fmt: skip
ROLLED_BACK = replace(
    PROMOTED,
    serving="v1",
    rollout=replace(
        ROLLOUT, phase="rolled_back", track="back", step=1, ended_at=AT + 95, cause_kind="verdict",
        reason="errors: candidate 61 errors in 204 requests", cause_reason="errors: candidate 61 errors in 204 requests",
        rollback_seconds=0.12, waiting_for="", next="", until=None, eta_seconds=None,
    ),
    sides=(replace(STABLE, weight_asked=100.0, weight_seen=100.0),),
    legal=("deploy", "retry", "undo", "restart"),
)  # fmt: skip
FIRST = replace(
    CANARY,
    serving=None,
    rollout=replace(
        ROLLOUT, id="shop-1", number=1, stable=None, candidate="v1", phase="starting", step=0, reached_at=None,
        steps=steps(0, "start", "serve"), verdict=None, verdict_reason="", evidence={}, until=None, eta_seconds=0.0,
        waiting_for="1 of 4 instances ready", next="serve", exposure_percent=0.0,
    ),
    sides=(
        SideView("aaaa", "v1", "candidate", 4, 1, 4, 0.0, 0.0, reasons=("health check answered 503",)),
    ),
)  # fmt: skip
DEGRADED = replace(
    PROMOTED, healthy=False, trouble="v2 has 1 of 4 instances ready, the last to fail: exited with status 1"
)
WORKER = replace(
    PROMOTED,
    url=None,
    sides=(replace(CANDIDATE, role="stable", weight_asked=0.0, weight_seen=0.0, requests_per_second=None,
                   error_percent=None, p50_ms=None, p95_ms=None),),
)  # fmt: skip
DOWN = replace(PROMOTED, down=True, serving=None, sides=(), instances=(), legal=("deploy",))

ALL: dict[str, ServiceView] = {
    "canary": CANARY,
    "broken": BROKEN,
    "paused": PAUSED,
    "promoted": PROMOTED,
    "rolled-back": ROLLED_BACK,
    "first": FIRST,
    "degraded": DEGRADED,
    "worker": WORKER,
    "down": DOWN,
}
