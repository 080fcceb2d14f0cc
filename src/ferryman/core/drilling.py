"""A drill: the way back from what serves now is rehearsed for real, and nothing is changed by it."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.core.answers import Answer, created
from ferryman.core.standing import legal_now, standing, subject
from ferryman.core.undoing import undo_target
from ferryman.model.errors import Refused, UsageError
from ferryman.model.release import BlueGreen, Canary, Check, Drill, FlagExposure, Release, RunCheck
from ferryman.model.rollout import DRILL, Rollout, Service

TRAFFIC_PERCENT_MAX = 50.0
HOLD_SECONDS = 10.0
HOLD_SECONDS_MAX = 3600.0


def drill(
    service: Service,
    *,
    actor: str,
    traffic_percent: float = 0.0,
    hold_seconds: float = HOLD_SECONDS,
    reason: str = "",
) -> Answer:
    """Run the version that an undo would go back to beside the running one; with `traffic_percent` it serves that share
    for `hold_seconds`. Without an earlier version a second copy of the running one is started.

    Raises `UsageError` (``bad_drill``) for a share above 50 % or a hold above an hour, `Refused`: ``down``, ``busy``,
    ``no_target`` or ``pruned`` when there is nothing to rehearse with, ``no_router``.
    """
    _within("traffic", traffic_percent, TRAFFIC_PERCENT_MAX, "%")
    _within("hold", hold_seconds, HOLD_SECONDS_MAX, " s")
    running = _serving(service)
    release = service.releases[running]
    routed = release.routing.port is not None and release.routing.router != "none"
    if release.of_flag:
        message = f"{service.name} is the rollout of a flag: going back starts nothing that could be rehearsed"
        raise Refused(
            "no_target", message, legal_now(service), "`ferry flags kill` and `unkill` can be tried at any time"
        )
    target, checks = _target(service, running)
    if target == running and traffic_percent:
        message = f"{service.label(running)} has no earlier version that could be given traffic"
        raise Refused("no_target", message, legal_now(service), "without --traffic a second copy of it is started")
    if not routed and target != running:
        message = f"{service.name} has no router: an instance of {service.label(target)} would take work at once"
        raise Refused("no_router", message, legal_now(service), "a drill needs `traffic` with a port in the release")
    rehearsal = replace(
        release,
        strategy=Drill(traffic_percent, hold_seconds, checks),
        analysis=replace(release.analysis, on_fail="rollback", on_error="rollback"),
        deadlines=replace(release.deadlines, on_deadline="rollback"),
    )
    draft = created(service, rehearsal, service.revisions[target], actor, reason, kind=DRILL)
    serving = service.label(running)
    what = f"a second copy of {serving}" if target == running else f"{service.label(target)} beside {serving}"
    share = f", {traffic_percent:g}% for {hold_seconds:g} s" if traffic_percent else ", no traffic"
    return Answer((draft,), f"drill: {what}{share}", draft.rollout)


def _within(name: str, value: float, most: float, unit: str) -> None:
    if not 0 <= value <= most:
        raise UsageError("bad_drill", f"{name} {value:g}{unit} is not from 0 to {most:g}{unit}", "a drill stays small")


def _serving(service: Service) -> str:
    """What serves, with nothing else going on."""
    current = subject(service)
    if service.queue or (current is not None and not current.phase.terminal):
        about = service.queue[0] if current is None else current
        raise Refused("busy", f"{about.id} is {about.phase.value}: a drill runs alone", legal_now(service))
    running = standing(service)
    if running is None or running not in service.releases:
        why = "was taken down" if service.down else "serves nothing yet"
        raise Refused("down" if service.down else "no_target", f"{service.name} {why}", legal_now(service))
    return running


def _target(service: Service, running: str) -> tuple[str, tuple[Check, ...]]:
    """What an undo would go back to, with the function checks of its own release; else what serves now."""
    if all(revision == running for revision in service.promoted):
        return running, smoke_checks(service.releases[running])
    target = undo_target(service)
    release = service.releases.get(target)
    if release is None or target not in service.revisions:
        raise Refused("pruned", f"the release of {service.label(target)} is no longer kept", legal_now(service))
    return target, smoke_checks(release)


def smoke_checks(release: Release) -> tuple[Check, ...]:
    """The function checks that a release names, each once; items of the checklist are none."""
    match release.strategy:
        case BlueGreen(checks_before=before, checks_after=later):
            found = (*before, *later)
        case Canary(steps=steps) | FlagExposure(steps=steps):
            found = tuple(step.check for step in steps if isinstance(step, RunCheck))
        case Drill(checks=checks):
            found = checks
        case _:
            found = ()
    return tuple(dict.fromkeys(check for check in found if check.checklist is None))


def rehearsed(rollout: Rollout) -> str:
    """What a drill that came to its end has shown, in a line."""
    strategy = rollout.release.strategy
    assert isinstance(strategy, Drill)
    parts = [f"ready in {rollout.ready_seconds or 0.0:.1f} s"]
    if strategy.checks:
        parts.append(f"{len(strategy.checks)} check{'s' if len(strategy.checks) > 1 else ''} passed")
    if strategy.traffic_percent:
        parts.append(f"{strategy.traffic_percent:g}% for {strategy.hold_seconds:g} s")
    return "the rehearsal is complete: " + ", ".join(parts)
