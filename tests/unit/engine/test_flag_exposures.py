"""The flags of a controller as its rollouts see and set them: what may be driven, by whom, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from ferryman.engine.flags.approving import asked_of_people
from ferryman.engine.flags.evaluations import DURATION_BOUNDS_MS, Cell, Tally
from ferryman.engine.flags.exposures import FlagExposures
from ferryman.engine.flags.service import FlagService
from ferryman.flags.definition import Flag, Kind, Rollout, Rule, Share, Variant
from ferryman.flags.ledger import Change, Driver
from ferryman.model.errors import FerrymanError, Stale
from ferryman.model.generation import Generation
from ferryman.model.release import Approval, Approvals, Audience, FlagExposure, Release, SetWeight
from ferryman.model.settings import FlagApproval
from ferryman.model.world import FlagShare
from ferryman.store.memory import MemoryStore
from ferryman.strategies.compile import compile_plan
from ferryman_flags import Evaluator

KEY = "new-checkout"
FLAG = Flag(
    key=KEY,
    kind=Kind.RELEASE,
    variants=(Variant("on", value=True), Variant("off", value=False)),
    off="off",
    owner="shop",
    expires="2999-01-01",
    rules=(Rule("on", allow=("tester",)),),
    rollout=Rollout(KEY, (Share("on", 100.0),), 0.0),
)
ROLLOUT = Driver("new-checkout", "new-checkout-1", Generation(1, 5))


def told(story: Callable[[FlagService, FlagExposures], Awaitable[None]], flag: Flag = FLAG, **segments: str) -> None:
    async def run() -> None:
        store = MemoryStore()
        await store.open()
        service = FlagService(lambda: 1000.0)
        await service.load(store)
        await service.write((Change("prod", {flag.key: flag}, dict(segments)),), parent=0, actor="ana")
        await story(service, FlagExposures(service))

    asyncio.run(run())


def share(percent: float, *segments: str, allow: tuple[str, ...] = ()) -> FlagShare:
    return FlagShare("prod", KEY, percent, segments, allow)


def served(service: FlagService, key: str, **context: Any) -> bool:
    evaluator = Evaluator()
    evaluator.load({"flags": dict(service.served("prod").flags)})
    return evaluator.bool(KEY, default=False, context={"targetingKey": key, **context})


def test_what_is_asked_is_served_and_taken_away_again() -> None:
    async def story(service: FlagService, exposures: FlagExposures) -> None:
        for wanted in (share(0, "staff", allow=("bo",)), share(10, "staff"), share(100), share(0)):
            await exposures.apply((wanted,), ROLLOUT, "why")
            (seen,) = exposures.observe((wanted,))
            assert (seen.share, seen.missing, seen.override) == (wanted, False, "")
            assert served(service, "somebody", team="x") == (bool(wanted.segments) or wanted.exposure_percent == 100)
            assert served(service, "bo", team="y") == (wanted.exposure_percent == 100 or bool(wanted.allow))
            assert served(service, "tester", team="y"), "its own rules stay"
        assert service.environment("prod").flags[KEY] == FLAG
        before = service.ledger.version
        await exposures.apply((share(0),), ROLLOUT, "again")
        assert service.ledger.version == before, "what is so already is not written"

    told(story, staff='team == "x"')


def test_an_older_generation_is_refused_and_a_newer_one_is_not() -> None:
    async def story(service: FlagService, exposures: FlagExposures) -> None:
        later = replace(ROLLOUT, generation=Generation(2, 1))
        await exposures.apply((share(10),), later, "why")
        with pytest.raises(Stale, match=r"2\.1"):
            await exposures.apply((share(50),), ROLLOUT, "late")
        assert exposures.observe((share(50),))[0].share == share(10)
        await exposures.apply((share(20),), later, "the same generation may go on")
        other = Driver("other", "other-1", Generation(1, 1))
        await exposures.apply((share(0),), other, "generations of other services do not compare")

    told(story)


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        (lambda flag: replace(flag, rollout=replace(flag.rollout, exposure_percent=90.0)), False),
        (lambda flag: replace(flag, rollout=None), False),
        (lambda flag: replace(flag, rollout=replace(flag.rollout, seed="other")), False),
        (lambda flag: replace(flag, enabled=False), False),
        (lambda flag: replace(flag, rules=()), False),
        (lambda flag: None, False),
        (lambda flag: replace(flag, owner="others"), True),
        (lambda flag: replace(flag, rules=(*flag.rules, Rule("on", allow=("dee",)))), True),
    ],
)
def test_people_leave_alone_what_a_rollout_sees_to(change: Callable[[Any], Any], allowed: bool) -> None:
    async def story(service: FlagService, exposures: FlagExposures) -> None:
        await exposures.apply((share(10, allow=("bo",)),), ROLLOUT, "why")
        service.drivers = lambda: {("prod", KEY): "new-checkout-1"}
        after = change(service.environment("prod").flags[KEY])
        writing = service.write(
            (Change("prod", {KEY: after}),), parent=service.ledger.version, actor="ben", rebucket=True
        )
        if allowed:
            await writing
        else:
            with pytest.raises(FerrymanError, match="driven by the rollout new-checkout-1"):
                await writing
        await service.override("kill", "prod", KEY, actor="ben")
        assert exposures.observe((share(10),))[0].override == "killed"

    told(story)


def plan_of(*steps: Any) -> Any:
    release = Release("new-checkout", "v1", (), 0, strategy=FlagExposure(KEY, steps=steps))
    return compile_plan(release, "v1", None)


ONE = SetWeight(1, 60.0)


@pytest.mark.parametrize(
    ("flag", "steps", "code"),
    [
        (replace(FLAG, key="other"), (ONE,), "unknown_flag"),
        (replace(FLAG, rollout=None), (ONE,), "undrivable"),
        (replace(FLAG, enabled=False), (ONE,), "undrivable"),
        (FLAG, (Audience("nobody"), ONE), "undrivable"),
        (replace(FLAG, rollout=Rollout(KEY, (Share("on", 100.0),), 25.0)), (ONE,), "exposed_already"),
        (replace(FLAG, rollout=Rollout(KEY, (Share("on", 100.0),), 25.0)), (SetWeight(50, 60.0),), ""),
        (FLAG, (Audience(allow=("ana",)), ONE), ""),
    ],
)
def test_a_release_that_cannot_be_is_refused_before_it_begins(flag: Flag, steps: Any, code: str) -> None:
    async def story(service: FlagService, exposures: FlagExposures) -> None:
        if not code:
            exposures.admit(plan_of(*steps), "new-checkout")
            return
        with pytest.raises(FerrymanError) as caught:
            exposures.admit(plan_of(*steps), "new-checkout")
        assert caught.value.code == code
        assert caught.value.hint

    told(story, flag)


def test_two_variants_have_no_people_of_their_own() -> None:
    banner = replace(
        FLAG,
        variants=(Variant("a", 1), Variant("b", 2), Variant("off", 0)),
        rules=(),
        rollout=Rollout(KEY, (Share("a", 50.0), Share("b", 50.0)), 0.0),
    )

    async def story(service: FlagService, exposures: FlagExposures) -> None:
        exposures.admit(plan_of(ONE), "new-checkout")
        with pytest.raises(FerrymanError, match="has the variants a, b"):
            exposures.admit(plan_of(Audience(allow=("ana",)), ONE), "new-checkout")
        service.evaluations.add([(Cell("prod", KEY, "a", 960), Tally(3, 3, 1, (0, 2, 1)))], 1000.0)
        found = exposures.outcomes(share(1), DURATION_BOUNDS_MS)
        assert (found.name, set(found.exposed)) == ("off", {"a", "b"})
        assert (found.exposed["a"].requests, found.exposed["a"].errors, found.exposed["a"].buckets[:3]) == (
            3,
            1,
            (0, 2, 1),
        )
        assert found.exposed["b"].requests == found.off.requests == 0

    told(story, banner)


def test_a_killed_flag_and_one_that_others_drive_are_not_released() -> None:
    async def story(service: FlagService, exposures: FlagExposures) -> None:
        service.drivers = lambda: {("prod", KEY): "other-3"}
        with pytest.raises(FerrymanError, match="driven by the rollout other-3"):
            exposures.admit(plan_of(ONE), "new-checkout")
        exposures.admit(plan_of(ONE), "other")
        await service.override("kill", "prod", KEY, actor="ben")
        with pytest.raises(FerrymanError, match="is killed in prod by ben"):
            exposures.admit(plan_of(ONE), "other")

    told(story)


@pytest.mark.parametrize(
    ("own", "asked", "expected"),
    [
        (None, FlagApproval("prod", 2, "admin"), (2, "admin", False)),
        (Approval(3, "operator"), FlagApproval("prod", 2, "admin"), (3, "admin", False)),
        (Approval(1, "admin"), FlagApproval("prod", 1, "operator"), (1, "admin", False)),
        (Approval(1, "admin"), FlagApproval("staging"), (1, "admin", True)),
    ],
)
def test_an_environment_asks_for_its_approval(own: Approval | None, asked: FlagApproval, expected: Any) -> None:
    release = Release("x", "v1", (), 0, strategy=FlagExposure(KEY), approvals=Approvals(start=own))
    start = asked_of_people(release, (asked,)).approvals.start
    assert start is not None
    assert (start.count, start.role, start.author_counts) == expected
