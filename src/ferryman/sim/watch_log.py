"""Invariants 1, 2, 5 and 8 over what is written to the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman.core.evolve import evolve
from ferryman.model.event import (
    BackOrdered,
    CheckFinished,
    Event,
    Paused,
    PlanChanged,
    Resumed,
    Retried,
    RolloutEnded,
    RolloutStarted,
    StepEntered,
    StepReached,
    VerdictChanged,
)
from ferryman.model.plan import CheckGate, HoldGate, PauseGate, Phase, VerdictGate
from ferryman.model.rollout import Rollout, Service, Track
from ferryman.model.seen import InstanceState
from ferryman.model.world import FlagShare
from ferryman.sim.flagboard import NOBODY
from ferryman.sim.invariants import Findings
from ferryman.sim.kernel import nobody
from ferryman.sim.ledger import Ledger
from ferryman.sim.watch_gates import GatesTold
from ferryman.sim.world import World
from ferryman.store.base import Append
from ferryman.store.records import Head
from ferryman.strategies.flag import UNEXPOSED

SLACK = 1e-6
LOOK_SECONDS = 1.5
"""A step that has stood for so long was looked at by the judge's source at least once."""

LOSS_SECONDS = 30.0
"""For so long the loss of instances may excuse that less is served than asked."""


@dataclass
class Attempt:
    """What the log holds for one attempt of one rollout."""

    id: str
    number: int = 1
    verdicts: dict[int, str] = field(default_factory=dict[int, str])
    checks: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class LogWatch:
    """Looks at every append and every claim. `blind(fence)` tells whether the writer's last reading of the counters
    failed, `overridden()` whether it saw the flag killed or tripped; `on_event` is told of each event."""

    world: World
    ledger: Ledger
    found: Findings
    blind: Callable[[int], bool]
    overridden: Callable[[], bool]
    on_event: Callable[[Event, Service], None] = nobody
    _fold: Service = field(init=False)
    _gates: GatesTold = field(default_factory=GatesTold)
    _attempt: Attempt = field(default_factory=lambda: Attempt(""))

    def __post_init__(self) -> None:
        self._fold = Service(name=self.world.name)
        self.ledger.states[0] = self._fold

    def attach(self) -> None:
        """Be told from now on."""
        self.world.log.on_append = self.appended
        self.world.log.on_claim = self.claimed

    def claimed(self, before: Head | None, after: Head, now: float) -> None:
        """A lease was taken or renewed."""
        if before is None or before.owner == after.owner:
            return
        if before.owner and now < before.until:
            self._broken(
                5, f"{after.owner} took the lease that {before.owner} holds for {before.until - now:.1f} s more"
            )
        if after.fence <= before.fence:
            self._broken(5, f"{after.owner} took over with fence {after.fence}, which is not above {before.fence}")

    def appended(self, append: Append, events: tuple[Event, ...], snapshot: Service) -> None:
        """Something became durable."""
        head = self.world.log.head
        if head is None or append.lease.fence != head.fence or append.lease.owner != head.owner:
            self._broken(5, f"{append.lease.owner} wrote without the lease")
        for event in events:
            before = self._fold
            if event.seq != before.seq + 1:
                self._broken(5, f"event {event.seq} follows {before.seq}")
                return
            try:
                self._fold = evolve(before, event)
            except ValueError as problem:
                self._broken(5, str(problem))
                return
            self.ledger.states[event.seq] = self._fold
            if isinstance(event.body, RolloutStarted):
                self.ledger.started(before_size(before, self._fold))
            self._record(self._fold)
            self._look(event, before, append.lease.fence)
            self.on_event(event, self._fold)
        if events and snapshot != self._fold:
            names = [n for n in snapshot.__struct_fields__ if getattr(snapshot, n) != getattr(self._fold, n)]
            self._broken(5, f"the snapshot at event {snapshot.seq} is not the fold of the events: {', '.join(names)}")

    def _record(self, after: Service) -> None:
        rollout, recorded = after.current, self.ledger.recorded
        if rollout is not None:
            known = recorded.get(rollout.candidate, 0.0)
            recorded[rollout.candidate] = max(known, rollout.max_exposure_percent, rollout.exposure_percent)

    # ---- events one by one
    def _look(self, event: Event, before: Service, fence: int) -> None:
        self.world.kernel.say(f"event {event.seq} {event.rollout} {event.actor} {event.kind}")
        body, rollout = event.body, before.current
        self._gates.told(event)
        if rollout is None or rollout.id != event.rollout:
            return
        self._keep(event, rollout)
        if rollout.phase.terminal and not isinstance(body, Retried | BackOrdered):
            self._broken(5, f"{rollout.id} is {rollout.phase.value}, and then came {event.kind}")
        match body:
            case StepEntered(track=Track.FORWARD):
                if wrong := self._gates.let_in(rollout, event, body):
                    self._broken(9, wrong)
                if rollout.entered_at is not None and self.overridden() and self._gates.grows(rollout, body):
                    self._broken(
                        0, f"{rollout.id} grew to {body.name!r} while its flag is {self.world.flags.overridden}"
                    )
                up = body.exposure_percent > rollout.exposure_percent
                if rollout.entered_at is not None and (up or body.step > rollout.step):
                    self._passed(rollout, event, fence)
            case StepReached():
                self._reached(rollout)
            case RolloutEnded():
                self._ended(rollout, event, body, fence)
            case PlanChanged() if rollout.phase is Phase.ABORTING:
                self._broken(2, f"{rollout.id} was given a new plan on its way back")
            case _:
                pass

    def _keep(self, event: Event, rollout: Rollout) -> None:
        """The log's own account of what an attempt has shown."""
        body = event.body
        if self._attempt.id != rollout.id:
            self._attempt = Attempt(rollout.id)
        match body:
            case Retried():
                self._attempt = Attempt(rollout.id, self._attempt.number + 1)
            case VerdictChanged():
                self._attempt.verdicts[body.stage] = body.verdict
            case CheckFinished():
                self._attempt.checks[body.key] = body.state
            case Paused() | Resumed():
                pass
            case _:
                pass

    def _passed(self, rollout: Rollout, event: Event, fence: int) -> None:
        """A step is left upwards: its gates must have held, as far as nobody waived them."""
        step, waived = rollout.current, rollout.skipped or rollout.full
        place = f"{rollout.id} left {step.name!r}"
        if rollout.reached_at is None and not waived:
            self._broken(8, f"{place} without having reached it")
            return
        if not rollout.full and (lacking := self._gates.lacking(rollout)):
            self._broken(8, f"{place} when {lacking}")
        for number, gate in enumerate(step.gates):
            match gate:
                case VerdictGate() if not waived:
                    self._judged(rollout, place)
                case CheckGate() if not waived:
                    key = f"{rollout.id}/{self._attempt.number}/{rollout.step}/{number}"
                    if self._attempt.checks.get(key) != "passed":
                        self._broken(8, f"{place} while check {gate.check.name!r} had not passed in this attempt")
                case HoldGate() if not waived and rollout.reached_at is not None:
                    held = event.at - rollout.reached_at
                    if held < gate.seconds - SLACK:
                        self._broken(8, f"{place} after {held:.3f} s of {gate.seconds:g}")
                case PauseGate() if not waived and not rollout.waited:
                    self._broken(8, f"{place} without a pause")
                case _:
                    pass
        judged = step.stage is not None and rollout.release.analysis.enabled and step.world.listener is not None
        looked = rollout.reached_at is not None and event.at - rollout.reached_at > LOOK_SECONDS
        if judged and not waived and looked and self.blind(fence):
            self._broken(8, f"{place} while the counters could not be read")

    def _judged(self, rollout: Rollout, place: str) -> None:
        stage, policy = rollout.current.stage, rollout.release.analysis
        verdict = self._attempt.verdicts.get(-1 if stage is None else stage, "nothing")
        allowed = {"pass"}
        if policy.on_inconclusive == "promote":
            allowed |= {"continue", "nothing", "error"}
        if policy.on_insufficient == "pass":
            allowed.add("insufficient")
        if verdict not in allowed:
            self._broken(8, f"{place} on the verdict {verdict!r}")

    def _reached(self, rollout: Rollout) -> None:
        """Where the data plane shares out the users, a step is reached when it serves the share that is asked."""
        world = rollout.current.world
        for asked in world.flags:
            if (stands := self.world.flags.share) != asked:
                self._broken(0, f"step {rollout.current.name!r} counts as reached, but {stands} is served")
        if world.listener is None or world.follow_ready or not world.weights:
            return
        served = self.world.plane.seen.weights
        asked, got = world.weights.get(rollout.candidate, 0.0), served.get(rollout.candidate, 0.0)
        others = sum(
            body.state is InstanceState.READY and body.revision != rollout.candidate and body.revision in world.weights
            for body in self.world.fleet.bodies.values()
        )
        lacking = any(w > 0 for r, w in world.weights.items() if r != rollout.candidate) and (
            others < world.bounds.min_available or self.ledger.lost_since(self.world.kernel.now - LOSS_SECONDS) > 0
        )
        if rollout.track is Track.FORWARD and not lacking and abs(asked - got) > 0.1:
            self._broken(0, f"step {rollout.current.name!r} counts as reached, but {got:g}% of {asked:g}% are served")

    def _ended(self, rollout: Rollout, event: Event, body: RolloutEnded, fence: int) -> None:
        if self.world.flags.begun and rollout.entered_at is not None:
            self._flag_ended(rollout, body)
        served = self.world.plane.seen.weights.get(rollout.candidate, 0.0)
        routed = rollout.current.world.listener is not None
        if body.outcome is Phase.PROMOTED:
            if event.actor == "ferryman" and rollout.phase is not Phase.FINISHING:
                self._passed(rollout, event, fence)
            lost = self.ledger.lost_since(self.world.kernel.now - LOSS_SECONDS, rollout.candidate)
            if routed and not lost and abs(served - 100.0) > SLACK:
                self._broken(0, f"{rollout.id} counts as promoted, but {served:g}% are served")
        elif body.outcome in (Phase.ROLLED_BACK, Phase.SUPERSEDED) and rollout.entered_at is not None:
            if rollout.candidate == rollout.stable:
                return
            if served > SLACK:
                self._broken(2, f"{rollout.id} counts as {body.outcome.value}, but {served:g}% still meet it")

    def _flag_ended(self, rollout: Rollout, body: RolloutEnded) -> None:
        """Everybody, or nobody; and nobody is left in by a rule of the rollout."""
        share = self.world.flags.share
        if body.outcome is Phase.PROMOTED and rollout.current.world.flags:
            wanted = FlagShare(share.environment, share.key, 0.0 if rollout.candidate == UNEXPOSED else 100.0)
            if share != wanted:
                self._broken(0, f"{rollout.id} counts as promoted, but {share} is served")
        elif body.outcome in (Phase.ROLLED_BACK, Phase.SUPERSEDED) and share != NOBODY:
            self._broken(2, f"{rollout.id} counts as {body.outcome.value}, but {share} is served")

    def _broken(self, number: int, text: str) -> None:
        self.found.broken(number, text, self.world.elapsed)


def before_size(before: Service, after: Service) -> Service:
    """The rollout that begins, beside what stood when it began."""
    return Service(name=after.name, current=after.current, steady=before.steady)
