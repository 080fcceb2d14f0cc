"""From events to notices: whole stories against golden texts, and the single rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from ferryman.core.phases import Verb
from ferryman.model.event import Draft, Frozen, Paused, PromotedInFull, RolloutEnded, Unfrozen
from ferryman.model.notice import Audience, NoticeKind, Severity
from ferryman.model.plan import Phase
from ferryman.model.release import Approval, Approve, Deadlines, Pause, SetWeight
from ferryman.notify.notices import moved_at, stuck
from ferryman.notify.words import clean, text
from unit.golden import Golden
from unit.notify.telling import EVIDENCE, script, told
from unit.playbook import Book, canary, release

GOLDEN = Path(__file__).parent / "golden"
V1 = release("v1")
CANARY = canary(SetWeight(25, 10), SetWeight(50, 10), analysed=True)


def served() -> Book:
    book = Book(now=1_700_000_000.0)
    book.deploy(V1)
    return book.run()


def walking(strategy: object = CANARY) -> Book:
    book = served()
    book.deploy(release("v2", strategy=strategy), reason="new prices")
    return book.run(until=Phase.PROGRESSING)


def test_a_release_that_goes_well(golden: Golden) -> None:
    book = walking().judge("pass", follows=True)
    book.run()
    golden(GOLDEN / "promoted.txt", script(told(book.events)))


def test_a_rollback_comes_with_the_numbers_that_decided(golden: Golden) -> None:
    book = walking()
    book.run(until=Phase.ANALYSING)
    book.judge("fail", reason="errors: candidate 49 errors in 1204 requests", evidence=EVIDENCE)
    book.run()
    found = told(book.events)
    golden(GOLDEN / "rolled_back.txt", script(found))
    assert "error_rate 4.1% > 1.5x 0.61% (n=1,204)" in text(next(n for n in found if n.kind is NoticeKind.ROLLBACK))


def test_a_pause_by_the_judge_a_word_in_full_and_an_abort(golden: Golden) -> None:
    book = walking()
    book.judge("continue", reason="no harm beyond chance", evidence=EVIDENCE)
    book.run(until=Phase.PAUSED)
    assert book.rollout.pause is not None
    assert book.rollout.pause.kind == "inconclusive"
    book.verb(Verb.RESUME)
    book.verb(Verb.PAUSE, reason="lunch")
    book.verb(Verb.FULL, reason="it is fine")
    book.verb(Verb.ABORT, reason="no, it is not")
    book.run()
    golden(GOLDEN / "judged_inconclusive.txt", script(told(book.events)))


def test_a_gate_for_a_person_and_a_newer_release(golden: Golden) -> None:
    book = walking(canary(SetWeight(25, 1), Pause(), SetWeight(50, 1)))
    book.run(until=Phase.PAUSED)
    book.deploy(release("v3", strategy=canary(SetWeight(25, 1))))
    book.run()
    golden(GOLDEN / "superseded.txt", script(told(book.events)))


def test_a_way_back_that_failed(golden: Golden) -> None:
    book = walking()
    book.verb(Verb.ABORT)
    book.fold(Draft(book.rollout.id, RolloutEnded(Phase.FAILED, "v1 has no ready instance", 31.0)))
    golden(GOLDEN / "failed.txt", script(told(book.events)))


def test_a_timer_disturbs_nobody() -> None:
    book = walking(canary(SetWeight(25, 1), Pause(5), SetWeight(50, 1)))
    book.run()
    assert [n.kind for n in told(book.events) if n.rollout == "shop-2"] == [NoticeKind.STARTED, NoticeKind.PROMOTED]


def test_everybody_hears_of_a_promotion_in_full() -> None:
    book = walking()
    book.verb(Verb.FULL)
    last = told(book.events)[-1]
    assert (last.kind, last.audience) == (NoticeKind.OVERRIDE, tuple(Audience))


def test_keys_are_of_service_and_event_and_none_comes_twice() -> None:
    book = walking()
    book.verb(Verb.ABORT)
    book.run()
    keys = [n.key for n in told(book.events)]
    assert len(set(keys)) == len(keys) > 3
    assert all(key.startswith("shop/") and key.removeprefix("shop/").isdigit() for key in keys)
    assert keys == [n.key for n in told(book.events)]


@pytest.mark.parametrize("hostile", ["x\r\nBcc: eve@example.org", "a\x00b\u2028c\u202ed"])
def test_what_people_write_stays_in_one_line(hostile: str) -> None:
    book = walking()
    book.fold(Draft(book.rollout.id, Paused("operator", hostile), f"eve{hostile}"))
    notice = told(book.events)[-1]
    for line in (notice.title, notice.reason, notice.actor):
        assert line.isprintable(), line
    assert all(name.isprintable() for name in text(notice).splitlines())


def test_half_a_character_is_no_text() -> None:
    assert clean("a\ud800b") == "a b"


def test_a_long_reason_is_cut() -> None:
    book = walking()
    book.verb(Verb.PAUSE, reason="x" * 10_000)
    assert len(told(book.events)[-1].reason) == 500


def test_stuck_is_told_once_and_not_of_a_wait() -> None:
    book = walking()
    rollout = book.rollout
    began = moved_at(rollout)
    assert stuck(book.service, began + 9, 600.0) is None
    # The hold of 10 s and the longest wait for a verdict are part of the plan; after them something should have come.
    assert stuck(book.service, began + 605, 600.0) is not None
    first = stuck(book.service, began + 900, 600.0)
    again = stuck(book.service, began + 4000, 600.0)
    assert first == again
    assert first is not None
    assert (first.kind, first.severity, first.audience) == (NoticeKind.STUCK, Severity.CRITICAL, (Audience.ON_CALL,))
    book.verb(Verb.PAUSE)
    assert stuck(book.service, book.now + 100_000, 600.0) is None


def test_stuck_while_instances_never_come_up() -> None:
    book = served()
    book.never_ready.add("v2")
    deadlines = Deadlines(progress_seconds=60.0, on_deadline="report")
    book.deploy(release("v2", strategy=CANARY, deadlines=deadlines))
    for _ in range(700):
        book.tick()
    found = stuck(book.service, book.now, 600.0)
    assert found is not None
    assert found.key.startswith("shop/stuck/shop-2.1.forward.")


def test_a_service_at_rest_is_not_stuck() -> None:
    book = served()
    assert stuck(book.service, book.now + 1e6, 600.0) is None
    assert stuck(replace(book.service, current=None), book.now + 1e6, 600.0) is None


def test_an_approval_is_asked_of_approvers(golden: Golden) -> None:
    book = walking(canary(SetWeight(25, 1), Approve(Approval(count=2, role="admin")), SetWeight(50, 1)))
    book.run(until=Phase.PAUSED)
    found = told(book.events)[-1]
    assert (found.kind, found.role, found.needed) == (NoticeKind.APPROVAL, "admin", 2)
    assert found.until == book.now + 86_400.0
    golden(GOLDEN / "approval.txt", script([found]))


def test_a_freeze_is_told_to_owners_and_an_emergency_to_all(golden: Golden) -> None:
    book = served()
    book.fold(Draft("", Frozen("the fair", book.now + 3600.0), "ben"))
    book.fold(Draft("", Unfrozen("it is over"), "ben"))
    book.deploy(release("v2", strategy=CANARY), reason="outage", emergency=True)
    golden(GOLDEN / "freeze_and_emergency.txt", script(told(book.events)[-3:]))


@pytest.mark.parametrize("kind", ["freeze", "window"])
def test_what_waits_for_its_time_needs_nobody(kind: str) -> None:
    book = walking()
    book.fold(Draft(book.rollout.id, Paused(kind, "closed until Monday", book.now + 9000.0)))
    found = told(book.events)[-1]
    assert (found.kind, found.severity, found.until) == (NoticeKind.PAUSED, Severity.INFO, book.now + 9000.0)


def test_full_promotion_draft_is_known_by_type() -> None:
    book = walking()
    book.fold(Draft(book.rollout.id, PromotedInFull("why not"), "bo"))
    assert told(book.events)[-1].title == "shop: bo promotes v2 in full"
