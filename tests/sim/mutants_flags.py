"""Faults in how a rollout drives a flag."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

import ferryman.core.decide as decide_module
import ferryman.core.reached as reached_module
import ferryman.core.walls as walls_module
import ferryman.flags.driving as driving_module
import ferryman.strategies.compile as compile_module
from ferryman.engine.flags.side import FlagSide
from ferryman.model.plan import Plan
from ferryman.model.world import FlagShare
from sim.mutation import mutant


@mutant(1, 2, 6)
def a_flag_takes_any_generation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(driving_module, "check_generation", lambda last, key, driver: None)


@mutant(1, 2, 6)
def who_takes_over_does_not_fence_the_flag(patch: pytest.MonkeyPatch) -> None:
    async def fence(self: FlagSide, service: Any, generation: Any) -> None:
        return

    patch.setattr(FlagSide, "fence", fence)


@mutant(0)
def a_kill_does_not_pause(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide_module, "overridden", lambda rollout, seen: None)


@mutant(2, 13)
def the_way_back_leaves_people_in(patch: pytest.MonkeyPatch) -> None:
    original = compile_module.compile_flag

    def kept(share: FlagShare, plan: Plan) -> FlagShare:
        people = [flag for step in plan.steps for flag in step.world.flags if flag.segments or flag.allow]
        return replace(share, segments=people[-1].segments, allow=people[-1].allow) if people else share

    def compiled(parties: Any, strategy: Any) -> Plan:
        plan = original(parties, strategy)
        back = [
            replace(step, world=replace(step.world, flags=tuple(kept(flag, plan) for flag in step.world.flags)))
            for step in plan.back
        ]
        return replace(plan, back=tuple(back))

    patch.setattr(compile_module, "compile_flag", compiled)


@mutant(9)
def people_are_let_in_through_a_wall(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(walls_module, "let_in", lambda world: frozenset())


@mutant(0, 2)
def an_exposure_counts_before_it_is_served(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reached_module, "exposed", lambda world, seen: True)
