"""A rehearsal: somebody's own release in the simulated world, before anything is deployed.

The version that serves now is the same release under another name; users come, the new version is deployed, and what
was asked to go wrong goes wrong. The loop, the decisions and the judge are the real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from ferryman.core.lint import sample_plan
from ferryman.core.phases import Verb
from ferryman.core.verbs import Answer
from ferryman.engine.ports import Options
from ferryman.engine.texts import text_of
from ferryman.model.errors import FerrymanError
from ferryman.model.event import BackOrdered, Event, VerdictChanged
from ferryman.model.plan import ApprovalGate, HoldGate, PauseGate
from ferryman.model.release import Approvals, Release
from ferryman.model.revision import Revision
from ferryman.model.role import Role
from ferryman.model.rollout import Service
from ferryman.model.seen import InstanceState
from ferryman.sim.deeds import Story, Trouble
from ferryman.sim.failure import Failure
from ferryman.sim.fleet import Nature
from ferryman.sim.simulation import ALIVE, Simulation
from ferryman.sim.traffic import Load, Quality
from ferryman.spec.revision import make_revision

STABLE_LABEL, CANDIDATE_LABEL = "now", "new"
START_LIMIT_SECONDS = 600.0
HISTORY_SECONDS = 120.0
SETTLE_SECONDS = 5.0
LIMIT_SECONDS = 7 * 86400.0
STEP_SECONDS = 1.0
LEAVING_STEP_SECONDS = 0.1
SMALLEST_PERCENT = 1e-9
QUIET_SECONDS = 60.0
BY_PEOPLE = frozenset({"human", "approval"})
"""Kinds of pauses that people end."""

LOOKS_A_STEP = 3600
"""In a step the judge looks at most so often."""


class CommonOutage(msgspec.Struct, frozen=True):
    """Users of both versions meet `factor` times the errors for so many seconds; it begins `delay_seconds` after the
    deploy, or after `at_percent` of the users first meet the new version."""

    seconds: float
    delay_seconds: float = 0.0
    at_percent: float | None = None
    factor: float = 20.0


class Wish(msgspec.Struct, frozen=True):
    """What to rehearse. What waits for a person is promoted, and each approval given, after `person_seconds` (None: nobody
    comes). Release windows are left out: a simulation has no date."""

    release: Release
    failures: tuple[Failure, ...] = ()
    outages: tuple[CommonOutage, ...] = ()
    load: Load = Load(drift=0.3)
    seed: int = 1
    person_seconds: float | None = 30.0


class Moment(msgspec.Struct, frozen=True):
    """Something that happened, `at` seconds after the deploy. `kind` is that of the event, or `world` for what only a
    simulation knows; `served_percent` is the share of users that meet the new version then."""

    at: float
    kind: str
    text: str
    served_percent: float


class Rehearsed(msgspec.Struct, frozen=True):
    """What came of it. `outcome` is the last phase, or `waits` when only a person could move it. Seconds count from
    the deploy; `failed_at` is when the first failure began, `back_at` when the way back was ordered, `clear_at` when
    nobody met the new version any more. `harmed` is how many requests failed that would not have, `met` how many the
    new version answered; `violations` are broken promises, which would be defects of Ferryman."""

    service: str
    seed: int
    outcome: str
    reason: str
    seconds: float
    moments: tuple[Moment, ...]
    most_percent: float
    met: int
    harmed: int
    failed_at: float | None = None
    back_at: float | None = None
    clear_at: float | None = None
    violations: tuple[str, ...] = ()


@dataclass
class Rehearsal:
    """One run. `rehearse` does all of it."""

    wish: Wish
    moments: list[Moment] = field(default_factory=list[Moment])
    failed_at: float | None = None
    back_at: float | None = None
    clear_at: float | None = None
    _began: float = 0.0
    _refused: FerrymanError | None = None
    _helping: bool = False
    _agreed: int = 0
    _verdicts: set[tuple[int, str]] = field(default_factory=set[tuple[int, str]])

    def __post_init__(self) -> None:
        wish = self.wish
        self.stable, self.candidate = _revisions(wish.release)
        story = Story(seed=wish.seed, deeds=(), controllers=1, lease_seconds=20.0)
        # In a simulation what changes wakes the loop: between two looks of the judge it has nothing to watch for.
        self.run = Simulation(story, service=wish.release.service, options=Options(watching_seconds=QUIET_SECONDS))
        self.run.controllers[0].stalls = False
        self.run.world.traffic.load = wish.load
        ready = wish.release.min_ready_seconds
        for revision in (self.stable, self.candidate):
            self.run.world.fleet.natures[revision.id] = Nature(ready_seconds=(ready + 0.3, ready + 2.0))
        self._release = replace(_seldom_judged(wish.release), windows=None, checklist=())
        self._waiting = list(wish.failures)
        self._outages = list(wish.outages)

    def rehearse(self) -> Rehearsed:
        """Raises `FerrymanError`, mostly `Refused`, for a release that could not be deployed."""
        self._serve_stable()
        self._deploy()
        while not self._over():
            leaving = self.back_at is not None and self.clear_at is None
            self.run.run_to(self.run.world.elapsed + (LEAVING_STEP_SECONDS if leaving else STEP_SECONDS))
            self._look()
        return self._result()

    # ---- before
    def _serve_stable(self) -> None:
        """What serves now comes up, and users get used to it."""
        run, world = self.run, self.run.world
        run.run_to(STEP_SECONDS)
        first = replace(self._release, label=self.stable.label, approvals=Approvals())
        run.deploy_release(first, self.stable, self._answered)
        while world.log.snapshot.stable is None and world.elapsed < START_LIMIT_SECONDS:
            run.run_to(world.elapsed + STEP_SECONDS)
            self._raise_refusal()
        run.run_to(world.elapsed + HISTORY_SECONDS)

    def _deploy(self) -> None:
        world = self.run.world
        self._began = world.elapsed
        tell = self.run.log.on_event

        def on_event(event: Event, after: Service) -> None:
            tell(event, after)
            self._event(event)

        self.run.log.on_event = on_event
        self.run.deploy_release(self._release, self.candidate, self._answered)
        self._raise_refusal()
        self._look()

    # ---- meanwhile
    def _look(self) -> None:
        """Failures begin when it is their time, and a person ends what waits for one."""
        for failure in tuple(self._waiting):
            late = failure.after_seconds is not None and self._now() < failure.after_seconds
            few = failure.at_percent is not None and self._served() < failure.at_percent - SMALLEST_PERCENT
            if not late and not few:
                self._waiting.remove(failure)
                self._fail(failure)
        for outage in tuple(self._outages):
            if outage.at_percent is None or self._served() >= outage.at_percent - SMALLEST_PERCENT:
                self._outages.remove(outage)
                trouble = Trouble(0.0, outage.seconds, outage.factor)
                self.run.kernel.after(outage.delay_seconds, lambda trouble=trouble: self.run.do(trouble))
        if self.back_at is not None and self.clear_at is None and self._served() <= 0:
            self.clear_at = self._now()
        rollout = self.run.world.log.snapshot.current
        kind = rollout.pause.kind if rollout is not None and rollout.pause is not None else ""
        if kind in BY_PEOPLE and not self._helping and self.wish.person_seconds is not None:
            self._helping = True
            self.run.kernel.after(self.wish.person_seconds, self._promote if kind == "human" else self._approve)

    def _promote(self) -> None:
        self._helping = False
        self._tell("a person promotes")
        self.run.ask(Verb.PROMOTE.value)

    def _approve(self) -> None:
        self._helping = False
        self._agreed += 1
        self.run.ask(f"approve person-{self._agreed} as {Role.ADMIN}")

    def _fail(self, failure: Failure) -> None:
        world, name = self.run.world, self.candidate.id
        if self.failed_at is None:
            self.failed_at = self._now()
        self._tell(f"begins: {failure}")
        world.traffic.count()
        quality, nature = world.traffic.qualities.get(name, Quality()), world.fleet.natures[name]
        match failure.what:
            case "errors":
                world.traffic.qualities[name] = replace(quality, error_ratio=failure.amount)
            case "share":
                world.traffic.qualities[name] = replace(quality, extra_errors=failure.amount / 100.0)
            case "latency":
                world.traffic.qualities[name] = replace(quality, latency_ratio=failure.amount)
            case "crash":
                world.fleet.natures[name] = replace(nature, crashes=1.0, crash_seconds=(0.2, 2.0))
                for body in world.fleet.of(name, *ALIVE):
                    world.fleet.crash(body, "exit status 1")
            case _:
                world.fleet.natures[name] = replace(nature, never_ready=1.0)
                for body in world.fleet.of(name, InstanceState.READY):
                    world.fleet.waver(body, LIMIT_SECONDS)

    def _event(self, event: Event) -> None:
        body = event.body
        if isinstance(body, BackOrdered) and self.back_at is None:
            self.back_at = self._now()
        if isinstance(body, VerdictChanged):
            # That the judge is at work was to be expected, and a pass that comes and goes is told once.
            if body.verdict in ("continue", "insufficient") or (body.stage, body.verdict) in self._verdicts:
                return
            self._verdicts.add((body.stage, body.verdict))
        self.moments.append(Moment(self._now(), event.kind, text_of(event), self._served()))

    def _tell(self, text: str) -> None:
        self.moments.append(Moment(self._now(), "world", text, self._served()))

    def _now(self) -> float:
        return self.run.world.elapsed - self._began

    def _served(self) -> float:
        """The share of users that meet the new version; without a router, of the ready instances."""
        routing = self.wish.release.routing
        if routing.port is not None and routing.router != "none":
            return self.run.world.plane.seen.weights.get(self.candidate.id, 0.0)
        fleet = self.run.world.fleet
        new, old = (len(fleet.of(r.id, InstanceState.READY)) for r in (self.candidate, self.stable))
        return 100.0 * new / max(1, new + old)

    def _answered(self, result: Answer | FerrymanError) -> None:
        if isinstance(result, FerrymanError):
            self._refused = result

    def _raise_refusal(self) -> None:
        if self._refused is not None:
            raise self._refused

    # ---- after
    def _over(self) -> bool:
        rollout = self.run.world.log.snapshot.current
        if self.run.found or self._now() > LIMIT_SECONDS:
            return True
        if rollout is None or rollout.candidate != self.candidate.id:
            return False
        return rollout.phase.terminal or self._waits()

    def _waits(self) -> bool:
        """Only a person could go on, and none comes."""
        rollout = self.run.world.log.snapshot.current
        pause = rollout.pause if rollout is not None else None
        if rollout is None or pause is None or pause.until is not None:
            return False
        planned = {"human": PauseGate, "approval": ApprovalGate}.get(pause.kind)
        by_plan = planned is not None and rollout.current.gate(planned) is not None
        return not by_plan or self.wish.person_seconds is None

    def _result(self) -> Rehearsed:
        world, rollout = self.run.world, self.run.world.log.snapshot.current
        seconds = self._now()
        self.run.run_to(world.elapsed + SETTLE_SECONDS)
        self._look()
        count = world.traffic.counts.get(self.candidate.id)
        pause = rollout.pause if rollout is not None else None
        ended = rollout is not None and rollout.phase.terminal
        reason = (
            "" if rollout is None else rollout.reason if ended else pause.reason if pause else "not ended in a week"
        )
        return Rehearsed(
            service=world.name,
            seed=self.wish.seed,
            outcome=rollout.phase.value if rollout is not None and ended else "waits",
            reason=reason,
            seconds=seconds,
            moments=tuple(self.moments),
            most_percent=max((m.served_percent for m in self.moments), default=0.0),
            met=count.requests if count is not None else 0,
            harmed=round(world.traffic.excess),
            failed_at=self.failed_at,
            back_at=self.back_at,
            clear_at=self.clear_at,
            violations=tuple(str(violation) for violation in self.run.found.all),
        )


def _seldom_judged(release: Release) -> Release:
    """The same, but in steps of many hours the judge does not look every second."""
    holds = [hold.seconds for step in sample_plan(release).steps if (hold := step.gate(HoldGate)) is not None]
    seconds = max(release.analysis.interval_seconds, max(holds, default=0.0) / LOOKS_A_STEP)
    return replace(release, analysis=replace(release.analysis, interval_seconds=seconds))


def _revisions(release: Release) -> tuple[Revision, Revision]:
    """What serves now, and what is new."""
    new = make_revision(release, None, 2)
    if release.label is None:
        new = replace(new, label=CANDIDATE_LABEL)
    return replace(new, id=f"{new.id}-now", label=STABLE_LABEL, digest=f"{new.digest}-now"), new
