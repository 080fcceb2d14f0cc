"""The gates of a step: which one is shut, what it waits for, and what an unmet one leads to."""

from __future__ import annotations

import msgspec

from ferryman.core.approvals import gate_key, wish
from ferryman.core.blind import judgement, missing_seconds
from ferryman.core.reached import settled
from ferryman.model.plan import ApprovalGate, CheckGate, Gate, HoldGate, PauseGate, Phase, SettledGate, VerdictGate
from ferryman.model.release import Analysis, Approval
from ferryman.model.rollout import Rollout, Service
from ferryman.model.seen import AnalysisSeen, Seen


class Wait(msgspec.Struct, frozen=True):
    """Why a step does not end yet. `pause`: the kind of pause it turns into now. `check`: the key of a check to start,
    `approval`: the key and terms of an approval to ask for.
    `judged`: only the judge is waited for. `until`: when time opens or turns it (epoch seconds)."""

    reason: str
    until: float | None = None
    pause: str | None = None
    check: str | None = None
    approval: tuple[str, Approval] | None = None
    judged: bool = False
    goes_back: bool = False


def open_gate(rollout: Rollout, seen: Seen, now: float) -> Wait | None:
    """The first gate of the present step that does not pass; None when the step may end. Call it on a reached step."""
    for number, gate in enumerate(rollout.current.gates):
        if _waived(rollout, gate):
            continue
        wait = _wait(rollout, number, gate, seen, now)
        if wait is not None:
            return wait
    return None


def _waived(rollout: Rollout, gate: Gate) -> bool:
    """A person skipped this step's gates, or all of them; never the gates that end the old side. What others have to
    agree to is not one person's to skip: only a promotion in full does, which everybody gets to know of."""
    if isinstance(gate, SettledGate) or rollout.current.phase is Phase.FINISHING:
        return False
    return rollout.full or (rollout.skipped and not isinstance(gate, ApprovalGate))


def _wait(rollout: Rollout, number: int, gate: Gate, seen: Seen, now: float) -> Wait | None:
    match gate:
        case HoldGate():
            until = _clock(rollout, seen, gate.seconds)
            return Wait(f"holds for {gate.seconds:g} s", until=until) if now < until else None
        case VerdictGate():
            return _verdict(rollout, gate, seen, now)
        case PauseGate():
            return _pause(rollout, gate, now)
        case CheckGate():
            return _check(rollout, number, gate)
        case ApprovalGate():
            return _approval(rollout, number, gate.approval, now)
        case SettledGate():
            return None if settled(rollout.current.world, seen) else Wait("waits for old instances to end")


def _clock(rollout: Rollout, seen: Seen, seconds: float) -> float:
    """When `seconds` of this step's own time are over: pauses and missing evidence do not count."""
    missing = max(0.0, missing_seconds(rollout, seen) - rollout.missing_seconds)
    return (rollout.reached_at or 0.0) + rollout.lost_seconds + missing + seconds


def _pause(rollout: Rollout, gate: PauseGate, now: float) -> Wait | None:
    if rollout.waited:
        return None
    if gate.seconds is None:
        return Wait(gate.reason, pause="human")
    return Wait(f"waits {gate.seconds:g} s", until=now + gate.seconds, pause="timer")


def _approval(rollout: Rollout, number: int, terms: Approval, now: float) -> Wait | None:
    key = gate_key(rollout, number)
    asked = rollout.approvals.get(key)
    if asked is not None and len(asked.given) >= terms.count:
        return None
    until = None if terms.timeout_seconds is None else now + terms.timeout_seconds
    return Wait(f"waits for {wish(terms)}", until=asked.until if asked is not None else until, approval=(key, terms))


def _check(rollout: Rollout, number: int, gate: CheckGate) -> Wait | None:
    key = gate_key(rollout, number)
    match rollout.checks.get(key):
        case None:
            return Wait(gate.check.name, check=key)
        case "passed":
            return None
        case "failed":
            return Wait(f"check {gate.check.name!r} failed", goes_back=True)
        case _:
            return Wait(f"check {gate.check.name!r} runs")


def checks_due(service: Service) -> tuple[str, ...]:
    """Keys of checks that were started and have no outcome yet."""
    rollout = service.current
    if rollout is None or not rollout.running or rollout.cause is not None or rollout.full:
        return ()
    return tuple(k for k, state in rollout.checks.items() if state == "running")


def _verdict(rollout: Rollout, gate: VerdictGate, seen: Seen, now: float) -> Wait | None:
    analysis = judgement(rollout, seen)
    policy = rollout.release.analysis
    here = analysis is not None and analysis.stage == rollout.current.stage
    if analysis is not None and here and analysis.verdict == "pass":
        return None
    insufficient = analysis is not None and here and analysis.verdict == "insufficient"
    if analysis is not None and insufficient and policy.on_insufficient in ("fail", "pass"):
        hold = rollout.current.gate(HoldGate)
        if now >= _clock(rollout, seen, hold.seconds if hold else 0.0):
            failed = policy.on_insufficient == "fail"
            return Wait(f"too little evidence: {analysis.reason}", judged=True, goes_back=True) if failed else None
    end = _clock(rollout, seen, gate.max_wait_seconds)
    missing = analysis is not None and analysis.error_since is not None
    if now < end or missing:
        return Wait(_waiting_for(analysis), until=end, judged=True)
    return _unresolved(policy, analysis.reason if analysis else "the judge said nothing", insufficient=insufficient)


def _waiting_for(analysis: AnalysisSeen | None) -> str:
    return f"waits for the judge: {analysis.reason}" if analysis is not None else "waits for the judge's first word"


def _unresolved(policy: Analysis, said: str, *, insufficient: bool) -> Wait | None:
    """The longest wait is over without a pass. None where the release says to go on all the same: other gates still hold."""
    kind = "insufficient" if insufficient else "inconclusive"
    reason = f"{kind}: {said}"
    if insufficient:
        return Wait(reason, judged=True) if policy.on_insufficient == "hold" else Wait(reason, pause=kind)
    match policy.on_inconclusive:
        case "rollback":
            return Wait(reason, judged=True, goes_back=True)
        case "promote":
            return None
        case _:
            return Wait(reason, pause=kind)
