"""Decisions one at a time: verdicts, deadlines, checks and clocks. Invariants 2 and 8."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from ferryman.core.decide import decide
from ferryman.core.phases import Verb
from ferryman.model.event import BackOrdered, CheckFinished, CheckStarted, Paused, RolloutEnded, StepEntered
from ferryman.model.plan import Phase
from ferryman.model.release import Analysis, BlueGreen, Check, Deadlines, Pause, Rolling, RunCheck, SetWeight
from ferryman.model.seen import AnalysisSeen, Seen
from unit.playbook import Book, canary, release

STEPS = (SetWeight(25, 10), SetWeight(50, 10))
SMOKE = RunCheck(Check(name="smoke", http_path="/smoke"))


def serving(**book: float) -> Book:
    made = Book(**book)  # type: ignore[arg-type]
    made.deploy(release("v1"))
    return made.run()


def holding(*steps: object, until: Phase = Phase.PROGRESSING, bake_seconds: float = 20.0, **settings: object) -> Book:
    """v2 at its first weight, or further."""
    book = serving()
    strategy = canary(*(steps or STEPS), analysed=True, bake_seconds=bake_seconds, scale_down_delay_seconds=20.0)
    book.deploy(release("v2", strategy=strategy, **settings))
    return book.run(until=until)


def causes(book: Book) -> list[str]:
    return [b.cause.kind for b in book.bodies(BackOrdered)]


# ---- verdicts


def paused() -> Book:
    book = holding()
    book.verb(Verb.PAUSE)
    return book


def passing(phase: Phase) -> Book:
    """As far as a judge that is content lets it go."""
    book = holding()
    for _ in range(100):
        book.judge("pass")
        book.tick()
        if book.rollout.phase is phase:
            return book
    raise AssertionError(book.story())


@pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.PAUSED, Phase.ANALYSING, Phase.PROMOTING, Phase.BAKING])
def test_a_fail_goes_back_in_one_decision(phase: Phase) -> None:
    """Wherever it comes, and while everybody is on the candidate already: the very next world has none of it."""
    match phase:
        case Phase.PROMOTING | Phase.BAKING:
            book = passing(phase)
        case Phase.PAUSED:
            book = paused()
        case _:
            book = holding(until=phase)
    book.judge("fail", reason="errors 9 %")
    decision = book.tick()
    assert book.rollout.phase is Phase.ABORTING
    assert (causes(book), book.rollout.cause and book.rollout.cause.reason) == (["verdict"], "errors 9 %")
    assert decision.world.weights == {"v1": 100.0}
    assert book.routes.weights == {"v1": 100.0}


def test_a_fail_after_the_promotion_changes_nothing() -> None:
    book = passing(Phase.FINISHING)
    book.judge("fail").run()
    assert book.rollout.phase is Phase.PROMOTED


@pytest.mark.parametrize("other", [{"attempt": 2}, {"rollout": "shop-1"}])
def test_the_judge_on_another_attempt_or_rollout_is_not_listened_to(other: dict[str, object]) -> None:
    book = holding().judge("fail")
    assert book.analysis is not None
    book.analysis = replace(book.analysis, **other)
    for _ in range(30):
        book.tick()
    assert causes(book) == []
    assert book.rollout.phase is Phase.ANALYSING


def test_a_pass_does_not_shorten_the_hold() -> None:
    book = holding()
    book.judge("pass")
    reached = book.now
    while book.rollout.step == 1:
        book.tick()
    assert book.now - reached >= 10.0


@pytest.mark.parametrize("verdict", ["continue", "insufficient", "error"])
def test_no_step_without_a_pass(verdict: str) -> None:
    """Invariant 8: whatever is not a pass never leads on by itself, however long it lasts."""
    book = holding()
    if verdict == "error":
        book.evidence_is_missing()
    book.judge(verdict)
    for _ in range(700):
        book.tick()
    assert book.rollout.phase is Phase.PAUSED
    assert book.rollout.max_exposure_percent == 25.0


@pytest.mark.parametrize(
    ("policy", "ends"),
    [("rollback", Phase.ROLLED_BACK), ("promote", Phase.PROMOTED), ("pause", None)],
)
def test_inconclusive_as_the_release_says(policy: str, ends: Phase | None) -> None:
    book = holding(SetWeight(25, 5), analysis=Analysis(min_wait_seconds=10.0, on_inconclusive=policy))
    book.judge("continue")
    for _ in range(150):
        book.tick()
    assert book.rollout.phase is (ends or Phase.PAUSED)
    assert causes(book) == (["verdict"] if ends is Phase.ROLLED_BACK else [])


def test_insufficient_may_hold_until_there_is_enough() -> None:
    book = holding(SetWeight(25, 5), analysis=Analysis(min_wait_seconds=10.0, on_insufficient="hold"))
    book.judge("insufficient")
    for _ in range(300):
        book.tick()
    assert book.rollout.phase is Phase.ANALYSING
    book.judge("pass").run()
    assert book.rollout.phase is Phase.PROMOTED


def test_promote_skips_the_verdict_of_this_step_only() -> None:
    book = holding()
    book.verb(Verb.PROMOTE)
    book.tick()
    assert book.rollout.current.name == "50%"
    for _ in range(25):
        book.tick()
    assert (book.rollout.current.name, book.rollout.phase) == ("50%", Phase.ANALYSING)


def test_a_skipped_step_still_goes_back_on_a_fail() -> None:
    book = holding()
    book.judge("fail")
    book.verb(Verb.PROMOTE)
    book.tick()
    assert causes(book) == ["verdict"]


def test_in_full_is_deaf_to_verdicts_but_not_to_crashes() -> None:
    book = holding()
    book.ready_limit["v2"] = 1
    book.verb(Verb.FULL)
    book.judge("fail")
    for _ in range(5):
        book.tick()
    assert (causes(book), book.rollout.phase) == ([], Phase.PROMOTING)
    book.crashing.add("v2")
    book.crash("v2", 1)
    book.ready_limit.clear()
    book.run(100, until=Phase.ABORTING)
    assert causes(book) == ["breaker"]


# ---- deadlines


def stuck(**deadlines: object) -> Book:
    book = serving()
    book.never_ready.add("v2")
    book.deploy(release("v2", strategy=canary(*STEPS), deadlines=Deadlines(progress_seconds=20.0, **deadlines)))  # type: ignore[arg-type]
    for _ in range(60):
        book.tick()
    return book


def test_deadline_goes_back() -> None:
    book = stuck()
    assert (causes(book), book.rollout.phase) == (["deadline"], Phase.ROLLED_BACK)


def test_deadline_may_pause_and_counts_anew_after_it() -> None:
    book = stuck(on_deadline="pause")
    assert [b.kind for b in book.bodies(Paused)] == ["deadline"]
    book.verb(Verb.RESUME)
    for _ in range(15):
        book.tick()
    assert book.rollout.phase is Phase.STARTING
    for _ in range(10):
        book.tick()
    assert book.rollout.phase is Phase.PAUSED


def test_deadline_may_only_be_reported() -> None:
    book = stuck(on_deadline="report")
    assert book.rollout.phase is Phase.STARTING
    count = len(book.events)
    book.tick()
    assert len(book.events) == count


# ---- checks


def test_a_check_starts_once_per_attempt_and_its_outcome_holds_for_that_attempt() -> None:
    book = serving()
    book.check_outcome = "failed"
    book.deploy(release("v2", strategy=canary(SetWeight(25), SMOKE)))
    book.run()
    assert causes(book) == ["check"]
    book.check_outcome = "passed"
    book.verb(Verb.RETRY)
    book.run()
    assert book.rollout.phase is Phase.PROMOTED
    started, finished = book.bodies(CheckStarted), book.bodies(CheckFinished)
    assert [b.key for b in started] == [b.key for b in finished]
    assert len({b.key for b in started}) == 2


def test_a_running_check_is_asked_for_until_it_ends_and_not_after_the_way_back_began() -> None:
    book = serving()
    book.check_outcome = "running"
    book.deploy(release("v2", strategy=canary(SetWeight(25), SMOKE)))
    book.run(until=Phase.PROGRESSING)
    for _ in range(5):
        assert len(book.tick().checks) <= 1
    assert len(book.bodies(CheckStarted)) == 1
    book.verb(Verb.ABORT)
    assert book.tick().checks == ()


# ---- the way back


def test_nobody_meets_it_again_once_it_was_rolled_back() -> None:
    """Invariant 2: whatever else dies then."""
    random = Random(7)
    for strategy in (canary(*STEPS), BlueGreen(bake_seconds=5.0), Rolling()):
        book = serving()
        book.deploy(release("v2", strategy=strategy))
        for _ in range(random.randint(3, 9)):
            book.tick()
        book.verb(Verb.ABORT)
        book.run()
        assert book.rollout.phase is Phase.ROLLED_BACK
        for _ in range(60):
            if random.random() < 0.3:
                book.crash("v1", random.randint(1, 4))
            book.tick()
            assert book.weight("v2") == 0.0
            assert book.ready("v2") == 0


def test_exposure_falls_all_the_way_back_and_never_rises() -> None:
    random = Random(11)
    for strategy in (canary(*STEPS, stable="dynamic"), Rolling(), BlueGreen(bake_seconds=30.0)):
        book = serving()
        book.deploy(release("v2", strategy=strategy))
        for _ in range(random.randint(6, 12)):
            book.tick()
        book.verb(Verb.ABORT)
        before = book.weight("v2")
        while not book.rollout.phase.terminal:
            book.tick()
            assert book.weight("v2") <= before
            before = book.weight("v2")


def test_a_candidate_that_nobody_met_is_not_kept_warm() -> None:
    book = serving()
    book.deploy(release("v2", strategy=BlueGreen(auto_promote=False)))
    book.run(until=Phase.PAUSED)
    asked = book.now
    book.verb(Verb.ABORT)
    book.run()
    assert book.now - asked < 10.0


# ---- time


@pytest.mark.parametrize("back_seconds", [1.0, 3600.0])
def test_a_clock_that_steps_back_moves_nothing(back_seconds: float) -> None:
    book = holding(SetWeight(25, 10), Pause(30))
    book.tick()
    before = book.service
    book.tick(-back_seconds)
    assert book.service == before
    for _ in range(int(back_seconds) + 90):
        book.judge("pass")
        book.tick()
    assert book.rollout.phase in (Phase.FINISHING, Phase.PROMOTED)
    assert all(b.seconds >= 0 for b in book.bodies(RolloutEnded))


def test_due_is_when_time_alone_would_move_it() -> None:
    book = holding(SetWeight(25, 10), Pause(7))
    book.judge("pass")
    while not book.rollout.phase.terminal:
        decision = decide(book.service, book.seen(), book.now)
        assert book.now < decision.due <= book.now + 30.0
        early = decision.due - 0.001
        if book.rollout.reached_at is not None and early > book.now:
            assert decide(decision.service, replace(book.seen(), at=early), early).events == ()
        book.judge("pass")
        book.tick()


def test_nothing_seen_moves_nothing_forward() -> None:
    """An observation of nothing at all (everything is gone, nothing is known) is no reason to expose anybody."""
    book = holding()
    blank = Seen(at=book.now + 5.0)
    decision = decide(book.service, blank, book.now + 5.0)
    assert not any(isinstance(d.body, StepEntered) for d in decision.events)
    assert decision.world.weights.get("v2", 0.0) <= 25.0


def test_a_verdict_is_recorded_once() -> None:
    book = holding().judge("continue")
    for _ in range(20):
        book.tick()
    assert book.kinds().count("verdict_changed") == 1
    assert isinstance(book.analysis, AnalysisSeen)


def test_a_quick_undo_that_was_taken_back_is_tried_again_quickly() -> None:
    book = serving()
    book.deploy(release("v2", strategy=canary(*STEPS)))
    book.run()
    book.undo()
    book.tick()
    book.verb(Verb.ABORT)
    book.run()
    assert book.rollout.phase is Phase.ROLLED_BACK
    book.verb(Verb.RETRY)
    book.run(60)
    assert (book.rollout.candidate, book.rollout.phase) == ("v1", Phase.PROMOTED)
