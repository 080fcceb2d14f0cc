"""The fold, kind by kind: what each event changes, what it refuses, and that nothing is lost in writing. Invariant 5."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec.structs import replace

from ferryman.core.evolve import KEPT_PROMOTED, evolve
from ferryman.model.event import (
    AnalysisAwaited,
    ApprovalOpened,
    Approved,
    BackOrdered,
    Body,
    CheckFinished,
    CheckStarted,
    Denied,
    Draft,
    Event,
    Frozen,
    Noted,
    Paused,
    PlanChanged,
    PostmortemWritten,
    PromotedInFull,
    RestartOrdered,
    Resumed,
    Retried,
    RolloutCreated,
    RolloutEnded,
    RolloutStarted,
    ServiceDown,
    Skipped,
    StepEntered,
    StepReached,
    Unfrozen,
    VerdictChanged,
)
from ferryman.model.plan import Phase
from ferryman.model.release import Pause, SetWeight
from ferryman.model.rollout import Cause, Freeze, Given, Incident, Rollout, Service, Track
from ferryman.model.world import EMPTY_WORLD
from ferryman.strategies.compile import compile_plan
from unit.playbook import Book, canary, release, revision

V1 = release("v1")
V2 = release("v2", strategy=canary(SetWeight(25, 10), Pause(), SetWeight(50, 10), analysed=True))
CAUSE = Cause("abort", "because", 1010.0, "ana")


def served() -> Book:
    """v1 was promoted."""
    book = Book()
    book.deploy(V1)
    return book.run()


def walking() -> Book:
    """v2 holds at 25 %."""
    book = served()
    book.deploy(V2)
    return book.run(until=Phase.PROGRESSING)


def after(book: Book, body: Body, *, rollout: str | None = None, at: float = 2000.0, actor: str = "bo") -> Service:
    """The service once this happened; what is written and read again folds to the same."""
    about = book.rollout.id if rollout is None else rollout
    event = Event("shop", book.service.seq + 1, about, at, actor, body)
    found = evolve(book.service, event)
    read = msgspec.json.decode(msgspec.json.encode(book.service), type=Service)
    assert evolve(read, msgspec.json.decode(msgspec.json.encode(event), type=Event)) == found
    assert (found.seq, found.at) == (book.service.seq + 1, at)
    return found


def current(service: Service) -> Rollout:
    assert service.current is not None
    return service.current


def created(book: Book, of: Any, number: int, *, full: bool = False) -> RolloutCreated:
    plan = compile_plan(of, of.label, book.service.stable, stable_replicas=4)
    return RolloutCreated(number=number, kind="deploy", release=of, revision=revision(of), plan=plan, full=full)


def test_created_waits_and_changes_nothing_else() -> None:
    book = served()
    found = after(book, created(book, V2, 2, full=True), rollout="shop-2")
    assert found.current == book.service.current
    assert [q.id for q in found.queue] == ["shop-2"]
    waiting = found.queue[0]
    assert (waiting.phase, waiting.candidate, waiting.stable, waiting.full) == (Phase.PENDING, "v2", "v1", True)
    assert (waiting.created_at, waiting.created_by, waiting.number) == (2000.0, "bo", 2)
    assert found.rollouts == 2
    assert "v2" in found.revisions


def test_started_leaves_the_queue_with_the_plan_that_counts() -> None:
    book = served()
    book.deploy(V2)
    plan = replace(book.service.queue[0].plan, notes=("newer",))
    found = after(book, RolloutStarted(plan), rollout="shop-2")
    assert found.queue == ()
    assert (current(found).phase, current(found).plan, current(found).started_at) == (Phase.CHECKING, plan, 2000.0)
    assert (current(found).attempt_at, current(found).progress_at, current(found).entered_at) == (2000.0, 2000.0, None)


def test_entered_begins_the_clocks_anew_and_records_the_exposure() -> None:
    book = walking()
    book.service = replace(book.service, current=replace(book.rollout, skipped=True, waited=True, lost_seconds=5.0))
    found = current(after(book, StepEntered(Track.FORWARD, 3, "50%", Phase.PROGRESSING, 50.0)))
    assert (found.step, found.entered_at, found.reached_at, found.progress_at) == (3, 2000.0, None, 2000.0)
    assert (found.exposure_percent, found.max_exposure_percent) == (50.0, 50.0)
    assert (found.skipped, found.waited, found.lost_seconds, found.pause) == (False, False, 0.0, None)
    down = current(after(book, StepEntered(Track.FORWARD, 1, "5%", Phase.PROGRESSING, 5.0)))
    assert (down.exposure_percent, down.max_exposure_percent) == (5.0, 25.0)


def test_reached_starts_the_gates() -> None:
    found = current(after(walking(), StepReached(1, missing_seconds=7.0)))
    assert (found.reached_at, found.progress_at, found.missing_seconds) == (2000.0, 2000.0, 7.0)
    assert found.rollback_seconds is None


def test_reached_on_the_way_back_tells_how_long_users_waited() -> None:
    book = walking()
    book.service = after(book, BackOrdered(CAUSE), at=1010.0)
    found = current(after(book, StepReached(0), at=1013.5))
    assert found.rollback_seconds == 3.5
    book.service = after(book, StepReached(0), at=1013.5)
    assert current(after(book, StepReached(1), at=1050.0)).rollback_seconds == 3.5


def test_a_clock_that_stepped_back_makes_no_negative_durations() -> None:
    book = walking()
    book.service = after(book, BackOrdered(CAUSE), at=1010.0)
    assert current(after(book, StepReached(0), at=900.0)).rollback_seconds == 0.0


def test_judging() -> None:
    book = walking()
    assert current(after(book, AnalysisAwaited(1))).phase is Phase.ANALYSING
    assert current(after(book, VerdictChanged(0, "pass", "fine", {"n": 7}))).verdict == (0, "pass")


def test_checks() -> None:
    book = walking()
    book.service = after(book, CheckStarted("k", "smoke", 1))
    assert book.rollout.checks == {"k": "running"}
    assert current(after(book, CheckFinished("k", "smoke", "failed", "500"))).checks == {"k": "failed"}


@pytest.mark.parametrize(
    ("kind", "reached_at", "lost", "waited"),
    [
        ("operator", 1010.0, 50.0, False),
        ("deadline", 1010.0, 50.0, False),
        ("human", 1010.0, 0.0, True),
        ("timer", 1010.0, 0.0, True),
        ("inconclusive", 2000.0, 0.0, False),
        ("insufficient", 2000.0, 0.0, False),
        ("fail", 2000.0, 0.0, False),
        ("error", 2000.0, 0.0, False),
    ],
)
def test_pause_and_resume(kind: str, reached_at: float, lost: float, waited: bool) -> None:
    book = walking()
    book.service = replace(book.service, current=replace(book.rollout, reached_at=1010.0))
    book.service = after(book, Paused(kind, "why", 2500.0), at=1950.0)
    assert book.rollout.phase is Phase.PAUSED
    pause = book.rollout.pause
    assert pause is not None
    assert (pause.kind, pause.reason, pause.since, pause.by, pause.until) == (kind, "why", 1950.0, "bo", 2500.0)
    found = current(after(book, Resumed("go")))
    assert (found.phase, found.pause, found.progress_at) == (Phase.PROGRESSING, None, 2000.0)
    assert (found.reached_at, found.lost_seconds, found.waited) == (reached_at, lost, waited)


def test_a_pause_before_the_world_was_reached_costs_nothing() -> None:
    book = walking()
    book.service = after(book, Paused("operator", "why"), at=1950.0)
    found = current(after(book, Resumed()))
    assert (found.reached_at, found.lost_seconds) == (None, 0.0)


def test_resume_without_a_pause_changes_nothing() -> None:
    book = walking()
    assert current(after(book, Resumed())) == book.rollout


def test_skipped_and_full_end_a_pause() -> None:
    book = walking()
    book.service = after(book, Paused("human", "why"))
    skipped, full = current(after(book, Skipped(1))), current(after(book, PromotedInFull()))
    assert (skipped.skipped, skipped.full, skipped.pause) == (True, False, None)
    assert (full.skipped, full.full, full.pause) == (True, True, None)


def test_back_ordered_turns_round() -> None:
    book = walking()
    book.service = after(book, Paused("human", "why"))
    found = current(after(book, BackOrdered(CAUSE, "shop-9")))
    assert (found.phase, found.track, found.step, found.cause) == (Phase.ABORTING, Track.BACK, 0, CAUSE)
    assert (found.superseded_by, found.pause, found.reached_at, found.entered_at) == ("shop-9", None, None, 2000.0)
    assert found.exposure_percent == 25.0


def test_retried_begins_again() -> None:
    book = walking()
    book.judge("fail").run()
    found = current(after(book, Retried(2, full=True)))
    assert (found.phase, found.attempt, found.track, found.step) == (Phase.CHECKING, 2, Track.FORWARD, 0)
    assert (found.full, found.cause, found.checks, found.verdict) == (True, None, {}, (-1, ""))
    assert (found.entered_at, found.ended_at, found.max_exposure_percent) == (None, None, 0.0)
    assert (found.attempt_at, found.started_at) == (2000.0, book.rollout.started_at)


def test_plan_changed_is_reached_anew_only_where_the_world_changed() -> None:
    book = walking()
    book.service = after(book, StepReached(1), at=1020.0)
    later = replace(V2, strategy=canary(SetWeight(25, 10), Pause(), analysed=True))
    same = current(after(book, PlanChanged(later, compile_plan(later, "v2", "v1", stable_replicas=4))))
    assert (same.reached_at, same.release, len(same.plan.steps)) == (1020.0, later, len(book.rollout.plan.steps) - 1)
    bigger = replace(V2, replicas=12)
    other = current(after(book, PlanChanged(bigger, compile_plan(bigger, "v2", "v1", stable_replicas=4))))
    assert (other.reached_at, other.progress_at, other.phase) == (None, 2000.0, Phase.PROGRESSING)


def test_restart_and_notes_touch_no_rollout() -> None:
    book = walking()
    assert after(book, RestartOrdered(), rollout="") == replace(
        book.service, seq=book.service.seq + 1, at=2000.0, fresh_since=2000.0
    )
    assert after(book, Noted("topic", "text")) == replace(book.service, seq=book.service.seq + 1, at=2000.0)


def test_promoted_stands_from_now_on() -> None:
    book = walking()
    book.service = replace(book.service, rejected={"v2": "once", "v9": "often"})
    found = after(book, RolloutEnded(Phase.PROMOTED, "all", 5.0))
    assert (found.promoted, found.stable, found.steady) == (("v1", "v2"), "v2", book.rollout.plan.steady)
    assert found.releases == {"v1": V1, "v2": V2}
    assert found.rejected == {"v9": "often"}
    assert (current(found).phase, current(found).ended_at, current(found).exposure_percent) == (
        Phase.PROMOTED,
        2000.0,
        100.0,
    )


def test_promoted_again_moves_to_the_end_of_the_list() -> None:
    book = walking()
    book.service = replace(book.service, promoted=("v0", "v2", "v1"))
    assert after(book, RolloutEnded(Phase.PROMOTED, "all", 5.0)).promoted == ("v0", "v1", "v2")


@pytest.mark.parametrize(
    ("kind", "outcome", "rejected"),
    [
        ("verdict", Phase.ROLLED_BACK, True),
        ("check", Phase.ROLLED_BACK, True),
        ("abort", Phase.ROLLED_BACK, True),
        ("breaker", Phase.FAILED, True),
        ("error", Phase.ROLLED_BACK, False),
        ("supersede", Phase.SUPERSEDED, False),
    ],
)
def test_what_went_back_is_rejected_unless_it_was_not_its_fault(kind: str, outcome: Phase, rejected: bool) -> None:
    book = walking()
    steady = book.service.steady
    book.service = after(book, BackOrdered(replace(CAUSE, kind=kind)))
    found = after(book, RolloutEnded(outcome, "why", 5.0, 1.0))
    assert (current(found).phase, current(found).rollback_seconds, current(found).exposure_percent) == (
        outcome,
        1.0,
        0.0,
    )
    assert found.rejected == ({"v2": "why"} if rejected else {})
    assert (found.promoted, found.steady) == (("v1",), steady)


def test_the_end_of_one_that_waits_only_takes_it_from_the_queue() -> None:
    book = walking()
    book.deploy(release("v3"))
    waiting = book.service.queue[0].id
    found = after(book, RolloutEnded(Phase.SUPERSEDED, "why", 0.0), rollout=waiting)
    assert (found.queue, found.current) == ((), book.service.current)


def test_one_that_waits_can_be_held_and_let_go() -> None:
    book = served()
    book.deploy(V2)
    held = after(book, Paused("operator", "why"), rollout="shop-2")
    assert held.queue[0].phase is Phase.PAUSED
    assert held.current == book.service.current
    book.service = held
    assert after(book, Resumed(), rollout="shop-2").queue[0].phase is Phase.PENDING


def test_down_wants_nothing_and_remembers_what_was_promoted() -> None:
    book = walking()
    book.deploy(release("v3"))
    found = after(book, ServiceDown(), rollout="")
    assert (found.down, found.queue, found.steady, found.promoted) == (True, (), EMPTY_WORLD, ("v1",))
    assert (current(found).phase, current(found).exposure_percent) == (Phase.SUPERSEDED, 0.0)


def test_old_content_is_pruned_but_what_runs_is_kept() -> None:
    book = Book(start_seconds=0.0)
    for number in range(KEPT_PROMOTED + 3):
        book.deploy(release(f"v{number}", strategy=canary()))
        book.run()
    service = book.service
    assert len(service.promoted) == KEPT_PROMOTED
    assert service.pruned == ("v0", "v1", "v2")
    assert set(service.releases) == set(service.promoted)
    assert set(service.revisions) == set(service.promoted)


@pytest.mark.parametrize("seq", [0, 1, 3, 99])
def test_a_gap_is_refused(seq: int) -> None:
    service = Service(name="shop", seq=1)
    with pytest.raises(ValueError, match=f"event {seq} of shop does not follow 1"):
        evolve(service, Event("shop", seq, "", 0.0, "bo", Noted("a", "b")))


ABOUT_A_ROLLOUT = [
    StepEntered(Track.FORWARD, 0, "x", Phase.STARTING, 0.0),
    StepReached(0),
    AnalysisAwaited(0),
    VerdictChanged(0, "pass", "x"),
    CheckStarted("k", "n", 0),
    CheckFinished("k", "n", "passed"),
    Paused("human", "x"),
    Resumed(),
    Skipped(0),
    PromotedInFull(),
    BackOrdered(CAUSE),
    Retried(2),
    RolloutEnded(Phase.PROMOTED, "x", 0.0),
]


@pytest.mark.parametrize("body", ABOUT_A_ROLLOUT, ids=lambda body: type(body).__name__)
def test_an_event_of_a_rollout_that_is_not_there_is_refused(body: Body) -> None:
    book = walking()
    for service, rollout in ((book.service, "shop-77"), (Service(name="shop", seq=book.service.seq), "shop-2")):
        with pytest.raises(ValueError, match="not running"):
            evolve(service, Event("shop", book.service.seq + 1, rollout, 0.0, "bo", body))


def test_a_start_of_one_that_does_not_wait_is_refused() -> None:
    book = walking()
    with pytest.raises(ValueError, match="does not wait"):
        evolve(
            book.service, Event("shop", book.service.seq + 1, "shop-77", 0.0, "bo", RolloutStarted(book.rollout.plan))
        )


def test_an_approval_is_asked_for_and_answered() -> None:
    """What was answered counts on when it is asked for again."""
    book = walking()
    opened = ApprovalOpened("key", 1, 2, "operator", "waits for 2 approvals", 5000.0)
    book.fold(Draft(book.rollout.id, opened))
    assert (book.rollout.phase, book.rollout.pause and book.rollout.pause.until) == (Phase.PAUSED, 5000.0)
    book.fold(Draft(book.rollout.id, Approved("key", "admin", 1, 2, "fine"), "ana"))
    book.fold(Draft(book.rollout.id, opened))
    asked = book.rollout.approvals["key"]
    assert (asked.state, asked.given) == ("open", (Given(book.now, "ana", "admin", "fine"),))
    book.fold(Draft(book.rollout.id, Denied("key", "operator", "no"), "ben"))
    asked = book.rollout.approvals["key"]
    assert (asked.state, asked.denied) == ("denied", Given(book.now, "ben", "operator", "no"))


def test_a_freeze_is_the_services() -> None:
    book = served()
    book.fold(Draft("", Frozen("sale", 9000.0), "ana"))
    assert book.service.freeze == Freeze("ana", "sale", book.now, 9000.0)
    book.fold(Draft("", Unfrozen("over"), "ben"))
    assert book.service.freeze is None


def test_a_post_mortem_is_kept_beside_its_incident() -> None:
    book = walking()
    book.service = replace(book.service, incidents={"shop-1": Incident(1.0, "v0", "errors")})
    found = after(book, PostmortemWritten("https://wiki/1"), rollout="shop-1")
    assert found.incidents == {"shop-1": Incident(1.0, "v0", "errors", "https://wiki/1")}
    assert after(book, PostmortemWritten("https://wiki/1"), rollout="shop-9").incidents == book.service.incidents


def test_every_kind_of_event_has_its_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [kind.__name__ for kind in get_args(Body) if f"{kind.__name__}(" not in text.replace("ABOUT_A", "")] == []
