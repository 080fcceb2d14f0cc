"""Canary: a small share of the users first, then more, each step on evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from msgspec.structs import replace

from ferryman.model.plan import (
    ApprovalGate,
    CheckGate,
    Gate,
    HoldGate,
    PauseGate,
    Phase,
    Plan,
    SettledGate,
    Step,
)
from ferryman.model.release import (
    Amount,
    Analyse,
    Approve,
    Canary,
    CanaryStep,
    Pause,
    Route,
    RunCheck,
    Scale,
    SetFlag,
    SetWeight,
)
from ferryman.model.world import Bounds, FlagShare, Match, World, unexposed
from ferryman.strategies.common import (
    FULL_PERCENT,
    Parties,
    finishing,
    first_deploy,
    judged,
    plan,
    rolling_bounds,
    rolling_bounds_back,
    side_by_side,
    steady,
    way_back,
)


def compile_canary(parties: Parties, strategy: Canary) -> Plan:
    """One step per entry of the release, then promotion, bake and the end of the old side."""
    limits = (
        side_by_side(parties, strategy.keep_old)
        if parties.routed
        else rolling_bounds(parties, strategy.max_surge, strategy.max_unavailable)
    )
    limits_back = (
        limits if parties.routed else rolling_bounds_back(parties, limits, strategy.max_surge, strategy.max_unavailable)
    )
    back = way_back(parties, limits_back, warm=parties.routed, previewed=parties.stable)
    if parties.stable is None:
        return plan(parties, first_deploy(parties, limits), back, steady(parties, limits))
    walk = _Walk(parties, strategy, limits, matches=parties.testers)
    steps = walk.opening()
    for entry in strategy.steps:
        if isinstance(entry, SetWeight) and entry.percent >= FULL_PERCENT:
            break
        steps.append(walk.step(entry))
    whole = replace(_promoted_world(parties, limits), flags=tuple(walk.flags.values()))
    back = tuple(replace(step, world=replace(step.world, flags=unexposed(whole.flags))) for step in back)
    steps.append(Step(name="100%", phase=Phase.PROMOTING, world=whole))
    if not parties.routed:
        rest = steady(parties, limits)
        gone = Step(name="stop the old version", phase=Phase.PROMOTING, world=rest, gates=(SettledGate(),))
        return plan(parties, (*steps, gone), back, rest)
    if strategy.bake_seconds:
        gates: tuple[Gate, ...] = (HoldGate(strategy.bake_seconds),)
        steps.append(Step(name="bake", phase=Phase.BAKING, world=whole, gates=gates, skippable=True))
    tail, rest = finishing(parties, whole, strategy.scale_down_delay_seconds, strategy.keep_old)
    return plan(parties, (*steps, *tail), back, rest)


def counts_without_router(replicas: int, surge: int, weight_percent: float) -> tuple[int, int]:
    """(candidate, stable) instances whose share is nearest to the weight: both at least one where there is room,
    R <= total <= R + surge, the fewest on a tie."""
    best: tuple[float, int, int] | None = None
    for total in range(replicas, replicas + surge + 1):
        for candidate in range(1, total):
            miss = abs(FULL_PERCENT * candidate / total - weight_percent)
            if best is None or (round(miss, 9), total) < (round(best[0], 9), best[1]):
                best = (miss, total, candidate)
    return (best[2], best[1] - best[2]) if best else (1, 0)


def realisable_percent(parties: Parties, strategy: Canary, weight_percent: float) -> float:
    """The share that users really get when `weight_percent` is asked."""
    if parties.routed:
        return weight_percent
    limits = rolling_bounds(parties, strategy.max_surge, strategy.max_unavailable)
    candidate, stable = counts_without_router(parties.replicas, limits.max_total - parties.replicas, weight_percent)
    return FULL_PERCENT * candidate / max(1, candidate + stable)


def _promoted_world(parties: Parties, limits: Bounds) -> World:
    assert parties.stable is not None
    if parties.routed:
        instances = {parties.candidate: parties.replicas, parties.stable: parties.stable_replicas}
    else:
        instances = {parties.candidate: parties.replicas, parties.stable: 0}
    return World(
        instances=instances,
        weights={parties.candidate: FULL_PERCENT} if parties.routed else {},
        bounds=limits,
        limited=parties.candidate,
        listener=parties.listener,
    )


@dataclass
class _Walk:
    """What carries over from one entry of the list to the next."""

    parties: Parties
    strategy: Canary
    limits: Bounds
    matches: tuple[Match, ...] = ()
    flags: dict[tuple[str, str], FlagShare] = field(default_factory=dict[tuple[str, str], FlagShare])
    weight: float = 0.0
    scale: Amount | None = None
    stage: int = -1
    number: int = 0
    held_seconds: list[float] = field(default_factory=list[float])

    def opening(self) -> list[Step]:
        """Bring the first candidates up before anybody meets them, when the list begins with a weight."""
        first = self.strategy.steps[0] if self.strategy.steps else None
        count = 0
        if isinstance(first, SetWeight) and first.percent < FULL_PERCENT and self.parties.routed:
            count = self._wanted(first.percent)
        count = max(count, 1 if self.matches else 0)
        if not count:
            return []
        return [Step(name="start the candidate", phase=Phase.STARTING, world=self._world(count), skippable=True)]

    def step(self, entry: CanaryStep) -> Step:
        """The step of one entry."""
        self.number += 1
        name, gates = self._take(entry)
        routed_share = 0 < self.weight < FULL_PERCENT
        return Step(
            name=name,
            phase=Phase.PROGRESSING,
            world=self._world(self._wanted(self.weight)),
            gates=tuple(gates),
            stage=self.stage if routed_share and self.parties.routed else None,
            skippable=True,
        )

    def _take(self, entry: CanaryStep) -> tuple[str, list[Gate]]:
        match entry:
            case SetWeight():
                if entry.percent != self.weight:
                    self.stage += 1
                self.weight = entry.percent
                return f"{entry.percent:g}%", judged(
                    self.parties.release, entry.hold_seconds, analyse=entry.analyse and self.parties.routed
                )
            case Pause(seconds=seconds):
                return ("pause" if seconds is None else f"pause {seconds:g}s"), [PauseGate(seconds)]
            case Analyse(seconds=seconds):
                return "analyse", judged(self.parties.release, seconds, analyse=self.parties.routed)
            case Scale(amount=amount):
                self.scale = amount
                return "scale", []
            case Route():
                self._route(entry)
                return (f"{entry.kind} {entry.name}" if entry.name else "no matches"), []
            case RunCheck(check=check):
                return f"check {check.name}", [CheckGate(check, self.parties.candidate)]
            case Approve(approval=approval):
                return "approval", [ApprovalGate(approval)]
            case SetFlag(key=key, percent=percent, environment=environment):
                self.flags[environment, key] = FlagShare(environment, key, percent)
                return f"flag {key} {percent:g}%", []

    def _route(self, entry: Route) -> None:
        if not entry.name:
            self.matches = ()
            return
        match = Match(kind=entry.kind, name=entry.name, value=entry.value, revision=self.parties.candidate)
        self.matches = (*(m for m in self.matches if (m.kind, m.name) != (match.kind, match.name)), match)

    def _wanted(self, weight: float) -> int:
        least = 1 if weight > 0 or self.matches else 0
        if self.scale is not None:
            return max(least, self.scale.of(self.parties.replicas, round_up=True))
        return max(least, math.ceil(self.parties.replicas * weight / FULL_PERCENT - 1e-9))

    def _world(self, count: int) -> World:
        parties = self.parties
        assert parties.stable is not None
        if parties.routed:
            stable = parties.stable_replicas
            if self.strategy.stable == "dynamic":
                stable = max(1, math.ceil(stable * (FULL_PERCENT - self.weight) / FULL_PERCENT - 1e-9))
            weights = {parties.candidate: self.weight, parties.stable: FULL_PERCENT - self.weight}
        else:
            count, stable = self._shared(count)
            weights = {}
        world = World(
            instances={parties.candidate: count, parties.stable: stable},
            weights=weights,
            bounds=self.limits,
            limited=parties.candidate,
            matches=self.matches,
            flags=tuple(self.flags.values()),
            preview=parties.candidate if parties.release.routing.preview_port and count else None,
            listener=parties.sticky_listener,
        )
        if self.strategy.stable == "dynamic" and parties.routed:
            return replace(world, bounds=replace(self.limits, min_available=parties.stable_replicas))
        return world

    def _shared(self, count: int) -> tuple[int, int]:
        """Counts where the share of the users is the share of the instances."""
        replicas = self.parties.replicas
        if self.scale is not None or self.weight <= 0:
            return count, max(0, replicas - count)
        return counts_without_router(replicas, self.limits.max_total - replicas, self.weight)
