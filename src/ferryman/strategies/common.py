"""What every strategy needs: the parties of a rollout, capacity bounds, and the worlds and ways that they share."""

from __future__ import annotations

import math

import msgspec

from ferryman.model.errors import Refused
from ferryman.model.plan import Gate, HoldGate, Phase, Plan, SettledGate, Step, VerdictGate
from ferryman.model.release import Amount, Release
from ferryman.model.world import Bounds, Listener, Match, World

FULL_PERCENT = 100.0


class Parties(msgspec.Struct, frozen=True):
    """Who takes part: revision ids, what stable runs now, and the id that this rollout's sticky cookie carries."""

    release: Release
    candidate: str
    stable: str | None
    stable_replicas: int
    sticky_id: str

    @property
    def replicas(self) -> int:
        """Instances wanted when all is done."""
        return self.release.replicas

    @property
    def routed(self) -> bool:
        """True when a router shares out the traffic, so that weights do not hang on instance counts."""
        return self.release.routing.port is not None and self.release.routing.router != "none"

    @property
    def listener(self) -> Listener | None:
        """Where users connect; None for workers."""
        r = self.release.routing
        if r.port is None or r.router == "none":
            return None
        return Listener(port=r.port, preview_port=r.preview_port, host=r.host)

    @property
    def sticky_listener(self) -> Listener | None:
        """The listener while two versions share users."""
        key = self.release.routing.sticky_key
        found = self.listener
        if found is None or key is None:
            return found
        return msgspec.structs.replace(found, sticky_key=key, sticky_id=self.sticky_id)

    @property
    def testers(self) -> tuple[Match, ...]:
        """The requests of internal testers, to the candidate."""
        found = self.release.routing.testers
        return tuple(Match(kind=t.kind, name=t.name, value=t.value, revision=self.candidate) for t in found)


def rolling_bounds(parties: Parties, surge: Amount, unavailable: Amount) -> Bounds:
    """Form A: surge rounds up, unavailable rounds down; 0/0 out of percentages becomes one unavailable.
    Raises `Refused` (``bounds_deadlock``) when nothing could ever move."""
    return checked(parties, *_form_a(parties.replicas, surge, unavailable))


def rolling_bounds_back(parties: Parties, limits: Bounds, surge: Amount, unavailable: Amount) -> Bounds:
    """Form A for the way back to another number of stable instances; it widens `limits`, so it never deadlocks."""
    return widened(parties, limits, *_form_a(parties.stable_replicas, surge, unavailable))


def _form_a(replicas: int, surge: Amount, unavailable: Amount) -> tuple[int, int]:
    """(fewest available, most in total)."""
    up, down = surge.of(replicas, round_up=True), unavailable.of(replicas, round_up=False)
    if up == 0 and down == 0 and (surge.percent or unavailable.percent):
        down = 1
    return max(0, replicas - down), replicas + up


def percent_bounds(parties: Parties, minimum_percent: float, maximum_percent: float) -> Bounds:
    """Form B: the minimum rounds up, the maximum rounds down. Raises `Refused` (``bounds_deadlock``)."""
    return checked(parties, *_form_b(parties.replicas, minimum_percent, maximum_percent))


def percent_bounds_back(parties: Parties, limits: Bounds, minimum_percent: float, maximum_percent: float) -> Bounds:
    """Form B for the way back, as `rolling_bounds_back`."""
    return widened(parties, limits, *_form_b(parties.stable_replicas, minimum_percent, maximum_percent))


def _form_b(replicas: int, minimum_percent: float, maximum_percent: float) -> tuple[int, int]:
    """(fewest available, most in total)."""
    return math.ceil(replicas * minimum_percent / 100 - 1e-9), math.floor(replicas * maximum_percent / 100 + 1e-9)


def widened(parties: Parties, limits: Bounds, min_available: int, max_total: int) -> Bounds:
    """Bounds within which both these and `limits` can be reached."""
    return bounds(parties, min(limits.min_available, min_available), max(limits.max_total, max_total))


def checked(parties: Parties, min_available: int, max_total: int) -> Bounds:
    """Bounds that let at least one instance be replaced."""
    if max_total <= min_available:
        raise Refused(
            "bounds_deadlock",
            f"with {parties.replicas} replicas at least {min_available} must stay available and at most {max_total} may "
            "exist: no instance could ever be replaced",
            hint="raise maxSurge or maximumPercent, or allow one instance to be unavailable",
        )
    return bounds(parties, min_available, max_total)


def bounds(parties: Parties, min_available: int, max_total: int) -> Bounds:
    """Bounds with the release's capacity floor and drain time."""
    release = parties.release
    return Bounds(
        min_available=min_available,
        max_total=max_total,
        capacity_floor=release.capacity_floor,
        drain_timeout_seconds=release.drain_timeout_seconds,
    )


def side_by_side(parties: Parties, keep_old: int) -> Bounds:
    """Bounds of two full sets beside each other."""
    low = min(parties.replicas, parties.stable_replicas) if parties.stable else parties.replicas
    high = parties.replicas + max(1, keep_old) * max(parties.stable_replicas, parties.replicas)
    return bounds(parties, low, high)


def first_deploy(parties: Parties, limits: Bounds) -> tuple[Step, ...]:
    """Nothing runs yet: bring all instances up, then let everybody in."""
    up = World(instances={parties.candidate: parties.replicas}, weights={}, bounds=limits, listener=parties.listener)
    serving = msgspec.structs.replace(up, weights={parties.candidate: FULL_PERCENT})
    return (
        Step(name="start", phase=Phase.STARTING, world=up),
        Step(name="serve", phase=Phase.PROMOTING, world=serving),
    )


def steady(parties: Parties, limits: Bounds, kept: int = 0) -> World:
    """What stays when the candidate is promoted; `kept` instances of the old side stay warm."""
    instances = {parties.candidate: parties.replicas}
    if kept and parties.stable:
        instances[parties.stable] = kept
    return World(
        instances=instances,
        weights={parties.candidate: FULL_PERCENT} if parties.routed else {},
        bounds=limits,
        listener=parties.listener,
    )


def way_back(parties: Parties, limits: Bounds, *, warm: bool, previewed: str | None = None) -> tuple[Step, ...]:
    """Everybody to stable. `warm`: at once by weight, the candidate kept for a second thought, then stopped; else
    instance by instance, users following what is ready. `previewed` is who the preview port shows meanwhile."""
    if parties.stable is None:
        gone = World(instances={}, weights={}, bounds=bounds(parties, 0, limits.max_total), listener=parties.listener)
        return (Step(name="stop the candidate", phase=Phase.ABORTING, world=gone, gates=(SettledGate(),)),)
    stable = World(
        instances={parties.stable: parties.stable_replicas},
        weights={parties.stable: FULL_PERCENT} if parties.routed else {},
        bounds=limits,
        listener=parties.listener,
        limited=parties.candidate,
        follow_ready=not warm,
    )
    if not warm and parties.candidate != parties.stable:
        stable = msgspec.structs.replace(stable, instances={**stable.instances, parties.candidate: 0})
    stop = Step(name="stop the candidate", phase=Phase.ABORTING, world=stable, gates=(SettledGate(),))
    if not warm:
        return (stop,)
    seconds = parties.release.deadlines.abort_scale_down_seconds
    shown = previewed if parties.release.routing.preview_port else None
    keep = msgspec.structs.replace(stable, keep=(parties.candidate,), preview=shown)
    hold = HoldGate(seconds=seconds, warm=True)
    return (Step(name="back to stable", phase=Phase.ABORTING, world=keep, gates=(hold,)), stop)


def judged(release: Release, hold_seconds: float | None, *, analyse: bool) -> list[Gate]:
    """What a step waits for that holds, and then asks the judge where it is analysed and there is one."""
    analysis = release.analysis
    gates: list[Gate] = [HoldGate(hold_seconds)] if hold_seconds else []
    if analyse and analysis.enabled:
        waited = max(analysis.min_wait_seconds, analysis.max_wait_factor * (hold_seconds or 0.0))
        gates.append(VerdictGate(max_wait_seconds=waited))
    return gates


def finishing(
    parties: Parties, world: World, delay_seconds: float | None, keep_old: int
) -> tuple[tuple[Step, ...], World]:
    """The steps after the bake and the world that stays: the old side waits `delay_seconds`, then goes (None: stays)."""
    # What stays is bound by its own size: with fewer of stable less had to be available on the way.
    limits = bounds(parties, parties.replicas, world.bounds.max_total)
    if parties.stable is None:
        return (), steady(parties, limits)
    if delay_seconds is None and keep_old > 0:
        return (), steady(parties, limits, kept=parties.stable_replicas)
    rest = steady(parties, limits)
    steps: list[Step] = []
    if delay_seconds:
        gates: tuple[Gate, ...] = (HoldGate(delay_seconds),)
        steps.append(Step(name="keep the old side warm", phase=Phase.FINISHING, world=world, gates=gates))
    steps.append(Step(name="stop the old side", phase=Phase.FINISHING, world=rest, gates=(SettledGate(),)))
    return tuple(steps), rest


def plan(
    parties: Parties, steps: tuple[Step, ...], back: tuple[Step, ...], rest: World, notes: tuple[str, ...] = ()
) -> Plan:
    """Assemble."""
    return Plan(
        strategy=str(type(parties.release.strategy).__struct_config__.tag),
        candidate=parties.candidate,
        stable=parties.stable,
        replicas=parties.replicas,
        steps=steps,
        back=back,
        steady=rest,
        notes=notes,
    )
