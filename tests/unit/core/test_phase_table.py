"""Every cell of the verb table, on a real service that was brought into that phase. The table below is written down a
second time on purpose: it is what people were promised. Invariant 13: an abort acts in every phase that is not terminal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ferryman.core.phases import MOVES, REFUSAL, TABLE, Act, Verb, verb_moves
from ferryman.core.verbs import Answer, legal_now, subject
from ferryman.model.errors import Refused
from ferryman.model.event import AnalysisAwaited, Draft, RolloutEnded, StepEntered
from ferryman.model.plan import Phase
from ferryman.model.release import Deadlines, Rolling, SetWeight
from ferryman.model.rollout import Track
from ferryman.model.seen import LIVE_STATES
from unit.playbook import Book, canary, release

PROMISED = """
phase       | deploy    | promote       | promote --full | pause | resume | abort   | retry         | undo    | restart
pending     | supersede | -             | full           | hold  | -      | abort   | -             | abort   | -
checking    | supersede | -             | full           | hold  | -      | abort   | -             | abort   | -
expanding   | supersede | -             | full           | hold  | -      | abort   | -             | abort   | -
starting    | supersede | -             | full           | hold  | -      | abort   | -             | abort   | -
promoting   | supersede | -             | full           | hold  | -      | abort   | -             | abort   | -
progressing | supersede | next          | full           | hold  | -      | abort   | -             | abort   | roll
analysing   | supersede | next          | full           | hold  | -      | abort   | -             | abort   | roll
paused      | supersede | next          | full           | hold  | resume | abort   | -             | abort   | roll
baking      | supersede | end bake      | end bake       | hold  | -      | abort   | -             | abort   | roll
finishing   | queue     | -             | -              | -     | -      | -       | -             | undo    | -
aborting    | queue     | !rolling_back | !rolling_back  | -     | -      | no-op   | !rolling_back | no-op   | !rolling_back
promoted    | start     | -             | -              | -     | -      | -       | -             | undo    | roll
rolled_back | start     | -             | again          | -     | -      | -       | again         | undo --to | roll
failed      | start     | -             | -              | -     | -      | back on | back on       | undo    | roll
superseded  | start     | !superseded_by | !superseded_by | !superseded_by | !superseded_by | !superseded_by | !superseded_by | !superseded_by | !superseded_by
"""
REFUSED = {Act.REFUSE, Act.ROLLING_BACK, Act.SUPERSEDED}


def promised() -> dict[Phase, dict[Verb, Act]]:
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in PROMISED.strip().splitlines()]
    return {Phase(row[0]): {Verb(v): Act(a) for v, a in zip(head[1:], row[1:], strict=True)} for row in rows}


# ---- how to get there


def _moving(*, analysed: bool = False) -> Book:
    """v0 and v1 were promoted; v2 is on its way by canary."""
    book = Book()
    for label in ("v0", "v1"):
        book.deploy(release(label, strategy=canary()))
        book.run()
    steps = (SetWeight(25, 10), SetWeight(50, 10))
    strategy = canary(*steps, analysed=analysed, bake_seconds=10.0, scale_down_delay_seconds=10.0)
    deadlines = Deadlines(progress_seconds=60.0, abort_scale_down_seconds=3.0)
    book.deploy(release("v2", strategy=strategy, deadlines=deadlines))
    return book


def _pending() -> Book:
    return _moving()


def _checking() -> Book:
    book = _rolled_back()
    book.verb(Verb.RETRY)
    return book


def _expanding() -> Book:
    book = _checking()
    book.fold(Draft(book.rollout.id, StepEntered(Track.FORWARD, 0, "expand", Phase.EXPANDING, 0.0)))
    return book


def _starting() -> Book:
    book = _moving()
    book.never_ready.add("v2")
    return book.run(until=Phase.STARTING)


def _progressing() -> Book:
    return _moving().run(until=Phase.PROGRESSING)


def _analysing() -> Book:
    book = _moving(analysed=True).run(until=Phase.PROGRESSING)
    return book.judge("continue").run(until=Phase.ANALYSING)


def _paused() -> Book:
    book = _progressing()
    book.verb(Verb.PAUSE)
    return book


def _promoting() -> Book:
    book = _moving()
    book.ready_limit["v2"] = 2
    return book.run(until=Phase.PROMOTING)


def _baking() -> Book:
    return _moving().run(until=Phase.BAKING)


def _finishing() -> Book:
    return _moving().run(until=Phase.FINISHING)


def _aborting() -> Book:
    book = _progressing()
    book.verb(Verb.ABORT)
    return book


def _promoted() -> Book:
    return _moving().run()


def _rolled_back() -> Book:
    return _aborting().run()


def _failed() -> Book:
    book = _progressing()
    book.crash("v1", 1)
    book.never_ready.add("v1")
    book.verb(Verb.ABORT)
    return book.run(2000, until=Phase.FAILED)


def _superseded() -> Book:
    book = _progressing()
    book.deploy(release("v3"))
    book.fold(Draft(book.service.queue[0].id, RolloutEnded(Phase.SUPERSEDED, "taken away", 0.0)))
    return book.run(until=Phase.SUPERSEDED)


WAYS: dict[Phase, Callable[[], Book]] = {
    Phase.PENDING: _pending,
    Phase.CHECKING: _checking,
    Phase.EXPANDING: _expanding,
    Phase.STARTING: _starting,
    Phase.PROGRESSING: _progressing,
    Phase.ANALYSING: _analysing,
    Phase.PAUSED: _paused,
    Phase.PROMOTING: _promoting,
    Phase.BAKING: _baking,
    Phase.FINISHING: _finishing,
    Phase.ABORTING: _aborting,
    Phase.PROMOTED: _promoted,
    Phase.ROLLED_BACK: _rolled_back,
    Phase.FAILED: _failed,
    Phase.SUPERSEDED: _superseded,
}


def ask(book: Book, verb: Verb, **settings: str) -> Answer:
    match verb:
        case Verb.DEPLOY:
            return book.deploy(release("v9", strategy=Rolling()))
        case Verb.UNDO:
            return book.undo(**settings)
        case _:
            return book.verb(verb)


# ---- what must come of it: each gets the book after the verb, the answer, and the rollout as it was


def _another_one(book: Book, answer: Answer, phase: Phase) -> None:
    book.run(400, until=None)
    assert book.rollout.id == answer.rollout
    assert book.rollout.candidate == "v9"
    assert book.rollout.phase is Phase.PROMOTED


def _next(book: Book, answer: Answer, phase: Phase) -> None:
    step = book.rollout.step
    book.tick()
    assert book.rollout.step == step + 1


def _full(book: Book, answer: Answer, phase: Phase) -> None:
    """No hold, no verdict, no bake; but what is promoted is ready."""
    book.never_ready.clear()
    book.ready_limit.clear()
    asked = len(book.events)
    book.run(60, until=Phase.FINISHING)
    later = [e.body for e in book.events[asked:]]
    entered = [b.phase for b in later if isinstance(b, StepEntered)]
    assert entered in ([Phase.PROMOTING, Phase.FINISHING], [Phase.FINISHING])
    assert not any(isinstance(b, AnalysisAwaited) for b in later)
    assert book.ready("v2") == 4


def _held(book: Book, answer: Answer, phase: Phase) -> None:
    about = subject(book.service)
    assert about is not None
    assert about.phase is Phase.PAUSED
    before = book.tick().world
    for _ in range(30):
        assert book.tick().world == before
    assert subject(book.service) == about


def _resumed(book: Book, answer: Answer, phase: Phase) -> None:
    assert book.rollout.phase is Phase.PROGRESSING
    book.run(60)
    assert book.rollout.phase is Phase.PROMOTED


def _aborted(book: Book, answer: Answer, phase: Phase) -> None:
    """It acts on the next tick, and users are back."""
    if phase is Phase.PENDING:
        assert not book.service.queue
        assert book.rollout.phase is Phase.PROMOTED
        return
    assert book.rollout.phase is Phase.ABORTING
    world = book.tick().world
    assert world.weights.get("v2", 0.0) == 0.0
    book.run(60)
    assert book.rollout.phase is Phase.ROLLED_BACK
    assert (book.ready("v1"), book.ready("v2"), book.weight("v1")) == (4, 0, 100.0)


def _end_bake(book: Book, answer: Answer, phase: Phase) -> None:
    book.tick()
    assert book.rollout.phase is Phase.FINISHING


def _undone(book: Book, answer: Answer, phase: Phase) -> None:
    book.never_ready.clear()
    book.run(60)
    assert book.rollout.candidate == ("v0" if phase is Phase.FAILED else "v1")
    assert (book.rollout.kind, book.rollout.phase) == ("undo", Phase.PROMOTED)


def _undone_to(book: Book, answer: Answer, phase: Phase) -> None:
    book.run(60)
    assert (book.rollout.candidate, book.rollout.phase) == ("v0", Phase.PROMOTED)


def _again(book: Book, answer: Answer, phase: Phase) -> None:
    assert (book.rollout.attempt, book.rollout.phase, book.rollout.step) == (2, Phase.CHECKING, 0)
    book.run(100)
    assert book.rollout.phase is Phase.PROMOTED


def _back_on(book: Book, answer: Answer, phase: Phase) -> None:
    book.never_ready.clear()
    book.run(100)
    assert book.rollout.phase is Phase.ROLLED_BACK


def _rolled(book: Book, answer: Answer, phase: Phase) -> None:
    """Every instance becomes a newer one; there is no new revision."""
    asked_at, revisions = book.now, set(book.service.revisions)
    book.never_ready.clear()
    for _ in range(60):
        book.tick()
    assert all(i.started_at >= asked_at for i in book.instances.values() if i.state in LIVE_STATES)
    assert set(book.service.revisions) == revisions


def _nothing(book: Book, answer: Answer, phase: Phase) -> None:
    assert answer.drafts == ()


EFFECTS: dict[Act, Callable[[Book, Answer, Phase], None]] = {
    Act.START: _another_one,
    Act.SUPERSEDE: _another_one,
    Act.QUEUE: _another_one,
    Act.NEXT: _next,
    Act.FULL: _full,
    Act.END_BAKE: _end_bake,
    Act.HOLD: _held,
    Act.RESUME: _resumed,
    Act.ABORT: _aborted,
    Act.AGAIN: _again,
    Act.BACK_ON: _back_on,
    Act.UNDO: _undone,
    Act.UNDO_TO: _undone_to,
    Act.ROLL: _rolled,
    Act.NOTHING: _nothing,
}
CODES = {Act.ROLLING_BACK: "rolling_back", Act.SUPERSEDED: "superseded_by"}


def test_the_table_is_what_was_promised() -> None:
    assert promised() == TABLE


@pytest.mark.parametrize("phase", list(Phase), ids=lambda phase: phase.value)
def test_a_service_gets_into_every_phase(phase: Phase) -> None:
    book = WAYS[phase]()
    about = subject(book.service)
    assert about is not None
    assert about.phase is phase
    assert about.candidate == "v2"


@pytest.mark.parametrize("verb", list(Verb), ids=lambda verb: verb.value)
@pytest.mark.parametrize("phase", list(Phase), ids=lambda phase: phase.value)
def test_cell(phase: Phase, verb: Verb) -> None:
    """Invariant 13."""
    book = WAYS[phase]()
    doing = promised()[phase][verb]
    before = book.service
    if doing in REFUSED:
        with pytest.raises(Refused) as refusal:
            ask(book, verb)
        assert refusal.value.code == CODES.get(doing, REFUSAL[verb])
        assert refusal.value.legal == tuple(v.value for v, a in promised()[phase].items() if a not in REFUSED)
        assert refusal.value.exit_code == 2
        assert book.service == before
        return
    if doing is Act.UNDO_TO:
        with pytest.raises(Refused, match="serves already"):
            ask(book, verb)
        assert book.service == before
        EFFECTS[doing](book, ask(book, verb, to="v0"), phase)
        return
    assert verb.value in legal_now(book.service)
    EFFECTS[doing](book, ask(book, verb), phase)


def test_no_rollout_only_a_deploy() -> None:
    for verb in Verb:
        book = Book()
        if verb is Verb.DEPLOY:
            ask(book, verb)
            continue
        with pytest.raises(Refused) as refusal:
            ask(book, verb)
        assert refusal.value.legal == ("deploy",)
        assert refusal.value.code == ("no_target" if verb is Verb.UNDO else REFUSAL[verb])


def test_moves_lead_out_of_every_phase_that_is_not_terminal() -> None:
    starts = {before for before, _ in MOVES}
    assert starts == {p for p in Phase if not p.terminal}
    assert {before for before, _ in verb_moves() if before.terminal} == {Phase.ROLLED_BACK, Phase.FAILED}
