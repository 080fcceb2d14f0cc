"""The plan of each strategy for the examples that people know, as golden text; renew with `pytest --rewrite`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferryman.model.release import (
    Amount,
    Analyse,
    Analysis,
    Approval,
    Approvals,
    Audience,
    BlueGreen,
    Canary,
    Check,
    FlagExposure,
    Pause,
    Recreate,
    Release,
    Rolling,
    Route,
    Routing,
    RunCheck,
    Scale,
    SetFlag,
    SetWeight,
)
from ferryman.strategies.compile import compile_plan
from unit.golden import Golden
from unit.playbook import release
from unit.strategies.plans import told

FOLDER = Path(__file__).parent / "golden"
SMOKE = Check(name="smoke", http_path="/smoke")
PREVIEW = Routing(port=8080, preview_port=8081)
TESTERS = Routing(port=8080, testers=(Route("cookie", "canary", "true"),), sticky_key="cookie")
WORKERS = Routing()
EVERYTHING = Canary(
    steps=(
        Route("header", "x-team", "us"),
        Pause(),
        Route(),
        Scale(Amount(2)),
        SetWeight(10, 60),
        Scale(),
        RunCheck(SMOKE),
        SetFlag("new-checkout", 10),
        SetWeight(50, 60),
        SetFlag("new-checkout", 50),
        Analyse(30),
        Pause(5),
        SetWeight(100, analyse=False),
    ),
    stable="dynamic",
)

FLAG = FlagExposure(
    key="new-checkout",
    steps=(
        Audience("employees", hold_seconds=60),
        Audience(allow=("ana", "bo")),
        Pause(),
        SetWeight(1, 600),
        Analyse(30),
        RunCheck(Check(name="orders", command=("orders",))),
        SetWeight(50, 600, analyse=False),
        SetWeight(100, analyse=False),
    ),
)

EXAMPLES: dict[str, tuple[Release, str | None, int]] = {
    "flag-people-first": (release("v2", replicas=0, strategy=FLAG, routing=WORKERS), None, 0),
    "flag-agreed-to": (
        release(
            "v2",
            replicas=0,
            strategy=FlagExposure(key="new-checkout", bake_seconds=0.0),
            routing=WORKERS,
            approvals=Approvals(start=Approval(), promotion=Approval(2, "admin")),
        ),
        "off",
        0,
    ),
    "rolling-six-one-by-one": (release("v2", replicas=6, strategy=Rolling(Amount(1), Amount(1))), "v1", 6),
    "rolling-half-healthy-double": (release("v2", strategy=Rolling(None, None, 50.0, 200.0)), "v1", 4),
    "rolling-grows": (release("v2", replicas=6, strategy=Rolling(bake_seconds=60.0)), "v1", 4),
    "rolling-shrinks": (release("v2", replicas=3), "v1", 6),
    "blue-green-by-hand": (
        release("v2", strategy=BlueGreen(auto_promote=False, checks_before=(SMOKE,)), routing=PREVIEW),
        "v1",
        4,
    ),
    "blue-green-half-preview-old-stays": (
        release("v2", strategy=BlueGreen(Amount(50, percent=True), bake_seconds=0.0, scale_down_delay_seconds=None)),
        "v1",
        4,
    ),
    "canary-ten-minutes-each": (release("v2", replicas=20), "v1", 20),
    "canary-testers-and-sticky-users": (release("v2", routing=TESTERS), "v1", 4),
    "canary-every-kind-of-step": (release("v2", strategy=EVERYTHING), "v1", 4),
    "canary-without-a-router": (
        release("v2", strategy=Canary(steps=(SetWeight(25, 60), SetWeight(50, 60))), routing=WORKERS),
        "v1",
        4,
    ),
    "canary-not-judged": (release("v2", analysis=Analysis(enabled=False)), "v1", 4),
    "canary-first-release": (release("v1"), None, 0),
    "rolling-first-release": (release("v1", strategy=Rolling()), None, 0),
    "recreate": (release("v2", strategy=Recreate()), "v1", 4),
    "same-content-more-instances": (release("v1", replicas=8), "v1", 4),
}
EXAMPLES["rolling-shrinks"] = (release("v2", replicas=3, strategy=Rolling()), "v1", 6)


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_plan(name: str, golden: Golden) -> None:
    of, stable, count = EXAMPLES[name]
    plan = compile_plan(of, of.label or "", stable, stable_replicas=count, sticky_id="shop-7")
    golden(FOLDER / f"{name}.txt", told(plan))


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_every_plan_keeps_its_own_bounds(name: str) -> None:
    """No world asks for fewer instances than must stay available, nor for more than may exist; weights are whole."""
    of, stable, count = EXAMPLES[name]
    plan = compile_plan(of, of.label or "", stable, stable_replicas=count)
    for step in (*plan.steps, *plan.back):
        total = sum(step.world.instances.values())
        kept = len(step.world.keep) * plan.replicas
        ends = stable is None and step in plan.back
        assert total + kept >= step.world.bounds.min_available or ends
        assert total <= max(step.world.bounds.max_total, count)
        assert not step.world.weights or sum(step.world.weights.values()) == pytest.approx(100.0)
        assert step.world.flags or all(step.world.instances.get(r) for r, w in step.world.weights.items() if w > 0)


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_exposure_only_grows(name: str) -> None:
    of, stable, count = EXAMPLES[name]
    plan = compile_plan(of, of.label or "", stable, stable_replicas=count)
    shares = [s.world.weights.get(plan.candidate, 0.0) for s in plan.steps]
    assert shares == sorted(shares)
    assert shares[-1] == 100.0 or not of.routing.port
