"""From a seed to a story of a flag: releases of it, kills and trips, people, and every fault that such a world knows."""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec.structs import replace

from ferryman.sim.deeds import Ask, Deed, Deploy, Freeze, Kill, Outage, Override, Skew, Spoil, Story, Trouble
from ferryman.sim.points import FLAG_POINTS, Fate
from ferryman.sim.shapes import AUDIENCES, Shape
from ferryman.sim.traffic import Quality

PART = 1 / 8
"""Of all seeds so many are stories of a flag."""

FIRST_AT = 0.5
VERBS = (
    "promote", "promote", "promote --full", "pause", "resume", "resume", "abort", "abort", "retry", "undo", "undo",
    "restart", "drill", "down",
)  # fmt: skip
FREEZES = ("freeze 5", "freeze 15", "freeze", "freeze 10 with rollback", "unfreeze", "unfreeze")
ANSWERS = ("approve ana", "approve ben", "approve cem", "approve ben", "deny ana")
STEPS: tuple[tuple[float, ...], ...] = ((1.0, 10.0, 50.0), (10.0, 50.0), (0.0, 25.0), (5.0, 100.0), (33.3,), ())
QUALITIES: tuple[Quality, ...] = (Quality(), Quality(), Quality(error_ratio=5.0), Quality(extra_errors=0.5))
# What a log does is done when it says no, and what it has taken it does not take again: writes to a flag name their number.
FATES = {
    "claim": (Fate.LOST, Fate.UNTOLD),
    "append": (Fate.LOST, Fate.UNTOLD, Fate.TWICE),
    "flag": (Fate.LOST, Fate.UNTOLD),
}
WHO = (None, None, 0, 1)


def of_a_flag(seed: int) -> bool:
    """Whether a seed is drawn to be the story of a flag; apart from all else, so that nothing else hangs on it."""
    return random.Random(f"flag of {seed}").random() < PART


def draw_flag_story(seed: int, *, faults: int = 20, verbs: int = 8, releases: int = 5) -> Story:
    """The story of a seed: at most so many faults, verbs and further releases within a minute or so."""
    chance = random.Random(f"story of the flag of {seed}")
    seconds = chance.choice((30.0, 50.0, 80.0))
    deeds: list[Deed] = [Deploy(FIRST_AT, draw_flag_shape(chance, "v1", calm=True))]

    def some(count: int, make: Callable[[float], Deed]) -> None:
        deeds.extend(make(round(chance.uniform(1.0, seconds), 3)) for _ in range(count))

    for number in range(chance.randint(0, releases)):
        at = round(chance.uniform(4.0, seconds), 3)
        deeds.append(Deploy(at, draw_flag_shape(chance, f"v{chance.randint(1, number + 2)}")))
    some(chance.randint(0, verbs), lambda at: Ask(at, chance.choice(VERBS), chance.choice(WHO)))
    some(chance.choice((0, 0, 1, 2, 4)), lambda at: Override(at, chance.choice(("kill", "unkill", "trip", "recover"))))
    if chance.random() < 1 / 2:
        some(chance.randint(0, 3), lambda at: Ask(at, chance.choice(FREEZES)))
        some(chance.randint(5, 20), lambda at: Ask(at, chance.choice(ANSWERS)))
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        deeds += chance.choice(PATTERNS)(chance, chance.uniform(2.0, seconds))
    some(chance.randint(0, faults), lambda at: chance.choice(FAULTS)(chance, at))
    return Story(
        seed=seed,
        deeds=tuple(sorted(deeds, key=lambda deed: deed.at)),
        controllers=chance.choice((1, 2, 2, 3)),
        fault_seconds=seconds,
        rps=chance.choice((0.0, 3.0, 60.0, 400.0)),
        lease_seconds=chance.choice((3.0, 5.0, 10.0)),
    )


def draw_flag_shape(chance: random.Random, label: str, *, calm: bool = False) -> Shape:
    """A release of the flag; a calm one is well."""
    return Shape(
        label=label,
        strategy="flag",
        weights=chance.choice(STEPS),
        people=chance.choice((0, 1, len(AUDIENCES))),
        hold=chance.choice((0.0, 1.0, 3.0)),
        judged=chance.random() < 0.4,
        pause=chance.choice((0, 0, 0, 1)),
        wait=chance.choice((0.0, 2.0)),
        bake=chance.choice((0.0, 2.0)),
        approve=0 if calm else chance.choice((0, 0, 1, 2)),
        begin=0 if calm else chance.choice((0, 0, 0, 1)),
        windows=not calm and chance.random() < 0.25,
        analysed=chance.random() < 0.7,
        judge=chance.choice(("betting", "betting", "threshold")),
        deadline=chance.choice((10.0, 20.0)),
        on_deadline=chance.choice(("rollback", "rollback", "pause", "report")),
        on_fail=chance.choice(("rollback", "rollback", "pause")),
        on_inconclusive=chance.choice(("pause", "rollback", "promote")),
        on_insufficient=chance.choice(("extend", "hold", "pass", "pass", "fail")),
        on_error=chance.choice(("pause", "rollback")),
        quality=Quality() if calm else chance.choice(QUALITIES),
    )


def _place(chance: random.Random) -> str:
    return chance.choice(("", "flag", "flag", *(point.name for point in FLAG_POINTS)))


def _spoil(chance: random.Random, at: float) -> Deed:
    name = chance.choice(("claim", "append", "flag", "flag"))
    return Spoil(at, name, chance.choice(FATES[name]))


def _outage(chance: random.Random, at: float) -> Deed:
    part = chance.choice(("log", "metrics"))
    how = chance.choice(("error", "zero", "huge", "repeat", "late")) if part == "metrics" else "error"
    return Outage(at, part, round(chance.uniform(0.5, 12.0), 3), how)


FAULTS: tuple[Callable[[random.Random, float], Deed], ...] = (
    lambda chance, at: Kill(at, _place(chance), chance.choice(WHO), chance.choice((0.1, 2.0, 15.0))),
    lambda chance, at: Freeze(at, round(chance.uniform(0.5, 20.0), 3), _place(chance), chance.choice(WHO)),
    lambda chance, at: Freeze(at, round(chance.uniform(0.5, 20.0), 3), _place(chance), chance.choice(WHO)),
    _spoil,
    _spoil,
    _outage,
    lambda chance, at: Skew(at, chance.choice((0, 1)), round(chance.uniform(-1.5, 1.5), 3)),
    lambda chance, at: Trouble(at, round(chance.uniform(1.0, 10.0), 3)),
)
"""What may go wrong with a flag: nothing is started and nothing is routed."""


def _simple(chance: random.Random, label: str) -> Shape:
    return replace(draw_flag_shape(chance, label, calm=True), weights=(10.0, 50.0), judged=False, pause=0, hold=3.0)


def _later(*deeds: Deed) -> list[Deed]:
    return [replace(deed, at=round(deed.at, 3)) for deed in deeds]


def _late_growth(chance: random.Random, at: float) -> list[Deed]:
    """Whoever lets users in stands still just before, and meanwhile it is taken back."""
    still = chance.uniform(6.0, 20.0)
    aborted = at + chance.uniform(3.0, still + 2.0)
    return _later(Deploy(at, _simple(chance, "v6")), Freeze(at, still, "flag"), Ask(aborted, "abort"))


def _killed_midway(chance: random.Random, at: float) -> list[Deed]:
    """Killed while it holds, and later let go on, or taken back."""
    killed = at + chance.uniform(1.0, 6.0)
    ends = killed + chance.uniform(1.0, 9.0)
    word = chance.choice(("resume", "abort", "undo", "promote --full"))
    lifted = [Override(ends - 0.5, "unkill")] if chance.random() < 0.7 else []
    return _later(Deploy(at, _simple(chance, "v7")), Override(killed, "kill"), *lifted, Ask(ends, word))


def _people_in_a_freeze(chance: random.Random, at: float) -> list[Deed]:
    """Somebody freezes while people are about to be let in before any percentage."""
    shape = replace(_simple(chance, "v8"), people=len(AUDIENCES))
    return _later(Deploy(at, shape), Ask(at + chance.uniform(0.0, 3.0), "freeze 15"))


def _undone(chance: random.Random, at: float) -> list[Deed]:
    """It goes back to what was before, and then it is wanted again."""
    undone = at + chance.uniform(8.0, 15.0)
    again = Deploy(undone + chance.uniform(0.5, 8.0), _simple(chance, "v1"))
    return _later(Deploy(at, _simple(chance, "v9")), Ask(undone, "undo"), again)


def _agreed_twice(chance: random.Random, at: float) -> list[Deed]:
    """Two must agree that it begins, and one of them says so again and again."""
    words = [Ask(at + after, "approve ben") for after in (1.0, 2.0, chance.uniform(3.0, 6.0))]
    return _later(Deploy(at, replace(_simple(chance, "v10"), begin=2)), *words)


PATTERNS: tuple[Callable[[random.Random, float], list[Deed]], ...] = (
    _late_growth,
    _killed_midway,
    _people_in_a_freeze,
    _undone,
    _agreed_twice,
)
"""Short sequences that are dangerous, and that chance alone would seldom find."""
