"""A release that takes the place of a running one says so, in both of their events."""

from ferryman.model.event import BackOrdered, RolloutCreated
from ferryman.model.plan import Phase
from ferryman.model.release import Pause, SetWeight
from unit.playbook import Book, canary, release


def test_either_names_the_other() -> None:
    book = Book()
    strategy = canary(SetWeight(25), Pause())
    book.deploy(release("v1", strategy=strategy))
    book.run()
    book.deploy(release("v2", strategy=strategy))
    book.run(until=Phase.PAUSED)
    book.deploy(release("v3", strategy=strategy))
    assert [body.supersedes for body in book.bodies(RolloutCreated)] == [None, None, "shop-2"]
    assert [body.superseded_by for body in book.bodies(BackOrdered)] == ["shop-3"]
    book.deploy(release("v4", strategy=strategy))
    assert book.bodies(RolloutCreated)[-1].supersedes is None, (
        "v3 had not begun: it is dropped, and v2 goes back already"
    )
