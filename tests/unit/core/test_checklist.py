"""Every item of the checklist in every way in which it can stand."""

from typing import Any

import pytest
from msgspec.structs import replace

from ferryman.core.abort_trial import untaken
from ferryman.core.checklist import Facts, LogErrors, checklist, item
from ferryman.model.calendar import Window, Windows
from ferryman.model.checklist import QUESTIONS, Stand
from ferryman.model.release import (
    Analysis,
    BlueGreen,
    Check,
    Limits,
    Recreate,
    Release,
    Rolling,
    Routing,
    RunCheck,
    SetWeight,
)
from ferryman.model.rollout import Freeze, Incident, Service
from ferryman.model.view import ServiceView, SideView
from ferryman.strategies.compile import compile_plan
from unit.playbook import Book, canary, release

SMOKE = Check(name="smoke", http_path="/smoke")
CANARY = canary(SetWeight(25, 10), bake_seconds=5.0)


def served(*labels: str, **settings: Any) -> Book:
    book = Book()
    for label in labels:
        book.deploy(release(label, strategy=canary(SetWeight(25)), **settings))
        book.run()
    return book


def side(label: str, role: str, **more: Any) -> SideView:
    base = SideView(
        revision=label, label=label, role=role, wanted=4, ready=4, live=4, weight_asked=50.0, weight_seen=50.0,
        requests_per_second=20.0, error_percent=0.5, p95_ms=40.0, cpu_percent=10.0, memory_bytes=50e6,
    )  # fmt: skip
    return replace(base, **more)


def view(*sides: SideView, **more: Any) -> ServiceView:
    base = ServiceView(
        service="shop", at=1000.0, healthy=True, trouble="", serving="v1", down=False, url=None, preview_url=None,
        rollout=None, sides=sides, instances=(), legal=(),
    )  # fmt: skip
    return replace(base, **more)


def facts(book: Book | None = None, of: Release | None = None, **more: Any) -> Facts:
    service = book.service if book is not None else Service(name="shop")
    return Facts(now=book.now if book is not None else 1000.0, release=of or release("v9"), service=service, **more)


def stand(name: str, known: Facts) -> tuple[Stand, str]:
    found = item(name, known)
    assert (found.phase, found.question) == QUESTIONS[name]
    assert found.saw
    assert (found.stand in (Stand.FAIL, Stand.WARN)) <= bool(found.todo), "something to do is named"
    return found.stand, found.saw


def test_all_items_stand_somehow_in_any_situation() -> None:
    stopped = served("v1", "v2")
    stopped.down()
    books = [None, served("v1"), served("v1", "v2"), stopped]
    for book in books:
        for shown in (None, view(), view(side("v1", "stable"), side("v2", "candidate"))):
            found = checklist(facts(book, view=shown))
            assert [one.id for one in found.items] == list(QUESTIONS)


# ---- before
def test_the_way_back_is_tried_at_every_step() -> None:
    book = served("v1")
    known = facts(book, release("v2", strategy=CANARY), aborts=untaken(release("v2", strategy=CANARY), 4))
    assert stand("rollback_tested", known)[0] is Stand.PASS
    assert "each of 4 steps" in stand("rollback_tested", known)[1]
    broken = replace(known, aborts=(4, ("aborted at '25%': it is still aborting after 300 s",)))
    assert stand("rollback_tested", broken) == (Stand.FAIL, "aborted at '25%': it is still aborting after 300 s")
    assert stand("rollback_tested", replace(known, aborts=None))[0] is Stand.UNKNOWN
    assert stand("rollback_tested", facts())[0] is Stand.NOT_APPLICABLE


@pytest.mark.parametrize(
    "strategy", [CANARY, BlueGreen(), Rolling(), Recreate(), canary(SetWeight(50), stable="dynamic")]
)
@pytest.mark.parametrize("stable_replicas", [1, 4, 7])
def test_every_strategy_comes_back_from_every_step(strategy: Any, stable_replicas: int) -> None:
    steps, problems = untaken(release("v2", strategy=strategy), stable_replicas)
    assert steps > 0
    assert problems == ()


def test_a_way_that_does_not_lead_back_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_way_back(*args: Any, **settings: Any) -> Any:
        plan = compile_plan(*args, **settings)
        stays = replace(plan.back[-1], world=plan.steps[-1].world)
        return replace(plan, back=(*plan.back[:-1], stays))

    monkeypatch.setattr("ferryman.core.abort_trial.compile_plan", no_way_back)
    problems = untaken(release("v2", strategy=CANARY), 4)[1]
    assert problems
    assert "grows again" in problems[0] or "still aborting" in problems[0] or "failed" in problems[0]


def test_drills() -> None:
    book = served("v1", "v2")
    assert stand("rollback_drilled", facts(book))[0] is Stand.WARN
    book.drill(traffic_percent=10.0, hold_seconds=2.0)
    book.run()
    found, saw = stand("rollback_drilled", facts(book))
    assert found is Stand.PASS
    assert "v1 ready in 1.0 s, traffic back in 1.0 s" in saw
    later = replace(facts(book), now=book.now + 31 * 86_400.0)
    assert stand("rollback_drilled", later)[0] is Stand.WARN
    book.never_ready.add("v1")
    book.drill()
    book.run(ticks=900)
    assert stand("rollback_drilled", facts(book))[0] is Stand.FAIL
    book.never_ready.clear()
    book.deploy(release("v3", strategy=canary(SetWeight(25))))
    book.run()
    assert stand("rollback_drilled", facts(book))[0] is Stand.WARN, "what serves now was never drilled"


def test_a_drill_that_was_given_up_says_nothing() -> None:
    book = served("v1", "v2")
    book.drill(traffic_percent=10.0, hold_seconds=50.0)
    book.tick()
    book.undo()
    book.run()
    assert book.service.drills == {}


def test_monitoring() -> None:
    book = served("v1")
    shown = view(side("v1", "stable"))
    assert stand("monitoring_answers", facts(book, view=shown, measured_at=book.now - 1))[0] is Stand.PASS
    assert stand("monitoring_answers", facts(book, view=shown, measured_at=book.now - 90))[0] is Stand.FAIL
    assert stand("monitoring_answers", facts(book, view=shown))[0] is Stand.FAIL
    quiet = view(side("v1", "stable", requests_per_second=0.0))
    assert stand("monitoring_answers", facts(book, view=quiet, measured_at=book.now))[0] is Stand.WARN
    assert stand("monitoring_answers", facts(book))[0] is Stand.UNKNOWN
    assert stand("monitoring_answers", facts())[0] is Stand.NOT_APPLICABLE
    worker = release("v1", routing=Routing(router="none"))
    assert stand("monitoring_answers", facts(book, worker))[0] is Stand.WARN


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"strategy": CANARY}, Stand.PASS),
        ({"strategy": CANARY, "analysis": Analysis(enabled=False)}, Stand.FAIL),
        ({"strategy": CANARY, "routing": Routing(router="none")}, Stand.WARN),
        ({"strategy": CANARY, "analysis": Analysis(options={"metrics": ["errors"]})}, Stand.WARN),
        ({"strategy": CANARY, "analysis": Analysis(options={"metrics": ["saturation"]})}, Stand.FAIL),
        ({"strategy": CANARY, "analysis": Analysis(judge="seed-rules")}, Stand.PASS),
        ({"strategy": CANARY, "analysis": Analysis(judge="mann-whitney")}, Stand.PASS),
        ({"strategy": CANARY, "analysis": Analysis(judge="threshold")}, Stand.WARN),
        (
            {
                "strategy": CANARY,
                "analysis": Analysis(judge="threshold", options={"failure": ["p95_ms_ratio > 2", "error_rate > 0.1"]}),
            },
            Stand.PASS,
        ),
        ({"strategy": BlueGreen()}, Stand.WARN),
        ({"strategy": BlueGreen(), "analysis": Analysis(limits=Limits(p95_ms=250.0))}, Stand.PASS),
        ({"strategy": BlueGreen(bake_seconds=0.0)}, Stand.WARN),
        ({"strategy": Rolling()}, Stand.PASS),
        ({"strategy": Recreate()}, Stand.WARN),
    ],
)
def test_triggers(settings: dict[str, Any], expected: Stand) -> None:
    assert stand("triggers_configured", facts(of=release("v2", **settings)))[0] is expected


def test_risk() -> None:
    assert stand("off_hours", facts(of=release("v2", strategy=Recreate())))[0] is Stand.WARN
    assert stand("off_hours", facts(of=release("v2")))[0] is Stand.NOT_APPLICABLE
    night = Windows(off_hours=(Window(from_minute=0, to_minute=10),), open=(Window(from_minute=20, to_minute=30),))
    at_risk = release("v2", risk="high", windows=night)
    assert stand("off_hours", replace(facts(of=at_risk), now=300.0))[0] is Stand.PASS
    assert stand("off_hours", replace(facts(of=at_risk), now=1500.0))[0] is Stand.WARN


def test_windows() -> None:
    hours = Windows(open=(Window(from_minute=60, to_minute=120),))
    held = release("v2", windows=hours)
    assert stand("window_open", facts(of=release("v2")))[0] is Stand.NOT_APPLICABLE
    assert stand("window_open", replace(facts(of=held), now=4000.0))[0] is Stand.PASS
    found, saw = stand("window_open", replace(facts(of=held), now=0.0))
    assert found is Stand.WARN
    assert "opens Thu 1970-01-01 01:00" in saw


def test_a_freeze() -> None:
    assert stand("no_freeze", facts())[0] is Stand.PASS
    frozen = Service(name="shop", freeze=Freeze("ana", "the fair", 900.0, 1200.0))
    found, saw = stand("no_freeze", replace(facts(), service=frozen))
    assert (found, saw) == (Stand.FAIL, "frozen by ana 100 s ago, for 3 min more: the fair")
    assert stand("no_freeze", replace(facts(), service=frozen, now=1200.0))[0] is Stand.PASS


# ---- during
def moving(*steps: Any) -> Book:
    book = served("v1")
    book.deploy(release("v2", strategy=canary(*(steps or (SetWeight(25, 60),)))))
    book.run(until=book.rollout.phase.__class__.PROGRESSING)
    return book


def test_both_sides_are_compared() -> None:
    book = moving()
    shown = view(side("v1", "stable"), side("v2", "candidate", error_percent=0.6, p95_ms=41.0))
    assert stand("error_rate", facts(book, view=shown)) == (Stand.PASS, "v2 0.6%, v1 0.5%")
    assert stand("latency", facts(book, view=shown)) == (Stand.PASS, "v2 p95 41 ms, v1 p95 40 ms")
    unasked = view(side("v1", "stable"), side("v2", "candidate", error_percent=None))
    assert stand("error_rate", facts(book, view=unasked))[0] is Stand.UNKNOWN
    assert stand("error_rate", facts(served("v1"), view=shown))[0] is Stand.NOT_APPLICABLE


def test_the_judges_evidence_counts() -> None:
    from unit.cli.samples import BROKEN, EVIDENCE

    book = moving()
    assert BROKEN.rollout is not None
    sides = (side("v1", "stable"), side("v2", "candidate", error_percent=9.0))
    record = {**EVIDENCE, "log_limit": 4.0, "metrics": {"errors": {"log_e": 3.0}, "latency": {"log_e": 0.1}}}
    going = replace(BROKEN.rollout, verdict="continue", evidence=record)
    assert stand("error_rate", facts(book, view=view(*sides, rollout=going)))[0] is Stand.WARN
    lost = replace(going, verdict="fail", verdict_reason="errors")
    assert stand("error_rate", facts(book, view=view(*sides, rollout=lost)))[0] is Stand.FAIL
    assert stand("latency", facts(book, view=view(*sides, rollout=lost)))[0] is Stand.PASS
    odd = replace(going, evidence={"metrics": 3, "log_limit": "x"})
    assert stand("error_rate", facts(book, view=view(*sides, rollout=odd)))[0] is Stand.PASS


def test_resources() -> None:
    book = moving()
    old = side("v1", "stable")
    assert stand("resources", facts(book, view=view(old, side("v2", "candidate"))))[0] is Stand.PASS
    busy = side("v2", "candidate", cpu_percent=90.0)
    assert stand("resources", facts(book, view=view(old, busy)))[0] is Stand.WARN
    fat = side("v2", "candidate", memory_bytes=500e6)
    assert stand("resources", facts(book, view=view(old, fat)))[0] is Stand.WARN
    assert stand("resources", facts(book, view=view(old)))[0] is Stand.UNKNOWN


def test_error_lines() -> None:
    book = moving()
    assert stand("log_errors", facts(book))[0] is Stand.UNKNOWN
    few = {"v1": LogErrors(10, 1000), "v2": LogErrors(4, 100)}
    assert stand("log_errors", facts(book, logs=few))[0] is Stand.PASS
    many = {"v1": LogErrors(10, 1000), "v2": LogErrors(40, 100)}
    assert stand("log_errors", facts(book, logs=many))[0] is Stand.WARN
    assert stand("log_errors", facts(book, logs={"v2": LogErrors(40, 0)}))[0] is Stand.WARN


def test_function_checks() -> None:
    checked = release("v2", strategy=canary(RunCheck(SMOKE), SetWeight(25, 60)))
    book = served("v1")
    assert stand("works", facts(book, release("v2", strategy=canary(SetWeight(25)))))[0] is Stand.WARN
    assert stand("works", facts(book, checked))[0] is Stand.NOT_APPLICABLE
    book.deploy(checked)
    book.tick()
    assert stand("works", facts(book, checked)) == (Stand.PASS, "1 check passed")
    fresh = replace(book.service, current=replace(book.rollout, checks={}))
    assert stand("works", replace(facts(book, checked), service=fresh))[0] is Stand.UNKNOWN
    current = replace(book.rollout, checks={"shop-2/1/0/0": "failed"})
    failed = replace(facts(book, checked), service=replace(book.service, current=current))
    assert stand("works", failed)[0] is Stand.FAIL


# ---- after
def test_what_serves_is_within_its_limits() -> None:
    book = served("v1", analysis=Analysis(limits=Limits(error_percent=2.0, p95_ms=100.0)))
    good = view(side("v1", "stable"))
    assert stand("metrics_normal", facts(book, view=good))[0] is Stand.PASS
    assert stand("metrics_normal", facts(book, view=view(side("v1", "stable", error_percent=3.0))))[0] is Stand.FAIL
    assert stand("metrics_normal", facts(book, view=view(side("v1", "stable", p95_ms=300.0))))[0] is Stand.FAIL
    sick = replace(good, healthy=False, trouble="v1 has 1 of 4 instances ready")
    assert stand("metrics_normal", facts(book, view=sick))[0] is Stand.FAIL
    assert stand("metrics_normal", facts(book, view=view(side("v1", "stable", error_percent=None))))[0] is Stand.UNKNOWN
    assert stand("metrics_normal", facts(book))[0] is Stand.UNKNOWN
    assert stand("metrics_normal", facts(moving(), view=good))[0] is Stand.NOT_APPLICABLE


def test_whether_it_was_watched() -> None:
    book = served("v1")
    book.deploy(release("v2", strategy=CANARY))
    book.run()
    shown = view(side("v2", "stable"))
    assert "watched for 5 s" in stand("metrics_normal", facts(book, view=shown))[1]
    unwatched = served("v1", "v2")
    assert stand("metrics_normal", facts(unwatched, view=shown))[0] is Stand.WARN


def test_what_is_left() -> None:
    book = served("v1", "v2")
    serving = side("v2", "stable")
    assert stand("old_gone", facts(book, view=view(serving)))[0] is Stand.PASS
    assert stand("old_gone", facts(book, view=view(serving, side("v1", "old"))))[0] is Stand.WARN
    assert stand("old_gone", facts(moving(), view=view(serving)))[0] is Stand.NOT_APPLICABLE


def test_incidents_ask_for_their_post_mortem() -> None:
    book = moving()
    assert stand("postmortem", facts(book))[0] is Stand.NOT_APPLICABLE
    book.judge("fail", reason="errors: far more")
    book.run()
    found, saw = stand("postmortem", facts(book))
    assert found is Stand.WARN
    assert "shop-2 took v2 back" in saw
    written = {"shop-2": Incident(1.0, "v2", "errors", "https://wiki/42")}
    done = replace(facts(book), service=replace(book.service, incidents=written))
    assert stand("postmortem", done) == (Stand.PASS, "shop-2: https://wiki/42")


def test_what_counts_as_an_incident() -> None:
    book = served("v1", "v2")
    book.drill(traffic_percent=10.0, hold_seconds=1.0)
    book.run()
    assert book.service.incidents == {}
    book.undo()
    book.run()
    assert [i.label for i in book.service.incidents.values()] == ["v2"], "a promoted version was taken back"


@pytest.mark.parametrize(
    ("stale", "stand", "saw"),
    [
        (None, Stand.NOT_APPLICABLE, "the controller keeps no feature flags"),
        ((), Stand.PASS, "no feature flag has outlived its work"),
        (("new-cart", "old"), Stand.WARN, "to be taken out: new-cart, old"),
    ],
)
def test_flags_that_have_done_their_work(stale: tuple[str, ...] | None, stand: Stand, saw: str) -> None:
    found = item(
        "flags_clean", Facts(now=1000.0, release=release("v1"), service=Service(name="shop"), stale_flags=stale)
    )
    assert (found.stand, found.saw) == (stand, saw)
