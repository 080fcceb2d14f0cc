"""A flag grows by a rollout: judged, taken back, killed and tripped meanwhile, undone afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ferryman.core.freezing import freeze
from ferryman.core.phases import Verb
from ferryman.model.errors import FerrymanError, Refused
from ferryman.model.event import StepEntered
from ferryman.model.plan import Phase
from ferryman.model.release import (
    Approval,
    Approvals,
    Audience,
    FlagExposure,
    Pause,
    Release,
    Routing,
    SetFlag,
    SetWeight,
)
from ferryman.model.rollout import Track
from ferryman.model.world import FlagShare
from ferryman.strategies.compile import compile_plan
from unit.playbook import Book, canary, release

KEY = "new-checkout"
NOBODY = FlagShare("prod", KEY)


def grows(*steps: Any, label: str = "v1", bake: float = 0.0) -> Release:
    strategy = FlagExposure(key=KEY, steps=steps, bake_seconds=bake)
    return release(label, replicas=0, routing=Routing(router="none"), strategy=strategy)


def held(*percents: float, seconds: float = 5.0) -> Release:
    return grows(*(SetWeight(percent, seconds, analyse=False) for percent in percents))


def steps_of(book: Book) -> list[str]:
    return [body.name for body in book.bodies(StepEntered)]


def test_it_grows_to_everybody() -> None:
    book = Book()
    answer = book.deploy(grows(Audience("staff", hold_seconds=5.0), SetWeight(1, 5.0, analyse=False)))
    assert answer.text == "starts as shop-1"
    book.tick()
    assert book.exposed(KEY) == FlagShare("prod", KEY, 0.0, ("staff",))
    book.run()
    assert steps_of(book) == ["staff", "1%", "100%"]
    assert book.exposed(KEY) == FlagShare("prod", KEY, 100.0)
    assert book.rollout.phase is Phase.PROMOTED
    assert not book.instances
    assert book.service.steady.flags == (), "what is promoted belongs to people again"


def test_the_judge_takes_it_back() -> None:
    book = Book()
    book.deploy(grows(SetWeight(10, 5.0), SetWeight(50, 5.0)))
    book.tick()
    book.tick()
    assert book.exposed(KEY).exposure_percent == 10.0
    book.judge("fail", reason="errors")
    book.run()
    assert (book.rollout.phase, book.rollout.reason) == (Phase.ROLLED_BACK, "errors")
    assert book.exposed(KEY) == NOBODY
    assert book.service.stable == "off"


def test_a_kill_holds_it_until_a_person_lets_it_go_on() -> None:
    book = Book()
    book.deploy(held(10, 50))
    book.tick()
    book.tick()
    book.override(KEY, "killed")
    book.tick()
    assert book.rollout.pause is not None
    assert (book.rollout.pause.kind, book.rollout.pause.reason) == ("killed", f"{KEY} was killed in prod: by ana")
    for _ in range(20):
        book.tick()
    assert book.rollout.phase is Phase.PAUSED
    book.override(KEY, "")
    for _ in range(20):
        book.tick()
    assert book.rollout.phase is Phase.PAUSED, "whoever killed it may not have meant it to go on"
    book.verb(Verb.RESUME)
    book.run()
    assert book.rollout.phase is Phase.PROMOTED


def test_a_trip_ends_its_own_pause() -> None:
    book = Book()
    book.deploy(held(10, 50))
    book.tick()
    book.override(KEY, "tripped")
    book.tick()
    assert book.rollout.pause is not None
    assert book.rollout.pause.kind == "tripped"
    book.override(KEY, "killed")
    book.tick()
    assert book.rollout.pause.kind == "killed"
    book.override(KEY, "tripped")
    book.tick()
    assert book.rollout.pause.kind == "killed", "a kill is a person's, to the end"
    book.override(KEY, "")
    book.verb(Verb.RESUME)
    book.run()
    assert book.rollout.phase is Phase.PROMOTED


def test_a_trip_that_recovers_goes_on_by_itself() -> None:
    book = Book()
    book.deploy(held(10, 50))
    book.tick()
    book.override(KEY, "tripped")
    book.tick()
    assert book.rollout.phase is Phase.PAUSED
    book.override(KEY, "")
    book.run()
    assert book.rollout.phase is Phase.PROMOTED


def test_it_goes_back_while_it_is_killed() -> None:
    book = Book()
    book.deploy(held(10, 50))
    book.tick()
    book.tick()
    book.override(KEY, "killed")
    book.tick()
    book.verb(Verb.ABORT)
    book.run()
    assert book.rollout.phase is Phase.ROLLED_BACK
    assert book.exposed(KEY) == NOBODY


def test_what_takes_everybody_out_is_not_held_by_a_kill() -> None:
    book = Book()
    book.deploy(held(10, 50))
    book.run()
    book.override(KEY, "killed")
    book.undo()
    book.run()
    assert book.rollout.phase is Phase.PROMOTED
    assert book.exposed(KEY) == NOBODY, "or whoever takes the kill back would expose everybody again"


def test_the_way_back_is_not_given_up() -> None:
    """Whatever kept it from being gone: nobody would take the users out later."""
    book = Book()
    book.deploy(held(10, 50))
    book.tick()
    book.tick()
    book.verb(Verb.ABORT)
    book.now += book.rollout.release.deadlines.progress_seconds + 1.0
    book.run()
    assert book.rollout.phase is Phase.ROLLED_BACK
    assert book.exposed(KEY) == NOBODY


def test_there_is_nothing_to_stop() -> None:
    book = Book()
    book.deploy(held(10, 50))
    book.tick()
    with pytest.raises(Refused, match="nothing runs that could be stopped"):
        book.down()


def test_an_undo_exposes_nobody_and_the_next_release_grows_anew() -> None:
    book = Book()
    book.deploy(held(10, 50))
    book.run()
    answer = book.undo()
    assert answer.text == "back to off, fast"
    book.run()
    assert book.exposed(KEY) == NOBODY
    assert (book.service.stable, book.rollout.phase) == ("off", Phase.PROMOTED)
    answer = book.deploy(held(10, 50))
    assert answer.text == "starts as shop-3"
    book.tick()
    assert book.exposed(KEY).exposure_percent == 10.0, "not all at once, although it was promoted before"
    book.run()
    assert book.exposed(KEY).exposure_percent == 100.0


def test_a_promotion_in_full_exposes_everybody() -> None:
    book = Book()
    book.deploy(grows(SetWeight(1, 500.0), Pause(), SetWeight(50, 500.0)))
    book.tick()
    book.verb(Verb.FULL)
    book.run()
    assert steps_of(book) == ["1%", "100%"]


def test_code_and_flags_have_names_of_their_own() -> None:
    book = Book()
    book.deploy(release("v1"))
    book.run()
    with pytest.raises(Refused, match="shop runs instances: a flag cannot be released by that name"):
        book.deploy(held(10))
    other = Book()
    other.deploy(held(10))
    with pytest.raises(Refused, match="shop is the rollout of a flag: code cannot"):
        other.deploy(release("v1"))


def test_nobody_is_let_in_while_a_freeze_holds() -> None:
    book = Book()
    book.take(freeze(book.service, actor="ana", now=book.now, reason="christmas"))
    book.deploy(grows(Audience("staff", hold_seconds=5.0)))
    for _ in range(20):
        book.tick()
    assert book.rollout.phase is Phase.PAUSED
    assert book.exposed(KEY) == NOBODY if book.flags else True


def test_people_agree_before_the_first_are_let_in() -> None:
    asked = replace(grows(Audience("staff", hold_seconds=5.0)), approvals=Approvals(start=Approval()))
    plan = compile_plan(asked, "v1", None)
    assert [(step.name, bool(step.gates)) for step in plan.steps] == [
        ("as it is", True),
        ("staff", True),
        ("100%", False),
    ]
    assert plan.steps[0].world.flags == (NOBODY,)


def test_a_flag_goes_with_a_canary_and_back_with_it() -> None:
    book = Book()
    strategy = canary(SetFlag(KEY, 5), SetWeight(25, 5.0), SetFlag(KEY, 50), SetWeight(50, 5.0))
    book.deploy(release("v1"))
    book.run()
    book.deploy(release("v2", strategy=strategy))
    for _ in range(30):
        book.tick()
        if book.weight("v2") == 50.0:
            break
    assert book.exposed(KEY).exposure_percent == 50.0
    book.verb(Verb.ABORT)
    book.run()
    assert (book.rollout.phase, book.exposed(KEY)) == (Phase.ROLLED_BACK, NOBODY)
    book.deploy(release("v3", strategy=strategy))
    book.run()
    assert (book.rollout.phase, book.exposed(KEY).exposure_percent) == (Phase.PROMOTED, 50.0)
    assert book.service.steady.flags == ()


def test_a_canary_gives_its_way_back_up_but_not_before_its_flag_went_back() -> None:
    book = Book()
    book.deploy(release("v1"))
    book.run()
    book.deploy(release("v2", strategy=canary(SetFlag(KEY, 50), SetWeight(25, 500.0), Pause())))
    for _ in range(6):
        book.tick()
    assert (book.weight("v2"), book.exposed(KEY).exposure_percent) == (25.0, 50.0)
    book.frozen_routes = True
    book.verb(Verb.ABORT)
    book.now += book.rollout.release.deadlines.progress_seconds + 1.0
    book.tick()
    assert book.rollout.phase is Phase.ABORTING, "it was late before it began"
    book.run()
    assert (book.rollout.phase, book.exposed(KEY)) == (Phase.FAILED, NOBODY)


def test_a_freeze_holds_the_flag_of_a_canary_too() -> None:
    book = Book()
    book.deploy(release("v1"))
    book.run()
    book.deploy(release("v2", strategy=canary(SetWeight(25, 5.0), SetFlag(KEY, 50), Pause())))
    for _ in range(3):
        book.tick()
    book.take(freeze(book.service, actor="ana", now=book.now, reason="christmas"))
    for _ in range(30):
        book.tick()
    assert book.rollout.pause is not None
    assert (book.rollout.pause.kind, book.flags) == ("freeze", {})


def test_a_drill_has_nothing_to_rehearse() -> None:
    book = Book()
    book.deploy(held(10))
    book.run()
    with pytest.raises(Refused, match="going back starts nothing"):
        book.drill()


def test_a_flag_that_is_gone_exposes_nobody() -> None:
    """It cannot grow, and the way back is complete."""
    book = Book()
    book.deploy(held(10, 50))
    book.tick()
    gone = replace(book.flags["prod", KEY], missing=True, share=NOBODY)
    for _ in range(5):
        book.flags["prod", KEY] = gone
        book.tick()
    assert book.rollout.phase is not Phase.PROMOTED
    book.verb(Verb.ABORT)
    for _ in range(3):
        book.flags["prod", KEY] = gone
        book.tick()
    assert book.rollout.phase is Phase.ROLLED_BACK


DEEDS = (
    "tick",
    "tick",
    "tick",
    "pass",
    "fail",
    "promote",
    "full",
    "pause",
    "resume",
    "abort",
    "retry",
    "undo",
    "deploy",
)
DEEDS_OF_FLAGS = ("killed", "tripped", "")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*DEEDS, *DEEDS_OF_FLAGS]), max_size=40), st.booleans())
def test_nobody_is_exposed_beyond_the_log_and_never_again_on_the_way_back(deeds: list[str], judged: bool) -> None:
    book = Book()
    steps = (Audience("staff", hold_seconds=2.0), *(SetWeight(p, 2.0, analyse=judged) for p in (1, 10, 50)))
    book.deploy(grows(*steps, bake=3.0))
    labels = iter(f"v{n}" for n in range(2, 100))
    book.tick()
    for deed in deeds:
        _do(book, deed, steps, labels)
        rollout = book.rollout if book.service.current else None
        shared = book.flags.get(("prod", KEY))
        if rollout is None or shared is None or not rollout.running:
            continue
        asked = shared.share.exposure_percent
        if rollout.candidate != "off":
            assert asked <= max(rollout.exposure_percent, rollout.max_exposure_percent) + 1e-9
        if rollout.track is Track.BACK and rollout.reached_at is not None:
            assert shared.share == NOBODY
    book.override(KEY, "")
    for _ in range(400):
        if book.rollout.phase.terminal and not book.service.queue:
            break
        if book.rollout.phase is Phase.PAUSED:
            book.verb(Verb.ABORT)
        book.judge("pass", follows=True)
        book.tick()
    assert book.rollout.phase.terminal
    exposed = book.exposed(KEY)
    whole = book.rollout.phase is Phase.PROMOTED and book.rollout.candidate != "off"
    standing = book.service.stable not in ("off", None)
    assert exposed == (FlagShare("prod", KEY, 100.0) if whole else NOBODY) or (standing and not whole)


def _do(book: Book, deed: str, steps: tuple[Any, ...], labels: Any) -> None:
    if deed in DEEDS_OF_FLAGS:
        book.override(KEY, deed)
    elif deed in ("pass", "fail"):
        if book.service.current is not None:
            book.judge(deed, follows=True)
        book.tick()
    elif deed == "tick":
        book.tick()
    else:
        try:
            if deed == "deploy":
                book.deploy(grows(*steps, label=next(labels), bake=3.0))
            elif deed == "undo":
                book.undo()
            else:
                book.verb(Verb(deed) if deed != "full" else Verb.FULL)
        except FerrymanError:
            return
