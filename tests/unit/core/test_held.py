"""Whoever lets a release go on is told at once what holds it all the same, and until when."""

from __future__ import annotations

from ferryman.core.answers import Answer
from ferryman.core.approving import approve
from ferryman.core.freezing import freeze
from ferryman.core.held import with_what_holds
from ferryman.core.phases import Verb
from ferryman.core.postmortem import written_about
from ferryman.core.verbs import command, deploy
from ferryman.engine.traffic import Traffic
from ferryman.engine.views import service_view
from ferryman.model.calendar import Window, Windows
from ferryman.model.plan import Phase
from ferryman.model.release import Approval, Approvals, Pause, Release, SetWeight
from ferryman.model.view import ServiceView
from unit.playbook import Book, canary, release, revision

STEPS = canary(SetWeight(25), Pause(), SetWeight(50, hold_seconds=5.0))
NIGHT = Windows(open=(Window(days=(0, 1, 2, 3, 4, 5, 6), from_minute=1200, to_minute=1260),))


def asked(book: Book, verb: Verb, **settings: object) -> Answer:
    """The answer to a verb, as people are given it; nothing is appended."""
    answer = command(book.service, verb, actor="ana", now=book.now, **settings)  # type: ignore[arg-type]
    return with_what_holds(book.service, answer, book.now)


def deployed(book: Book, of: Release, **settings: object) -> Answer:
    answer = deploy(book.service, of, revision(of), actor="ana", now=book.now, **settings)  # type: ignore[arg-type]
    return with_what_holds(book.service, answer, book.now)


def frozen(book: Book, until: float | None) -> None:
    book.take(freeze(book.service, actor="ana", now=book.now, reason="sale", until=until))


def at_the_pause(**settings: object) -> Book:
    book = Book()
    book.deploy(release("v1"))
    book.run()
    book.deploy(release("v2", strategy=STEPS, **settings))
    return book.run(until=Phase.PAUSED)


def test_nothing_is_said_where_nothing_holds() -> None:
    book = at_the_pause()
    answer = asked(book, Verb.PROMOTE)
    assert (answer.held, answer.until) == ("", None)
    assert asked(book, Verb.ABORT).held == ""
    frozen(book, None)
    assert asked(book, Verb.ABORT).held == "", "going back is never held"
    assert asked(book, Verb.PROMOTE, reason="fire", emergency=True).held == ""


def test_promote_under_a_freeze_that_has_not_bitten_yet() -> None:
    book = at_the_pause()
    frozen(book, book.now + 3600)
    answer = asked(book, Verb.PROMOTE)
    assert answer.text == "step 3/6 skipped by ana, next 50%"
    assert answer.held == "before '50%': frozen by ana to Thu 1970-01-01 01:16 UTC: sale"
    assert answer.until == book.now + 3600
    frozen(book, None)
    answer = asked(book, Verb.FULL)
    assert answer.held == "before '50%': frozen by ana: sale, until somebody lifts it"
    assert answer.until is None


def test_a_window_that_is_shut_holds_a_deploy_from_its_first_user_on() -> None:
    book = Book()
    book.deploy(release("v1"))
    book.run()
    answer = deployed(book, release("v2", strategy=STEPS, windows=NIGHT))
    assert answer.text == "starts as shop-2"
    assert answer.held == "before '25%': outside the release window; opens Thu 1970-01-01 20:00 UTC"
    assert answer.until == 20 * 3600
    assert deployed(book, release("v2", strategy=STEPS, windows=NIGHT), reason="fire", emergency=True).held == ""


def test_people_who_must_agree_are_named_before_they_are_asked() -> None:
    two = Approvals(promotion=Approval(count=2, timeout_seconds=600.0))
    book = at_the_pause(approvals=two)
    book.take(asked(book, Verb.PROMOTE))
    book.run(until=Phase.PROGRESSING)
    answer = asked(book, Verb.PROMOTE)
    assert answer.held.startswith("before '100%': waits for 2 approvals (role operator), to Thu 1970-01-01 00:2")
    assert answer.held.endswith(" at most")
    assert asked(book, Verb.FULL).held == "", "in full goes on without them"


def test_the_last_of_those_who_agree_hears_of_the_freeze() -> None:
    book = Book()
    book.deploy(release("v1"))
    book.run()
    answer = deployed(book, release("v2", strategy=STEPS, approvals=Approvals(start=Approval(timeout_seconds=None))))
    assert answer.held == "before '25%': waits for 1 approval (role operator)"
    book.take(answer)
    book.run(until=Phase.PAUSED)
    frozen(book, None)
    said = approve(book.service, actor="ben", role="operator", now=book.now)
    told = with_what_holds(book.service, said, book.now)
    assert (told.text, told.held) == ("approved 1/1", "before '25%': frozen by ana: sale, until somebody lifts it")


def view(book: Book) -> ServiceView:
    return service_view(book.service, book.seen(), Traffic((1.0,)), {}, "", ())


def test_the_view_says_beforehand_what_will_hold_it_and_not_twice() -> None:
    book = at_the_pause(approvals=Approvals(start=None, promotion=Approval(timeout_seconds=None)))
    book.take(asked(book, Verb.PROMOTE))
    book.run(until=Phase.PROGRESSING)
    shown = view(book).rollout
    assert shown is not None
    assert shown.held == "before '100%': waits for 1 approval (role operator)"
    frozen(book, None)
    book.run(until=Phase.PAUSED)
    shown = view(book).rollout
    assert shown is not None
    assert (shown.pause_kind, shown.held) == ("approval", ""), "the pause says so itself"


def test_an_incident_stays_in_the_view_until_it_is_written_about() -> None:
    book = at_the_pause()
    book.verb(Verb.ABORT)
    book.run()
    shown = view(book)
    assert shown.incident is not None
    assert (shown.incident.rollout, shown.incident.label) == ("shop-2", "v2")
    book.deploy(release("v3", strategy=canary(SetWeight(50, hold_seconds=1.0))))
    book.run()
    assert view(book).incident == shown.incident, "also once something else was released"
    book.take(written_about(book.service, "shop-2", "https://wiki.example/42", actor="ana"))
    assert view(book).incident is None
