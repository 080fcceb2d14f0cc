"""Stories drawn from a seed: releases of every strategy, verbs at any time, and every fault there is."""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec.structs import replace

from ferryman.sim.deeds import (
    Ask,
    Crash,
    Deed,
    Deploy,
    Freeze,
    Kill,
    Outage,
    PlaneRestart,
    Refuse,
    Skew,
    Slow,
    Spoil,
    Story,
    Trouble,
    Waver,
)
from ferryman.sim.drawing_flags import draw_flag_story, of_a_flag
from ferryman.sim.fleet import Nature
from ferryman.sim.points import POINTS, Fate
from ferryman.sim.shapes import Shape
from ferryman.sim.traffic import Quality

VERBS = (
    "promote", "promote", "promote --full", "pause", "resume", "resume", "abort", "abort", "retry", "undo", "restart",
    "down",
)  # fmt: skip
DRILLS = ("drill", "drill 5%", "drill 20%", "drill 50%")
FREEZES = ("freeze 5", "freeze 15", "freeze", "freeze 10 with rollback", "unfreeze", "unfreeze")
ANSWERS = ("approve ana", "approve ana", "approve ben", "approve cem", "approve ben", "deny ana")
FIRST_AT = 0.5
STEPS: tuple[tuple[float, ...], ...] = (
    (10.0, 50.0), (5.0, 25.0, 50.0), (33.3,), (20.0, 40.0, 60.0, 80.0), (1.0, 99.0), (25.0,),
)  # fmt: skip
NATURES: tuple[Nature, ...] = (
    Nature(),
    Nature(),
    Nature(),
    Nature(ready_seconds=(2.0, 8.0)),
    Nature(never_ready=1.0),
    Nature(never_ready=0.4),
    Nature(crashes=0.5),
    Nature(crashes=1.0, crash_seconds=(0.1, 3.0)),
    Nature(ignores_stop=1.0, drain_seconds=(0.0, 10.0)),
)
# What a log does is done when it says no: nothing comes late. But a write may come again that it has taken already.
FATES = {"claim": (Fate.LOST, Fate.UNTOLD), "append": (Fate.LOST, Fate.UNTOLD, Fate.TWICE)}
QUALITIES: tuple[Quality, ...] = (
    Quality(), Quality(), Quality(), Quality(error_ratio=5.0), Quality(latency_ratio=3.0), Quality(extra_errors=0.5),
)  # fmt: skip


def draw_story(seed: int, *, faults: int = 24, verbs: int = 10, releases: int = 6) -> Story:
    """The story of a seed: at most so many faults, verbs and releases within a minute. One seed in eight is of a flag: code and
    flags do not share a name."""
    if of_a_flag(seed):
        return draw_flag_story(seed)
    chance = random.Random(seed)
    seconds = chance.choice((30.0, 50.0, 80.0))
    deeds: list[Deed] = [Deploy(FIRST_AT, draw_shape(chance, "v1", calm=True))]
    for number in range(chance.randint(1, releases)):
        at = round(chance.uniform(4.0, seconds), 3)
        deeds.append(Deploy(at, draw_shape(chance, f"v{chance.randint(1, number + 2)}")))
    for _ in range(chance.randint(0, verbs)):
        at = round(chance.uniform(1.0, seconds), 3)
        deeds.append(Ask(at, chance.choice(VERBS), chance.choice((None, None, None, 0, 1))))
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        deeds += chance.choice(PATTERNS)(chance, chance.uniform(5.0, seconds))
    for _ in range(chance.randint(0, faults)):
        deeds.append(chance.choice(FAULTS)(chance, round(chance.uniform(1.0, seconds), 3)))
    deeds += _drills(seed, seconds)
    deeds = _gated(seed, seconds, deeds)
    return Story(
        seed=seed,
        deeds=tuple(sorted(deeds, key=lambda deed: deed.at)),
        controllers=chance.choice((1, 2, 2, 3)),
        fault_seconds=seconds,
        rps=chance.choice((0.0, 3.0, 60.0, 400.0)),
        lease_seconds=chance.choice((3.0, 5.0, 10.0)),
    )


def _drills(seed: int, seconds: float) -> list[Deed]:
    """In one story of three somebody rehearses the way back; drawn apart, so that nothing else hangs on it."""
    chance = random.Random(f"drills of {seed}")
    if chance.random() > 1 / 3:
        return []
    times = [round(chance.uniform(3.0, seconds), 3) for _ in range(chance.randint(1, 4))]
    return [Ask(at, chance.choice(DRILLS), chance.choice((None, None, 0, 1))) for at in times]


def _gated(seed: int, seconds: float, deeds: list[Deed]) -> list[Deed]:
    """In one story of three releases have windows or ask for approvals, and somebody freezes; drawn apart as well."""
    chance = random.Random(f"gates of {seed}")
    if chance.random() > 1 / 3:
        return deeds
    found: list[Deed] = []
    for deed in deeds:
        gated = isinstance(deed, Deploy) and deed.at > FIRST_AT
        approve, windows = chance.choice((0, 1, 2)), chance.random() < 0.4
        found.append(
            Deploy(deed.at, replace(deed.shape, approve=approve, windows=windows))
            if gated and isinstance(deed, Deploy)
            else deed
        )
    freezes = [Ask(round(chance.uniform(2.0, seconds), 3), chance.choice(FREEZES)) for _ in range(chance.randint(0, 3))]
    answers = [
        Ask(round(chance.uniform(4.0, seconds), 3), chance.choice(ANSWERS)) for _ in range(chance.randint(5, 25))
    ]
    return [*found, *freezes, *answers]


def draw_shape(chance: random.Random, label: str, *, calm: bool = False) -> Shape:
    """A release; a calm one is well and simple."""
    strategy = chance.choice(("canary", "canary", "canary", "blue-green", "rolling", "rolling", "recreate"))
    surge, unavailable = chance.choice(((1, 0), (0, 1), (1, 1), (2, 0)))
    analysed = chance.random() < 0.8
    return Shape(
        label=label,
        strategy=strategy,
        replicas=chance.choice((1, 2, 3, 4, 6)),
        weights=chance.choice(STEPS),
        hold=chance.choice((0.0, 1.0, 3.0)),
        judged=chance.random() < 0.6,
        pause=chance.choice((0, 0, 0, 1)),
        wait=chance.choice((0.0, 2.0)),
        check=chance.random() < 0.3,
        bake=chance.choice((0.0, 2.0)),
        delay=chance.choice((0.0, 1.0, 4.0, None)),
        routed=chance.random() < 0.85,
        dynamic=chance.random() < 0.25,
        surge=surge,
        unavailable=unavailable,
        floor=chance.choice((1.0, 1.0, 0.5)),
        automatic=chance.random() < 0.7,
        analysed=analysed,
        judge=chance.choice(("betting", "betting", "threshold")),
        deadline=chance.choice((10.0, 20.0)),
        on_deadline=chance.choice(("rollback", "rollback", "pause", "report")),
        on_fail=chance.choice(("rollback", "rollback", "pause")),
        on_inconclusive=chance.choice(("pause", "pause", "rollback", "promote")),
        on_insufficient=chance.choice(("extend", "extend", "hold", "pass", "fail")),
        on_error=chance.choice(("pause", "rollback")),
        nature=Nature() if calm else chance.choice(NATURES),
        quality=Quality() if calm else chance.choice(QUALITIES),
        failing_check=not calm and chance.random() < 0.1,
    )


def _place(chance: random.Random) -> str:
    return "" if chance.random() < 0.2 else chance.choice(POINTS).name


def _kill(chance: random.Random, at: float) -> Deed:
    return Kill(at, _place(chance), chance.choice((None, None, 0, 1)), round(chance.choice((0.1, 2.0, 15.0)), 3))


def _freeze(chance: random.Random, at: float) -> Deed:
    return Freeze(at, round(chance.uniform(0.5, 20.0), 3), _place(chance), chance.choice((None, None, 0, 1)))


def _spoil(chance: random.Random, at: float) -> Deed:
    point = chance.choice([point for point in POINTS if point.write])
    return Spoil(at, point.name, chance.choice(FATES.get(point.name, tuple(Fate))))


def _outage(chance: random.Random, at: float) -> Deed:
    part = chance.choice(("log", "fleet", "plane", "metrics", "metrics"))
    how = chance.choice(("error", "error", "zero", "huge", "repeat", "late")) if part == "metrics" else "error"
    return Outage(at, part, round(chance.uniform(0.5, 12.0), 3), how)


def _side(chance: random.Random) -> str:
    return chance.choice(("stable", "candidate"))


def _round(*deeds: Deed) -> list[Deed]:
    return [replace(deed, at=round(deed.at, 3)) for deed in deeds]


def _abort_then_retry(chance: random.Random, at: float) -> list[Deed]:
    shape = replace(draw_shape(chance, "v6", calm=True), strategy="canary", check=True, hold=3.0)
    aborted = at + chance.uniform(1.0, 9.0)
    return _round(Deploy(at, shape), Ask(aborted, "abort"), Ask(aborted + chance.uniform(1.0, 9.0), "retry"))


def _abort_midway(chance: random.Random, at: float) -> list[Deed]:
    shape = replace(draw_shape(chance, "v8", calm=True), strategy="canary", judged=False, hold=3.0, routed=True)
    return _round(Deploy(at, shape), Ask(at + chance.uniform(2.0, 9.0), "abort"))


def _closed_late(chance: random.Random, at: float) -> list[Deed]:
    """The service is taken down, the one who does it stands still, and meanwhile it is wanted again."""
    back = draw_shape(chance, "v9", calm=True)
    still = chance.uniform(6.0, 18.0)
    return _round(Freeze(at, still, "remove"), Ask(at, "down"), Deploy(at + chance.uniform(1.0, 12.0), back))


def _blind_midway(chance: random.Random, at: float) -> list[Deed]:
    """The counters cannot be read while a canary that needs no verdict holds."""
    shape = draw_shape(chance, "v7", calm=True)
    shape = replace(shape, strategy="canary", judged=False, hold=3.0, routed=True, analysed=True)
    return _round(Deploy(at, shape), Outage(at + chance.uniform(2.0, 6.0), "metrics", chance.uniform(3.0, 12.0)))


PATTERNS: tuple[Callable[[random.Random, float], list[Deed]], ...] = (
    _abort_then_retry,
    _abort_midway,
    _closed_late,
    _blind_midway,
)
"""Short sequences that are dangerous, and that chance alone would seldom find."""

FAULTS: tuple[Callable[[random.Random, float], Deed], ...] = (
    _kill,
    _kill,
    _freeze,
    _freeze,
    _spoil,
    _spoil,
    _spoil,
    _outage,
    _outage,
    lambda chance, at: Refuse(at, round(chance.uniform(0.5, 6.0), 3)),
    lambda chance, at: Slow(at, chance.choice((0.0, 0.3, 1.5, 4.0))),
    lambda chance, at: PlaneRestart(at, round(chance.uniform(0.2, 4.0), 3)),
    lambda chance, at: Crash(at, _side(chance), chance.choice((1, 1, 2, 6))),
    lambda chance, at: Waver(at, _side(chance), round(chance.uniform(0.5, 8.0), 3), chance.choice((1, 2, 6))),
    lambda chance, at: Skew(at, chance.choice((0, 1)), round(chance.uniform(-1.5, 1.5), 3)),
    lambda chance, at: Trouble(at, round(chance.uniform(1.0, 10.0), 3)),
)
