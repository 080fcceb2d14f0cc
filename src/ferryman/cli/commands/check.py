"""`ferry check`: everything that can be known of a release before it begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from ferryman.analysis.planning import StageOutlook, advice
from ferryman.analysis.planning import outlook as expected
from ferryman.cli.checklisting import of_release, screen_width
from ferryman.cli.client import connect, find
from ferryman.cli.context import NOT_DONE, OK, Context
from ferryman.cli.durations import requests_per_second, share
from ferryman.cli.findings import machine_findings
from ferryman.cli.remote import chosen
from ferryman.cli.views.checklist import checklist_text, tally
from ferryman.cli.views.columns import columns
from ferryman.cli.views.problems import problem_lines
from ferryman.cli.views.steps import least_seconds
from ferryman.cli.views.text import duration, percent, plural, rate, weight
from ferryman.core.lint import plan_findings, sample_plan
from ferryman.model.checklist import ChecklistItem, Stand
from ferryman.model.errors import FerrymanError, Problem, SpecError
from ferryman.model.evidence import StagePlan
from ferryman.model.plan import HoldGate, Plan, VerdictGate
from ferryman.model.release import Release
from ferryman.model.view import ServiceView
from ferryman.spec.parse import parse_release_with_warnings, placed


class Checked(msgspec.Struct, frozen=True):
    """What was found. Rates are per second, `error_rate` from 0 to 1, `max_instances` the most that ever run at once,
    `least_seconds` how long the steps take if every gate opens at once."""

    file: str
    service: str
    errors: int
    warnings: int
    problems: tuple[Problem, ...]
    max_instances: int | None = None
    least_seconds: float | None = None
    traffic: float | None = None
    error_rate: float | None = None
    outlook: tuple[StageOutlook, ...] = ()
    advice: tuple[str, ...] = ()
    checklist: tuple[ChecklistItem, ...] = ()


def run(context: Context) -> int:
    """Exit code: 0 nothing is wrong, 1 something is (with `--strict`, also what is only doubtful)."""
    about: str | None = context.args.about
    if about is not None and not _is_file(about):
        return _service(context, about)
    context.args.file = about or context.args.file
    document, name = context.read_release_file()
    given = requests_per_second(context.args.traffic) if context.args.traffic else None
    error_rate = share(context.args.error_rate)
    try:
        release, warnings = parse_release_with_warnings(document, name)
    except SpecError as wrong:
        return _report(context, Checked(name, "", len(wrong.problems), 0, wrong.problems))
    running = _running(context, release.service)
    own = running is not None and not running.down and running.url is not None
    found = plan_findings(release)
    if chosen() is None:  # a remote controller starts things on a machine of its own
        found += machine_findings(release, context.project, own_port=own and _same_port(running, release))
    problems = tuple(
        sorted((*warnings, *placed(found, document, name)), key=lambda problem: (problem.line, problem.column))
    )
    checked = _counted(name, release.service, problems)
    if not any(problem.code == "bounds_deadlock" for problem in found):
        checked = _planned(checked, release, given or _seen_traffic(running), error_rate)
        listed = of_release(context.project, document, name, release)
        checked = msgspec.structs.replace(checked, checklist=listed.items)
    return _report(context, checked)


def _is_file(about: str) -> bool:
    return about == "-" or about.endswith((".yaml", ".yml")) or "/" in about or Path(about).is_file()


def _service(context: Context, service: str) -> int:
    """The checklist of a service as it runs."""
    listed = connect(context.project).checklist(service)
    context.out.say(f"{listed.service}" + (f" ({listed.rollout})" if listed.rollout else ""))
    context.out.say(checklist_text(listed.items, screen_width()))
    context.out.say(tally(listed.items))
    context.out.emit(listed)
    return NOT_DONE if _not_well(listed.items, strict=context.args.strict) else OK


def _not_well(items: tuple[ChecklistItem, ...], *, strict: bool) -> bool:
    bad = {Stand.FAIL, Stand.WARN} if strict else {Stand.FAIL}
    return any(item.stand in bad for item in items)


def _instances(most: int) -> str:
    return f"at most {plural(most, 'instance')} at once" if most else "no instances of its own"


def _counted(name: str, service: str, problems: tuple[Problem, ...]) -> Checked:
    errors = sum(problem.severity == "error" for problem in problems)
    return Checked(name, service, errors, len(problems) - errors, problems)


def _planned(checked: Checked, release: Release, traffic: float | None, error_rate: float) -> Checked:
    """What the plan says: its size, its time, and with traffic what the judge will be able to see."""
    plan = sample_plan(release)
    checked = msgspec.structs.replace(
        checked,
        max_instances=max(step.world.bounds.max_total for step in plan.steps),
        least_seconds=least_seconds(plan),
        traffic=traffic,
        error_rate=error_rate if traffic else None,
    )
    stages = judge_stages(plan)
    if traffic is None or not stages or not release.analysis.enabled:
        return checked
    tick_seconds = release.analysis.interval_seconds
    found = expected(stages, rps=traffic, error_rate=error_rate, tick_seconds=tick_seconds)
    return msgspec.structs.replace(checked, outlook=tuple(found), advice=tuple(advice(found)))


def judge_stages(plan: Plan) -> list[StagePlan]:
    """The judge's stages, each as long as it may last: a verdict is waited for beyond the hold."""
    longest: dict[int, StagePlan] = {}
    for step in plan.steps:
        if step.stage is None:
            continue
        hold, verdict = step.gate(HoldGate), step.gate(VerdictGate)
        seconds = max(hold.seconds if hold else 0.0, verdict.max_wait_seconds if verdict else 0.0)
        before = longest.get(step.stage, StagePlan(0.0, 0.0)).seconds or 0.0
        longest[step.stage] = StagePlan(step.world.weights.get(plan.candidate, 0.0), before + seconds)
    return [msgspec.structs.replace(stage, seconds=stage.seconds or None) for _, stage in sorted(longest.items())]


def _report(context: Context, checked: Checked) -> int:
    out = context.out
    for problem in checked.problems:
        out.say("\n".join(problem_lines(replace(problem, file=problem.file or checked.file))))
    if checked.problems:
        out.say()
    if checked.max_instances is not None and checked.least_seconds is not None:
        out.say(
            f"{checked.service}: {_instances(checked.max_instances)}, "
            f"at least {duration(checked.least_seconds)} from start to end"
        )
    if checked.outlook and checked.traffic is not None:
        out.say(outlook_text(checked.outlook, checked.traffic, checked.error_rate or 0.0))
        for line in checked.advice:
            out.say(f"doubtful: {line}")
    elif checked.max_instances is not None:
        out.remark("with --traffic 50/s it also tells how long the judge will need at each step")
    if checked.checklist:
        out.say(f"\n{checklist_text(checked.checklist, screen_width())}\n{tally(checked.checklist)}\n")
    unwell = _not_well(checked.checklist, strict=False)
    bad = unwell or checked.errors or (checked.warnings and context.args.strict)
    out.say(f"{plural(checked.errors, 'error')}, {plural(checked.warnings, 'warning')}" if checked.problems else "fine")
    out.emit(checked)
    return NOT_DONE if bad else OK


def outlook_text(outlook: tuple[StageOutlook, ...], traffic: float, error_rate: float) -> str:
    """What the judge can see of each stage at so many requests per second, with errors from 0 to 1."""
    rows: list[tuple[str, ...]] = [("WEIGHT", "AT MOST", "CANDIDATE", "PASSES IN", "2x ERRORS", "5x ERRORS", "OUTAGE")]
    for stage in outlook:
        if 0 < stage.weight_percent < 100:
            times = (stage.pass_seconds, stage.double_seconds, stage.fivefold_seconds, stage.outage_seconds)
            longest = duration(stage.seconds) if stage.seconds else "open"
            rows.append(
                (
                    weight(stage.weight_percent),
                    longest,
                    rate(stage.candidate_rps),
                    *(_time(seconds) for seconds in times),
                )
            )
    head = (
        f"what the judge can see at {rate(traffic)} with {percent(error_rate * 100)} errors "
        "(good to a factor of two); taken back after:"
    )
    return f"\n{head}\n{columns(rows)}"


def _time(seconds: float | None) -> str:
    return "not in it" if seconds is None else duration(seconds)


def _running(context: Context, service: str) -> ServiceView | None:
    """The service as it runs now, if a controller can tell."""
    try:
        client = find(context.project)
        return client.view(service) if client is not None else None
    except FerrymanError:
        return None


def _same_port(running: ServiceView | None, release: Release) -> bool:
    return running is not None and (running.url or "").endswith(f":{release.routing.port}")


def _seen_traffic(running: ServiceView | None) -> float | None:
    """Requests per second that the running service gets now."""
    if running is None:
        return None
    return sum(side.requests_per_second or 0.0 for side in running.sides) or None
