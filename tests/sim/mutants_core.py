"""Faults in the safety gate and in deciding."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

import ferryman.core.admit as admit_module
import ferryman.core.approving as approving_module
import ferryman.core.decide as decide_module
import ferryman.core.evolve as evolve_module
import ferryman.core.gates as gates_module
import ferryman.core.reached as reached_module
import ferryman.core.standing as standing_module
import ferryman.core.verbs as verbs_module
import ferryman.core.weights as weights_module
import ferryman.engine.loop as loop_module
import ferryman.store.rules as rules_module
import ferryman.targets.planning as planning_module
from ferryman.core.answers import Answer
from ferryman.model.event import Draft, Paused, RolloutEnded, StepEntered
from ferryman.model.plan import Phase, Step
from ferryman.model.rollout import Track
from ferryman.model.seen import InstanceState
from ferryman.model.world import Orders, World
from sim.mutation import mutant

# ---- the safety gate


@mutant(3, 4, 0)
def nothing_is_admitted_first(patch: pytest.MonkeyPatch) -> None:
    def wish(service: str, world: World, seen: Any, *, first: str | None = None) -> Orders:
        found = admit_module.admit(service, world, seen, first=first)
        surplus = [
            i.id
            for i in seen.instances
            if i.revision not in world.keep and world.instances.get(i.revision, 0) == 0 and i.state.value == "ready"
        ]
        return replace(
            found, instances=dict(world.instances), drain=frozenset(surplus), min_available=0, max_total=None
        )

    patch.setattr(loop_module, "admit", wish)


@mutant(3)
def more_instances_than_the_bounds_allow(patch: pytest.MonkeyPatch) -> None:
    original = admit_module.admit

    def generous(service: str, world: World, seen: Any, *, first: str | None = None) -> Orders:
        return original(
            service,
            replace(world, bounds=replace(world.bounds, max_total=world.bounds.max_total * 3)),
            seen,
            first=first,
        )

    patch.setattr(loop_module, "admit", generous)


@mutant(3, 4)
def fewer_instances_than_the_bounds_ask_for(patch: pytest.MonkeyPatch) -> None:
    original = admit_module.admit

    def frugal(service: str, world: World, seen: Any, *, first: str | None = None) -> Orders:
        return original(service, replace(world, bounds=replace(world.bounds, min_available=0)), seen, first=first)

    patch.setattr(loop_module, "admit", frugal)


@mutant(0)
def stops_before_it_has_drained(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(admit_module, "_may_stop", lambda instance, bounds, seen: True)


@mutant(0)
def stops_what_may_still_be_routed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(admit_module, "unrouted", lambda instance, routes: True)


@mutant(4)
def weights_that_do_not_sum_to_100(patch: pytest.MonkeyPatch) -> None:
    def floored(weights: dict[str, float], limited: str | None = None) -> dict[str, float]:
        total = sum(weights.values())
        return {r: int(w / total * 1000) / 10.0 for r, w in sorted(weights.items()) if total} if total else {}

    patch.setattr(weights_module, "rounded", floored)


@mutant(1)
def the_candidate_is_rounded_up(patch: pytest.MonkeyPatch) -> None:
    original = weights_module.rounded

    def generous(weights: dict[str, float], limited: str | None = None) -> dict[str, float]:
        found = original(weights, limited)
        if limited not in found or len(found) < 2 or found[limited] >= 99.0:
            return found
        other = next(r for r in found if r != limited)
        return {**found, limited: round(found[limited] + 0.1, 1), other: round(found[other] - 0.1, 1)}

    patch.setattr(weights_module, "rounded", generous)


@mutant(1)
def a_candidate_takes_what_stable_cannot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(weights_module.Shares, "ceiling", lambda self, revision: 100.0)


@mutant(4)
def weight_does_not_wait_for_capacity(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(weights_module.Shares, "carried", lambda self, revision: 100.0)


# ---- deciding


@mutant(8)
def too_little_evidence_counts_as_a_pass(patch: pytest.MonkeyPatch) -> None:
    judged = gates_module._verdict

    def lenient(rollout: Any, gate: Any, seen: Any, now: float) -> Any:
        analysis = gates_module.judgement(rollout, seen)
        if analysis is not None and analysis.verdict == "insufficient":
            return None
        return judged(rollout, gate, seen, now)

    patch.setattr(gates_module, "_verdict", lenient)


@mutant(8)
def the_verdict_of_another_stage_counts(patch: pytest.MonkeyPatch) -> None:
    judged = gates_module._verdict

    def lenient(rollout: Any, gate: Any, seen: Any, now: float) -> Any:
        analysis = gates_module.judgement(rollout, seen)
        if analysis is not None and analysis.verdict in ("pass", "continue"):
            return None
        return judged(rollout, gate, seen, now)

    patch.setattr(gates_module, "_verdict", lenient)


@mutant(8)
def goes_on_without_evidence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide_module, "blind", lambda rollout, seen: False)


@mutant(8)
def holds_are_half_as_long(patch: pytest.MonkeyPatch) -> None:
    clock = gates_module._clock
    patch.setattr(gates_module, "_clock", lambda rollout, seen, seconds: clock(rollout, seen, seconds / 2))


@mutant(0, 8)
def a_step_is_reached_without_an_acknowledgement(patch: pytest.MonkeyPatch) -> None:
    def ready(world: World, seen: Any, candidate: str) -> bool:
        return reached_module.ready_count(seen, candidate) >= world.instances.get(candidate, 0)

    patch.setattr(decide_module, "reached", ready)


@mutant(0, 2)
def the_way_back_is_skipped(patch: pytest.MonkeyPatch) -> None:
    def walk_back(rollout: Any, seen: Any, now: float) -> Any:
        return RolloutEnded(Phase.ROLLED_BACK, "gone", 0.0)

    patch.setattr(decide_module, "walk_back", walk_back)


@mutant(3, 4)
def an_abort_scales_stable_down(patch: pytest.MonkeyPatch) -> None:
    wanted = decide_module.wanted

    def less(service: Any) -> World:
        world, rollout = wanted(service), service.current
        if rollout is None or rollout.phase is not Phase.ABORTING or rollout.stable is None:
            return world
        bounds = replace(world.bounds, min_available=1)
        return replace(world, instances={**world.instances, rollout.stable: 1}, bounds=bounds)

    patch.setattr(decide_module, "wanted", less)


@mutant(5)
def a_promoted_plan_begins_again(patch: pytest.MonkeyPatch) -> None:
    following = decide_module._next

    def again(service: Any, seen: Any, now: float) -> Draft | None:
        rollout = service.current
        if rollout is not None and rollout.phase is Phase.PROMOTED and not service.queue and now - rollout.ended_at > 5:
            step: Step = rollout.plan.steps[0]
            return Draft(rollout.id, StepEntered(Track.FORWARD, 0, step.name, step.phase, 0.0))
        return following(service, seen, now)

    patch.setattr(decide_module, "_next", again)


@mutant(8)
def a_retry_keeps_the_checks_of_the_run_before(patch: pytest.MonkeyPatch) -> None:
    retried = evolve_module._retried

    def kept(rollout: Any, at: float, body: Any) -> Any:
        return replace(retried(rollout, at, body), attempt=rollout.attempt, checks=rollout.checks)

    patch.setattr(evolve_module, "_retried", kept)


@mutant(10)
def deciding_twice_moves_twice(patch: pytest.MonkeyPatch) -> None:
    def once(service: Any, seen: Any, now: float) -> Any:
        draft = decide_module._next(service, seen, now)
        drafts = () if draft is None else (draft,)
        after = standing_module.after(service, drafts, now)
        return decide_module.Decision(drafts, decide_module.wanted(after), now + 1.0, after)

    patch.setattr(loop_module, "decide", once)


@mutant(10)
def what_starts_already_is_started_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(planning_module, "AVAILABLE_STATES", frozenset({InstanceState.READY, InstanceState.UNREADY}))


@mutant(10)
def every_look_finds_one_more_that_may_leave(patch: pytest.MonkeyPatch) -> None:
    original = admit_module._Crew._surplus

    def eager(self: Any, revision: str) -> Any:
        return original(self, revision) or self.of(revision)[:1]

    patch.setattr(admit_module._Crew, "_surplus", eager)


@mutant(13)
def an_abort_only_pauses(patch: pytest.MonkeyPatch) -> None:
    def held(service: Any, rollout: Any, reason: str, actor: str, now: float) -> Answer:
        return Answer((Draft(rollout.id, Paused("operator", reason), actor),), "paused", rollout.id)

    patch.setattr(verbs_module, "aborted", held)


@mutant(13)
def an_abort_is_refused_while_instances_start(patch: pytest.MonkeyPatch) -> None:
    from ferryman.core.phases import TABLE, Act, Verb

    patch.setitem(TABLE, Phase.STARTING, {**TABLE[Phase.STARTING], Verb.ABORT: Act.REFUSE})


@mutant(1, 13)
def the_way_back_waits_before_it_begins(patch: pytest.MonkeyPatch) -> None:
    wanted = decide_module.wanted

    def late(service: Any) -> World:
        rollout = service.current
        if rollout is not None and rollout.phase is Phase.ABORTING and service.at - rollout.entered_at < 1.0:
            return rollout.plan.steps[min(rollout.step, len(rollout.plan.steps) - 1)].world
        return wanted(service)

    patch.setattr(decide_module, "wanted", late)


@mutant(11)
def nothing_is_ever_overdue(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide_module, "_overdue", lambda rollout, now: None)


@mutant(11)
def a_pause_never_ends_by_itself(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide_module, "_paused", lambda rollout, seen, now, shut: None)


@mutant(9)
def a_freeze_is_ignored(patch: pytest.MonkeyPatch) -> None:
    wall = decide_module.wall
    patch.setattr(decide_module, "wall", lambda s, r, now: wall(replace(s, freeze=None), r, now))


@mutant(9)
def a_window_is_ignored(patch: pytest.MonkeyPatch) -> None:
    wall = decide_module.wall
    open_always = lambda r: replace(r, release=replace(r.release, windows=None))  # noqa: E731
    patch.setattr(decide_module, "wall", lambda s, r, now: wall(s, open_always(r), now))


@mutant(8)
def who_agrees_twice_counts_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(approving_module, "has_agreed", lambda asked, actor: False)


@mutant(12)
def a_lease_outlives_its_holder(patch: pytest.MonkeyPatch) -> None:
    original = rules_module.claimed

    def claimed(head: Any, service: str, owner: str, now: float, seconds: float) -> Any:
        return original(head, service, owner, now, seconds * 20)

    patch.setattr(rules_module, "claimed", claimed)
