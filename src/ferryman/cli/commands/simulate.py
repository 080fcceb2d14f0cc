"""`ferry simulate`: a release in a simulated world, as a timeline."""

from __future__ import annotations

import re

import msgspec

from ferryman.analysis.planning import StageOutlook, outlook
from ferryman.cli.commands.check import judge_stages, outlook_text
from ferryman.cli.context import NOT_DONE, OK, Context
from ferryman.cli.durations import requests_per_second, share, timeout_seconds
from ferryman.cli.views.columns import columns
from ferryman.cli.views.text import count, duration, weight
from ferryman.core.lint import sample_plan
from ferryman.model.errors import UsageError
from ferryman.model.release import Release
from ferryman.sim.failure import parse_failure
from ferryman.sim.rehearsal import Moment, Rehearsal, Rehearsed, Wish
from ferryman.sim.traffic import Load
from ferryman.spec.parse import parse_release

DRIFT = 0.3
_LATENCY = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s)?")


class Simulated(msgspec.Struct, frozen=True):
    """The run, and what the judge was expected to need at that traffic."""

    run: Rehearsed
    outlook: tuple[StageOutlook, ...] = ()


def run(context: Context) -> int:
    """Exit code: 0 it would be promoted, 1 it would not."""
    args, out = context.args, context.out
    args.file = args.release or args.file
    document, name = context.read_release_file()
    release = parse_release(document, name)
    wish = _wish(context, release)
    expected = _outlook(release, wish.load)
    if expected:
        out.say(outlook_text(expected, wish.load.rps, wish.load.error_rate))
        out.say()
    found = Rehearsal(wish).rehearse()
    out.say(_timeline(found))
    out.say()
    out.say(_verdict(found))
    out.emit(Simulated(found, expected))
    return OK if found.outcome == "promoted" and not found.violations else NOT_DONE


def _wish(context: Context, release: Release) -> Wish:
    args = context.args
    load = Load(
        rps=requests_per_second(args.traffic),
        error_rate=share(args.error_rate),
        latency_ms=_milliseconds(args.latency),
        drift=DRIFT,
    )
    return Wish(
        release=release,
        failures=tuple(parse_failure(text) for text in args.fail),
        load=load,
        seed=args.seed,
        person_seconds=None if args.person == "never" else timeout_seconds(args.person),
    )


def _milliseconds(text: str) -> float:
    """`60ms`, `0.2s`, `60`. Raises `UsageError`."""
    found = _LATENCY.fullmatch(text.strip())
    if not found or float(found.group(1)) <= 0:
        raise UsageError("bad_latency", f"--latency {text!r} is no time to answer", "write 60ms or 0.2s")
    return float(found.group(1)) * (1000.0 if found.group(2) == "s" else 1.0)


def _outlook(release: Release, load: Load) -> tuple[StageOutlook, ...]:
    """What the judge is expected to need; nothing where there is no judge, or nothing that it compares."""
    stages = judge_stages(sample_plan(release))
    if not release.analysis.enabled or not any(0 < stage.weight < 100 for stage in stages):
        return ()
    tick_seconds = release.analysis.interval_seconds
    return tuple(outlook(stages, rps=load.rps, error_rate=load.error_rate, tick_seconds=tick_seconds))


def _timeline(found: Rehearsed) -> str:
    rows: list[tuple[str, ...]] = [("AFTER", "NEW", "WHAT HAPPENS")]
    rows += [_row(moment) for moment in found.moments if moment.kind != "noted"]
    return columns(rows)


def _row(moment: Moment) -> tuple[str, ...]:
    mark = "! " if moment.kind == "world" else ""
    return duration(moment.at), weight(round(moment.served_percent, 1)), f"{mark}{moment.text}"


def _verdict(found: Rehearsed) -> str:
    lines = [f"{found.outcome.replace('_', ' ')} after {duration(found.seconds)}: {found.reason}"]
    if found.failed_at is not None and found.back_at is not None:
        text = f"taken back {duration(found.back_at - found.failed_at)} after the failure began"
        if found.clear_at is not None:
            text += f", nobody met it {duration(max(0.0, found.clear_at - found.back_at))} later"
        lines.append(text)
    if found.failed_at is not None:
        met = f"{count(found.met)} requests met the new version"
        lines.append(f"{met}, {count(found.harmed)} of them failed that would not have")
    lines += [f"a promise was broken, which is a defect of Ferryman: {text}" for text in found.violations]
    lines.append(f"simulated with seed {found.seed}; another seed tells another story")
    return "\n".join(lines)
