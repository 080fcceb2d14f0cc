"""What a verb would act on has a name. It changes exactly when the verb would mean something else."""

import pytest

from ferryman.core.moved import need_standing, token
from ferryman.core.phases import Verb
from ferryman.engine.who_was_first import who_was_first
from ferryman.model.errors import Refused
from ferryman.model.plan import Phase
from ferryman.model.release import SetWeight
from ferryman.model.rollout import Service
from ferryman.model.view import EventView
from unit.playbook import Book, canary, release

STEPS = (SetWeight(25, 10), SetWeight(50, 10))


def held() -> Book:
    """v2 at its first weight."""
    book = Book()
    book.deploy(release("v1"))
    book.run()
    book.deploy(release("v2", strategy=canary(*STEPS, analysed=True)))
    return book.run(until=Phase.PROGRESSING)


def test_it_stays_while_nothing_moves() -> None:
    book = held()
    before = token(book.service)
    book.tick()
    assert token(book.service) == before
    need_standing(book.service, before)
    need_standing(book.service, "")


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.PAUSE, Verb.ABORT])
def test_the_second_of_two_finds_another_standing(verb: Verb) -> None:
    book = held()
    before = token(book.service)
    book.verb(verb)
    book.tick()
    with pytest.raises(Refused) as refused:
        need_standing(book.service, before)
    assert refused.value.code == "moved_on"
    assert refused.value.legal


def test_no_rollout_has_an_empty_name() -> None:
    assert token(Service(name="shop")) == ""


def event(actor: str, text: str, at: float) -> EventView:
    return EventView(int(at), "shop", int(at), "shop-2", at, actor, "noted", text)


def test_the_refusal_says_who_was_first() -> None:
    refused = Refused("moved_on", "shop has moved on meanwhile", ("resume",), "look again")
    events = [event("ana", "paused", 90.0), event("ferryman", "step 3 is served", 95.0)]
    said = who_was_first(refused, events, 100.0)
    assert said.message == "ana was first: paused (10 s ago)"
    assert said.legal == ("resume",)
    assert who_was_first(refused, events[1:], 100.0).message == "it moved on by itself: step 3 is served (5 s ago)"
    assert who_was_first(refused, [], 100.0) is refused
