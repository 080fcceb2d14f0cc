"""Whoever takes a rollout over fences its flags: once for each lease, those of a canary too, and nothing where nothing runs."""

import asyncio

from ferryman.engine.flags.port import NoFlags
from ferryman.engine.flags.side import FlagSide
from ferryman.flags.ledger import Driver
from ferryman.model.generation import Generation
from ferryman.model.release import SetFlag, SetWeight
from ferryman.model.rollout import Service
from ferryman.model.world import FlagShare
from unit.playbook import Book, canary, release


class Told(NoFlags):
    """What was fenced."""

    def __init__(self) -> None:
        self.fences: list[tuple[tuple[FlagShare, ...], Driver]] = []

    async def fence(self, asked: tuple[FlagShare, ...], driver: Driver) -> None:
        self.fences.append((asked, driver))


def fenced(service: Service, *fences: int) -> list[tuple[tuple[FlagShare, ...], Driver]]:
    async def all_of_it() -> Told:
        told = Told()
        side = FlagSide(told, (100.0,))
        for fence in fences:
            await side.fence(service, Generation(fence, service.seq))
        return told

    return asyncio.run(all_of_it()).fences


def test_the_flag_that_a_running_canary_takes_along_is_fenced_once_a_lease() -> None:
    book = Book()
    book.deploy(release("v1"))
    book.run()
    assert not fenced(book.service, 1)
    book.deploy(
        release("v2", strategy=canary(SetWeight(10, 5.0), SetFlag("new-checkout", 5), SetFlag("new-checkout", 50)))
    )
    book.tick()
    found = fenced(book.service, 3, 3, 4)
    assert [asked for asked, _ in found] == [(FlagShare("prod", "new-checkout"),)] * 2
    assert [driver.generation.fence for _, driver in found] == [3, 4]
    assert {(driver.service, driver.rollout) for _, driver in found} == {("shop", "shop-2")}
    book.run()
    assert not fenced(book.service, 5), "what has ended belongs to people"
