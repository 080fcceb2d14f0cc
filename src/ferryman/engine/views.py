"""From state and observation to what is shown. Pure but for the samples it is handed."""

from __future__ import annotations

from ferryman.core.approvals import awaited, pending, progress, wish
from ferryman.core.decide import wanted
from ferryman.core.gates import open_gate
from ferryman.core.held import what_holds
from ferryman.core.moved import token
from ferryman.core.reached import reached, settled
from ferryman.core.standing import legal_now
from ferryman.core.walls import WALLS
from ferryman.engine.traffic import Rates, Traffic
from ferryman.model.plan import ApprovalGate, CheckGate, Gate, HoldGate, PauseGate, Plan, SettledGate, VerdictGate
from ferryman.model.rollout import DRILL, Asked, Freeze, Given, Rollout, Service, Track
from ferryman.model.seen import LIVE_STATES, Instance, InstanceState, RouteStatus, Seen
from ferryman.model.view import (
    ApprovalView,
    EventView,
    FreezeView,
    GivenView,
    IncidentView,
    InstanceView,
    RolloutView,
    ServiceView,
    SideView,
    StepView,
)
from ferryman.model.world import World

_BAD_ROUTES = {RouteStatus.REJECTED, RouteStatus.UNREACHABLE}


def service_view(
    service: Service,
    seen: Seen,
    traffic: Traffic,
    stage_from: dict[str, int],
    trouble: str,
    recent: tuple[EventView, ...],
) -> ServiceView:
    """The whole picture of one service."""
    world = wanted(service)
    listener = world.listener
    wrong = trouble or what_is_wrong(service, world, seen)
    return ServiceView(
        service=service.name,
        at=seen.at,
        healthy=not wrong,
        trouble=wrong,
        serving=service.label(service.stable) if service.stable and not service.down else None,
        down=service.down,
        url=f"http://{listener.host}:{listener.port}" if listener else None,
        preview_url=f"http://{listener.host}:{listener.preview_port}" if listener and listener.preview_port else None,
        rollout=rollout_view(service, seen) if service.current else None,
        sides=tuple(_side(service, world, seen, traffic, r, stage_from) for r in _shown(service, world, seen)),
        instances=tuple(_instance(service, i) for i in seen.instances if i.state is not InstanceState.GONE),
        legal=(*legal_now(service), "freeze" if service.freeze is None else "unfreeze"),
        freeze=_freeze(service.freeze) if service.freeze is not None else None,
        queue=tuple(q.id for q in service.queue),
        recent=recent,
        position=recent[-1].position if recent else 0,
        standing=token(service),
        incident=_unwritten(service),
    )


def _freeze(freeze: Freeze) -> FreezeView:
    return FreezeView(by=freeze.by, reason=freeze.reason, since=freeze.since, until=freeze.until)


def what_is_wrong(service: Service, world: World, seen: Seen) -> str:
    """What is not as it should be, in a line; empty when all is well or merely on its way."""
    if service.down:
        return ""
    if seen.routes.status in _BAD_ROUTES:
        return f"router {seen.routes.status.value}: {seen.routes.reason}"
    rollout = service.current
    busy = rollout is not None and not rollout.phase.terminal
    stable = service.stable
    if stable is None:
        return "" if busy or service.queue or not service.seq else "nothing is serving"
    ready = sum(i.state is InstanceState.READY for i in seen.instances if i.revision == stable)
    floor = world.bounds.min_available if busy else world.instances.get(stable, 0)
    total = sum(i.state is InstanceState.READY for i in seen.instances)
    if (total if busy else ready) < floor:
        failed = [i for i in seen.instances if i.revision == stable and i.state is InstanceState.FAILED]
        why = f", the last to fail: {failed[-1].reason}" if failed else ""
        return f"{service.label(stable)} has {ready} of {floor} instances ready{why}"
    return ""


def _shown(service: Service, world: World, seen: Seen) -> list[str]:
    rollout = service.current
    first = [service.stable] if service.stable else []
    if rollout is not None and not rollout.phase.terminal:
        first = [r for r in (rollout.stable, rollout.candidate) if r]
    live = [i.revision for i in seen.instances if i.state in LIVE_STATES]
    return list(dict.fromkeys([*first, *world.instances, *sorted(live)]))


def _side(
    service: Service, world: World, seen: Seen, traffic: Traffic, revision: str, stage_from: dict[str, int]
) -> SideView:
    mine = [i for i in seen.instances if i.revision == revision]
    live = [i for i in mine if i.state in LIVE_STATES]
    rates = traffic.rates(revision)
    role = _role(service, revision)
    counters = traffic.latest.get(revision)
    asked = world.instances.get(revision, len(live) if revision in world.keep else 0)
    return SideView(
        revision=revision,
        label=service.label(revision),
        role=role,
        wanted=asked,
        ready=sum(i.state is InstanceState.READY for i in live),
        live=len(live),
        weight_asked=world.weights.get(revision, 0.0),
        weight_seen=seen.routes.weights.get(revision, 0.0),
        cpu_percent=_mean([i.cpu_percent for i in live]),
        memory_bytes=_mean([i.memory_bytes for i in live]),
        total_requests=counters.requests if counters else 0,
        stage_requests=max(0, counters.requests - stage_from.get(f"{role}_requests", 0))
        if counters and stage_from
        else 0,
        stage_errors=max(0, counters.errors - stage_from.get(f"{role}_errors", 0)) if counters and stage_from else 0,
        reasons=tuple(dict.fromkeys(i.reason for i in mine if i.reason))[-3:],
        **_rates(rates),
    )


def _rates(rates: Rates | None) -> dict[str, float | None]:
    if rates is None:
        return {}
    return {
        "requests_per_second": rates.requests_per_second,
        "error_percent": rates.error_percent,
        "p50_ms": rates.p50_ms,
        "p95_ms": rates.p95_ms,
        "p99_ms": rates.p99_ms,
    }


def _mean(values: list[float | None] | list[int | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _role(service: Service, revision: str) -> str:
    rollout = service.current
    if rollout is not None and not rollout.phase.terminal:
        if revision == rollout.candidate:
            return "candidate"
        return "stable" if revision == rollout.stable else "old"
    return "stable" if revision == service.stable else "old"


def _instance(service: Service, instance: Instance) -> InstanceView:
    return InstanceView(
        id=instance.id,
        label=service.label(instance.revision),
        state=instance.state.value,
        started_at=instance.started_at,
        port=instance.port,
        cpu_percent=instance.cpu_percent,
        memory_bytes=instance.memory_bytes,
        reason=instance.reason,
    )


def rollout_view(service: Service, seen: Seen) -> RolloutView:
    """The current rollout of a service (which must have one)."""
    rollout = service.current
    assert rollout is not None
    waiting, following, until = what_next(rollout, seen)
    pause, cause, analysis = rollout.pause, rollout.cause, seen.analysis
    judged = analysis if analysis is not None and analysis.attempt == rollout.attempt else None
    return RolloutView(
        id=rollout.id,
        number=rollout.number,
        kind=rollout.kind,
        strategy=rollout.plan.strategy,
        attempt=rollout.attempt,
        candidate=service.label(rollout.candidate),
        stable=service.label(rollout.stable) if rollout.stable else None,
        phase=rollout.phase.value,
        track=rollout.track.value,
        step=rollout.step,
        steps=_steps(rollout),
        exposure_percent=rollout.exposure_percent,
        max_exposure_percent=rollout.max_exposure_percent,
        created_at=rollout.created_at,
        created_by=rollout.created_by,
        started_at=rollout.started_at,
        ended_at=rollout.ended_at,
        reached_at=rollout.reached_at,
        pause_kind=pause.kind if pause else None,
        pause_reason=pause.reason if pause else None,
        pause_since=pause.since if pause else None,
        pause_by=pause.by if pause else None,
        cause_kind=cause.kind if cause else None,
        cause_reason=cause.reason if cause else None,
        reason=rollout.reason,
        rollback_seconds=rollout.rollback_seconds,
        ready_seconds=rollout.ready_seconds,
        superseded_by=rollout.superseded_by,
        verdict=judged.verdict if judged else None,
        verdict_reason=judged.reason if judged else "",
        evidence=judged.evidence if judged else {},
        waiting_for=waiting,
        next=following,
        until=until,
        eta_seconds=eta_seconds(rollout, seen),
        emergency=rollout.emergency,
        approvals=tuple(_approval(rollout, key, asked) for key, asked in rollout.approvals.items()),
        incident=incident_view(service, rollout.id),
        held=_held(service, rollout, seen.at),
    )


def _held(service: Service, rollout: Rollout, now: float) -> str:
    """What will hold it; "" where something does already, and the pause says so."""
    held_now = rollout.pause is not None and (awaited(rollout) or rollout.pause.kind in WALLS)
    if rollout.phase.terminal or rollout.track is Track.BACK or held_now:
        return ""
    return what_holds(service, rollout, now)[0]


def _unwritten(service: Service) -> IncidentView | None:
    newest = next((rollout for rollout, known in reversed(service.incidents.items()) if not known.postmortem), None)
    return incident_view(service, newest) if newest is not None else None


def incident_view(service: Service, rollout: str) -> IncidentView | None:
    """The incident that a rollout was; None when it was none, or one of long ago."""
    known = service.incidents.get(rollout)
    return IncidentView(rollout, known.at, known.label, known.postmortem) if known is not None else None


def planned(plan: Plan) -> tuple[StepView, ...]:
    """The steps of a plan, none of them walked."""
    return tuple(
        StepView(
            name=step.name,
            phase=step.phase.value,
            state="ahead",
            exposure_percent=step.world.weights.get(plan.candidate, 0.0),
            gates=tuple(_gate(g) for g in step.gates),
        )
        for step in plan.steps
    )


def _approval(rollout: Rollout, key: str, asked: Asked) -> ApprovalView:
    # Those of the way forward: on the way back `steps` are others.
    steps = rollout.plan.steps
    return ApprovalView(
        key=key,
        step=asked.step,
        step_name=steps[asked.step].name if asked.step < len(steps) else "",
        role=asked.role,
        needed=asked.count,
        given=tuple(_given(g) for g in asked.given),
        state=asked.state,
        since=asked.since,
        until=asked.until,
        denied=_given(asked.denied) if asked.denied is not None else None,
    )


def _given(given: Given) -> GivenView:
    return GivenView(at=given.at, by=given.by, role=given.role, reason=given.reason)


def _steps(rollout: Rollout) -> tuple[StepView, ...]:
    return tuple(
        StepView(
            name=step.name,
            phase=step.phase.value,
            state="done" if n < rollout.step or rollout.phase.terminal else "current" if n == rollout.step else "ahead",
            exposure_percent=step.world.weights.get(rollout.candidate, 0.0),
            gates=tuple(_gate(g) for g in step.gates),
        )
        for n, step in enumerate(rollout.steps)
    )


def _gate(gate: Gate) -> str:
    match gate:
        case HoldGate(seconds=seconds):
            return f"hold {seconds:g}s"
        case VerdictGate():
            return "judge"
        case PauseGate(seconds=None):
            return "a person"
        case PauseGate(seconds=seconds):
            return f"pause {seconds:g}s"
        case CheckGate(check=check):
            return f"check {check.name}"
        case ApprovalGate(approval=terms):
            return wish(terms)
        case SettledGate():
            return "old instances gone"


def what_next(rollout: Rollout, seen: Seen) -> tuple[str, str, float | None]:
    """(what is waited for, what comes then, when time alone moves it)."""
    if rollout.phase.terminal:
        return "", "", None
    following = _following(rollout)
    asked = pending(rollout)
    if asked is not None and awaited(rollout):
        return f"{progress(*asked[1:])}, waits for {wish(asked[1])}", following, asked[2].until
    if rollout.pause is not None:
        return rollout.pause.reason, following, rollout.pause.until
    if rollout.reached_at is None:
        return _unreached(rollout, seen), following, None
    if rollout.track is Track.BACK:
        hold = rollout.current.gate(HoldGate)
        until = rollout.reached_at + hold.seconds if hold else None
        return ("keeps the candidate warm" if hold else "waits for instances to end"), following, until
    wait = open_gate(rollout, seen, seen.at)
    return (wait.reason, following, wait.until) if wait else ("", following, None)


def _unreached(rollout: Rollout, seen: Seen) -> str:
    world = rollout.current.world
    about = rollout.candidate if rollout.track is Track.FORWARD else rollout.stable or rollout.candidate
    want = world.instances.get(about, 0)
    ready = sum(i.state is InstanceState.READY for i in seen.instances if i.revision == about)
    if ready < want:
        return f"{ready} of {want} instances ready"
    if not reached(world, seen, about):
        return "waits for the router to serve it"
    return "" if settled(world, seen) else "waits for instances to end"


def _following(rollout: Rollout) -> str:
    if rollout.step + 1 < len(rollout.steps):
        return rollout.steps[rollout.step + 1].name
    if rollout.kind == DRILL:
        return "drill over" if rollout.track is Track.BACK else "back to stable"
    if rollout.track is Track.BACK:
        return "superseded" if rollout.superseded_by else "rolled back"
    return "promoted"


def eta_seconds(rollout: Rollout, seen: Seen) -> float | None:
    """Seconds to promotion if every gate passes as soon as it can; None when a person or nothing is to be waited for."""
    if rollout.phase.terminal or rollout.track is Track.BACK:
        return None
    if rollout.pause is not None and rollout.pause.until is None:
        return None
    total = 0.0
    for n, step in enumerate(rollout.plan.steps[rollout.step :]):
        for gate in step.gates:
            if isinstance(gate, ApprovalGate) or (isinstance(gate, PauseGate) and gate.seconds is None):
                return None
            seconds = gate.seconds if isinstance(gate, HoldGate | PauseGate) else 0.0
            total += seconds or 0.0
        if n == 0 and rollout.reached_at is not None:
            total = max(0.0, total - (seen.at - rollout.reached_at))
    return total
