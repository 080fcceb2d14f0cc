"""The duty that watches breakers: over a real journal and a clock that only the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from ferryman.engine.flags.breakers import Breakers
from ferryman.engine.flags.evaluations import Cell, Tally
from ferryman.engine.flags.notices import flag_notices
from ferryman.engine.flags.service import FlagService
from ferryman.flags.breaker import BreakerView
from ferryman.flags.definition import Breaker, Flag, Kind, Variant
from ferryman.flags.ledger import STREAM, Change
from ferryman.model.errors import FerrymanError, StoreError, Unreachable
from ferryman.model.notice import NoticeKind
from ferryman.store.memory import MemoryStore

ERRORS = Breaker("error_percent", above=5.0, for_seconds=10.0, recover_seconds=60.0)
QUERY = Breaker("", above=5.0, for_seconds=10.0, recover_seconds=60.0, query="queue_length")
KEY = "uploads"


def ops(breaker: Breaker | None) -> Flag:
    return Flag(
        key=KEY, kind=Kind.OPS, variants=(Variant("on", True), Variant("off", False)), off="off", default="on",
        breaker=breaker,
    )  # fmt: skip


@dataclass
class World:
    """A controller's flags; `values` are what a query gives."""

    store: MemoryStore = field(default_factory=MemoryStore)
    now: float = 1_700_000_000.0
    values: dict[str, float | FerrymanError | None] = field(default_factory=dict)

    async def begin(self, *, server: bool = True) -> None:
        """The controller starts, perhaps again."""
        self.service = FlagService(lambda: self.now, asks_prometheus=server)
        await self.service.load(self.store)
        self.breakers = Breakers(self.service, self if server else None, lambda: self.now)

    async def value(self, query: str) -> float | None:
        found = self.values.get(query)
        if isinstance(found, FerrymanError):
            raise found
        return found

    async def close(self) -> None:
        return

    async def write(self, flag: Flag | None) -> None:
        change = Change("prod", {KEY: flag})
        await self.service.write([change], parent=self.service.ledger.version, actor="ana")

    async def served(self, seconds: int, *, failing: int = 0, of: int = 20, variant: str = "on") -> None:
        """So long, each second so many requests are reported."""
        for _ in range(seconds):
            self.now += 1.0
            tally = Tally(of, of, failing, [0] * 20 + [of] + [0] * 37)
            self.service.evaluations.add([(Cell("prod", KEY, variant, int(self.now)), tally)], self.now)
            await self.breakers.look()

    async def quiet(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            await self.breakers.ask()
            await self.breakers.look()

    @property
    def variant(self) -> str | None:
        return self.service.served("prod").evaluator.details(KEY, None, {"targetingKey": "u"}).variant

    @property
    def view(self) -> BreakerView:
        return self.service.breakers["prod", KEY]

    def deeds(self) -> list[tuple[str, str, str]]:
        done = self.service.environment("prod").history[KEY]
        return [(each.kind, each.actor, each.reason) for each in done if each.kind in {"tripped", "recovered"}]


def played(story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        await world.store.open()
        await world.begin()
        await story(world)

    asyncio.run(run())


def test_failing_requests_turn_a_flag_off_and_it_is_tried_again() -> None:
    async def story(world: World) -> None:
        await world.write(ops(ERRORS))
        await world.served(60)
        assert (world.variant, world.view) == ("on", BreakerView("closed", "error_percent", 0.0))
        await world.served(30, failing=10)
        assert world.variant == "off"
        ((kind, actor, reason),) = world.deeds()
        assert (kind, actor) == ("tripped", "ferryman")
        assert reason.startswith("error_percent is ")
        assert reason.endswith(", above 5 for 10 s")
        assert world.service.environment("prod").flags[KEY].default == "on", "what was intended stays"
        await world.served(60, variant="off")
        assert world.deeds()[-1] == ("recovered", "ferryman", "tried again after 60 s")
        assert (world.variant, world.view.state) == ("on", "half-open")
        await world.served(40)
        assert world.view.state == "closed"

    played(story)


def test_half_open_it_looks_at_what_came_since_alone() -> None:
    async def story(world: World) -> None:
        await world.write(ops(ERRORS))
        await world.served(60, failing=20)
        await world.quiet(60)
        assert world.view == BreakerView("half-open", "error_percent", None)
        await world.served(2, failing=20)
        assert [kind for kind, _, _ in world.deeds()] == ["tripped", "recovered", "tripped"]

    played(story)


@pytest.mark.parametrize("variant", ["off", ""])
def test_requests_that_did_not_meet_the_flag_do_not_count(variant: str) -> None:
    async def story(world: World) -> None:
        await world.write(ops(ERRORS))
        await world.served(60, failing=20, variant=variant)
        assert (world.deeds(), world.view.value) == ([], None)

    played(story)


def test_few_requests_are_no_data() -> None:
    async def story(world: World) -> None:
        await world.write(ops(ERRORS))
        for _ in range(20):
            await world.served(1, failing=1, of=1)
            await world.quiet(9)
        assert world.deeds() == []

    played(story)


@pytest.mark.parametrize(
    ("metric", "least", "most"), [("p99_ms", 26.0, 33.0), ("p50_ms", 26.0, 33.0), ("requests_per_second", 19.0, 21.0)]
)
def test_other_metrics(metric: str, least: float, most: float) -> None:
    async def story(world: World) -> None:
        await world.write(ops(replace(ERRORS, metric=metric, above=least)))
        await world.served(25)
        assert world.variant == "off"
        await world.write(ops(replace(ERRORS, metric=metric, above=most)))
        await world.served(120)
        assert world.variant == "on"
        assert least < (world.view.value or 0.0) < most

    played(story)


def test_a_query_and_its_troubles() -> None:
    async def story(world: World) -> None:
        await world.write(ops(QUERY))
        world.values["queue_length"] = 9.0
        await world.quiet(5)
        assert world.view == BreakerView("closed", "queue_length", 9.0)
        world.values["queue_length"] = Unreachable("metrics_unreachable", "http://m cannot be asked `queue_length`")
        await world.quiet(60)
        assert world.deeds() == [], "no data never trips"
        assert world.view == BreakerView("closed", "queue_length", None, "http://m cannot be asked `queue_length`")
        world.values["queue_length"] = 9.0
        await world.quiet(12)
        assert [kind for kind, _, _ in world.deeds()] == ["tripped"]
        await world.begin(server=False)  # the settings name no server any more
        await world.quiet(10)
        assert (world.view.state, world.view.trouble) == ("open", "the settings name no Prometheus server")

    played(story)


def test_it_goes_on_after_a_restart() -> None:
    async def story(world: World) -> None:
        await world.write(ops(QUERY))
        world.values["queue_length"] = 9.0
        await world.quiet(12)
        await world.quiet(30)
        await world.begin()
        assert world.variant == "off"
        await world.quiet(28)
        assert [kind for kind, _, _ in world.deeds()] == ["tripped"]
        await world.quiet(1)
        assert [kind for kind, _, _ in world.deeds()] == ["tripped", "recovered"]
        await world.begin()
        await world.quiet(1)
        assert [kind for kind, _, _ in world.deeds()] == ["tripped", "recovered", "tripped"], "it was half open"

    played(story)


def test_a_flag_whose_breaker_is_taken_away_is_served_again() -> None:
    async def story(world: World) -> None:
        await world.write(ops(QUERY))
        world.values["queue_length"] = 9.0
        await world.quiet(12)
        await world.write(ops(None))
        assert world.variant == "off"
        await world.quiet(1)
        assert world.deeds()[-1] == ("recovered", "ferryman", "there is no breaker any more")
        await world.quiet(1)
        assert world.service.breakers == {}
        await world.write(None)
        await world.quiet(1)

    played(story)


def test_a_kill_stands_whatever_the_breaker_thinks() -> None:
    async def story(world: World) -> None:
        await world.write(ops(QUERY))
        world.values["queue_length"] = 9.0
        await world.quiet(12)
        await world.service.override("kill", "prod", KEY, actor="ana")
        await world.quiet(100)
        assert [kind for kind, _, _ in world.deeds()] == ["tripped"]
        await world.service.override("unkill", "prod", KEY, actor="ana")
        assert world.variant == "off", "still tripped"
        world.values["queue_length"] = 1.0
        await world.quiet(1)
        assert world.variant == "on"

    played(story)


def test_what_cannot_be_written_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        await world.write(ops(QUERY))
        world.values["queue_length"] = 9.0

        async def full(*_: object, **__: object) -> None:
            raise StoreError("store_full", "the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(world.store, "write", full)
            await world.quiet(20)
            assert (world.variant, world.view.state) == ("on", "closed")
        await world.quiet(1)
        assert world.variant == "off"
        assert len(await world.store.entries(STREAM)) == 2

    played(story)


def test_a_query_needs_a_server() -> None:
    async def story(world: World) -> None:
        await world.begin(server=False)
        with pytest.raises(FerrymanError, match=r"flags\.uploads\.breaker\.query: this controller has no Prometheus"):
            await world.write(ops(QUERY))
        await world.begin()
        await world.write(ops(QUERY))
        await world.begin(server=False)
        await world.write(replace(ops(QUERY), owner="ana"))  # as it was, it may stay

    played(story)


def test_what_is_told() -> None:
    async def story(world: World) -> None:
        def told() -> list[tuple[NoticeKind, str, str]]:
            return [(n.kind, n.key, n.title) for n in flag_notices(world.service.ledger, world.now)]

        await world.write(ops(QUERY))
        assert told() == []
        world.values["queue_length"] = 9.0
        await world.quiet(12)
        tripped = "flag uploads in prod was turned off: queue_length is 9, above 5 for 10 s"
        assert told() == [(NoticeKind.FLAG_TRIPPED, ":flags/prod/uploads/2", tripped)]
        world.values["queue_length"] = 1.0
        await world.quiet(61)
        again = "flag uploads in prod is served again: tried again after 60 s"
        assert told() == [(NoticeKind.FLAG_RECOVERED, ":flags/prod/uploads/3", again)]
        world.now += 3600.0
        assert told() == []

    played(story)
