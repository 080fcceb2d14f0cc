"""Release to plan: the one entry of this room. A new strategy is one file and one line here."""

from __future__ import annotations

from ferryman.model.plan import Phase, Plan, SettledGate, Step
from ferryman.model.release import BlueGreen, Canary, Drill, FlagExposure, Recreate, Release, Rolling
from ferryman.model.world import EMPTY_WORLD, World
from ferryman.strategies.approvals import with_approvals
from ferryman.strategies.bluegreen import compile_blue_green
from ferryman.strategies.canary import compile_canary
from ferryman.strategies.common import Parties, bounds, plan, steady, way_back
from ferryman.strategies.drill import compile_drill
from ferryman.strategies.flag import compile_flag
from ferryman.strategies.recreate import compile_recreate
from ferryman.strategies.required import with_required
from ferryman.strategies.rolling import compile_rolling


def compile_plan(
    release: Release,
    candidate: str,
    stable: str | None,
    *,
    stable_replicas: int = 0,
    sticky_id: str = "",
    standing: World = EMPTY_WORLD,
) -> Plan:
    """The plan that carries `release` from revision `stable` (None: first deploy) to revision `candidate`.

    `stable_replicas` is how many instances stable runs now. Candidate and stable may be the same revision: then only
    the number of instances changes. `standing` is what is wanted while nothing runs; only a drill asks for it. Raises
    `Refused` (``bounds_deadlock``).
    """
    parties = Parties(release, candidate, stable, stable_replicas or release.replicas, sticky_id)
    if isinstance(release.strategy, Drill):
        return compile_drill(parties, release.strategy, standing)
    if candidate == stable:
        return _resize(parties)
    asked = with_required(_compiled(parties, release.strategy), release.checklist)
    return with_approvals(asked, release.approvals, parties.stable_replicas)


def _compiled(parties: Parties, strategy: Rolling | BlueGreen | Canary | Recreate | FlagExposure) -> Plan:
    match strategy:
        case Rolling():
            return compile_rolling(parties, strategy)
        case BlueGreen():
            return compile_blue_green(parties, strategy)
        case Canary():
            return compile_canary(parties, strategy)
        case Recreate():
            return compile_recreate(parties)
        case FlagExposure():
            return compile_flag(parties, strategy)


def _resize(parties: Parties) -> Plan:
    """Same content, other settings or another number of instances."""
    high = max(parties.replicas, parties.stable_replicas)
    limits = bounds(parties, min(parties.replicas, parties.stable_replicas), high + max(1, high // 4))
    alone = Parties(parties.release, parties.candidate, None, parties.stable_replicas, "")
    on_the_way = steady(alone, limits)
    # What stays is bound by its own size: a restart later on must not make use of room that the old size had.
    rest = steady(alone, bounds(parties, parties.replicas, parties.replicas + max(1, parties.replicas // 4)))
    name = f"{parties.stable_replicas} to {parties.replicas} instances"
    step = Step(name=name, phase=Phase.PROMOTING, world=on_the_way, gates=(SettledGate(),))
    return plan(parties, (step,), way_back(parties, limits, warm=False), rest)
