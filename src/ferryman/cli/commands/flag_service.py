"""`ferry flags list` and the others that ask a controller: look, plan, write, kill, go back."""

from __future__ import annotations

import json
from typing import Any, cast

from ferryman.api.flags.wire import FlagChange, FlagRemoval, FlagRevert, FlagsAnswer, FlagsRequest
from ferryman.cli.context import NOT_DONE, OK, Context
from ferryman.cli.flag_calls import FlagCalls
from ferryman.cli.flag_files import read_flags_file
from ferryman.cli.services import reading_client, started_client
from ferryman.cli.views import flags as views
from ferryman.cli.views.problems import problem_lines
from ferryman.flags.definition import DEFAULT_ENVIRONMENT
from ferryman.flags.views import FlagSummary
from ferryman.model.errors import UsageError
from ferryman.spec.flag_text import difference, flags_text

LONG_CHARACTERS = 500_000


def flag_reader(context: Context) -> FlagCalls:
    """Calls for a command that only looks."""
    return FlagCalls(reading_client(context), context.actor)


def _acting(context: Context) -> FlagCalls:
    return FlagCalls(started_client(context), context.actor)


def environment_of(context: Context) -> str:
    """The one that a command is about. Raises `UsageError`."""
    given = context.args.env
    if given and len(given) > 1:
        raise UsageError("bad_usage", "this command is about one environment", "give --env once")
    return given[0] if given else DEFAULT_ENVIRONMENT


def list_flags(context: Context) -> int:
    """The flags of an environment."""
    calls, environment = flag_reader(context), environment_of(context)
    view = calls.flags(environment)
    context.out.emit(view)
    if view.flags:
        context.out.say(views.listed(view))
    else:
        others = [each.name for each in calls.environments() if each.flags]
        there = f"; there are some in {', '.join(others)}" if others else "; `ferry flags set FILE` writes some"
        context.out.say(f"there are no flags in {environment}{there}")
    if view.trouble:
        context.out.remark(f"the log cannot be used, flags are served as last known: {view.trouble}")
    return OK


def show(context: Context) -> int:
    """One flag."""
    view = flag_reader(context).flag(environment_of(context), context.args.key)
    context.out.emit(view)
    context.out.say(views.shown(view))
    return OK


def history(context: Context) -> int:
    """What was done to a flag."""
    found = flag_reader(context).history(environment_of(context), context.args.key)
    context.out.emit(found)
    context.out.say(views.done(found))
    return OK


def diff(context: Context) -> int:
    """Two versions of a flag; the last two if none are named."""
    args, calls, environment = context.args, flag_reader(context), environment_of(context)
    written = [each for each in calls.history(environment, args.key) if each.kind in {"created", "written", "removed"}]
    after = args.to_version or written[-1].version
    earlier = [each.version for each in written if each.version < after]
    before = args.from_version or (earlier[-1] if earlier else 0)
    one = calls.version(environment, args.key, before).definition if before else None
    other = calls.version(environment, args.key, after).definition
    text = difference(one, other, (f"version {before}", f"version {after}"))
    context.out.say(text or f"versions {before} and {after} are the same")
    context.out.emit({"before": before, "after": after, "difference": text})
    return OK


def plan(context: Context) -> int:
    """What a file would do. Exit: 0, or 1 when it would take --rebucket."""
    text, file = read_flags_file(context)
    found = flag_reader(context).plan(text, file, tuple(context.args.env or ()))
    _tell_plan(context, found)
    context.out.emit(found)
    return NOT_DONE if found.needs_rebucket else OK


def set_flags(context: Context) -> int:
    """Write a file."""
    args, (text, file) = context.args, read_flags_file(context)
    calls = _acting(context)
    seen, environments = calls.seen(), tuple(args.env or ())
    if len(text) > LONG_CHARACTERS:
        size = len(text) / 1024 / 1024
        context.out.remark(f"{size:.1f} MiB of flags: the controller reads them once, at ten seconds a MiB or so")
    _tell_plan(context, calls.plan(text, file, environments))
    asked = FlagsRequest(text, seen, file, environments, args.reason, args.rebucket, context.actor)
    return _tell_written(context, calls.write(asked))


def _tell_plan(context: Context, found: FlagsAnswer) -> None:
    context.out.say(views.plan_lines(found.plans, found.needs_rebucket))
    for problem in found.warnings:
        context.out.remark("\n".join(problem_lines(problem)))


def _tell_written(context: Context, found: FlagsAnswer) -> int:
    context.out.emit(found)
    context.out.say(views.written(found.version, len({plan.flag for plan in found.plans}), found.request))
    return OK


def _tell_dry(context: Context, found: FlagsAnswer) -> int:
    context.out.emit(found)
    context.out.remark("nothing was written: --dry-run")
    return NOT_DONE if found.needs_rebucket else OK


def rollout(context: Context) -> int:
    """Change exposure or state."""
    args, calls, environment = context.args, _acting(context), environment_of(context)
    if args.percent is None and args.state is None:
        raise UsageError("bad_usage", "what is to change?", "ferry flags rollout KEY 25, or --state disabled")
    exposure = None if args.percent is None else _percent(args.percent)
    enabled = None if args.state is None else args.state == "enabled"
    seen = calls.flag(environment, args.key).summary.version
    asked = FlagChange(seen, exposure, enabled, args.reason, args.rebucket, args.dry_run, context.actor)
    found = calls.change(environment, args.key, asked)
    context.out.say(views.plan_lines(found.plans, found.needs_rebucket))
    return _tell_written(context, found) if not args.dry_run else _tell_dry(context, found)


def _percent(text: str) -> float:
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise UsageError("bad_percent", f"{text!r} is no percentage", "write a number from 0 to 100")
    return number


def revert(context: Context) -> int:
    """Write a flag again as it was."""
    args, calls, environment = context.args, _acting(context), environment_of(context)
    seen = calls.history(environment, args.key)[-1].version
    asked = FlagRevert(seen, args.back_to or 0, args.reason, args.rebucket, args.dry_run, context.actor)
    found = calls.revert(environment, args.key, asked)
    context.out.say(views.plan_lines(found.plans, found.needs_rebucket))
    return _tell_written(context, found) if not args.dry_run else _tell_dry(context, found)


def delete(context: Context) -> int:
    """Take a flag out of an environment."""
    args, calls, environment = context.args, _acting(context), environment_of(context)
    seen = calls.flag(environment, args.key).summary.version
    return _tell_written(context, calls.remove(environment, args.key, FlagRemoval(seen, args.reason, context.actor)))


def kill(context: Context) -> int:
    """Off for everybody, now."""
    return _override(context, "kill")


def unkill(context: Context) -> int:
    """As it was intended."""
    return _override(context, "unkill")


def _override(context: Context, deed: str) -> int:
    view = _acting(context).override(environment_of(context), context.args.key, deed, context.args.reason)
    context.out.emit(view)
    context.out.say(_stands(view.environment, view.summary, view.definition.off))
    return OK


def _stands(environment: str, flag: FlagSummary, off: str) -> str:
    if flag.state in {"killed", "tripped"}:
        return f"{flag.key} in {environment} is {flag.state}: everybody gets {off}"
    return f"{flag.key} in {environment} is {flag.state}, {views.percent(flag.exposed_percent)} exposed"


def evaluate(context: Context) -> int:
    """What a flag serves to a user."""
    found = flag_reader(context).explain(environment_of(context), context.args.key, user_context(context))
    context.out.emit(found)
    context.out.say(json.dumps(found.value) if found.variant is not None else f"(none: {found.error or found.reason})")
    return OK


def explain(context: Context) -> int:
    """Why a user gets what they get."""
    found = flag_reader(context).explain(environment_of(context), context.args.key, user_context(context))
    context.out.emit(found)
    context.out.say(views.explained(found))
    return OK


def user_context(context: Context) -> dict[str, Any]:
    """`--user USER` and `-c name=value`: a value is JSON, else a text; dots lead into objects. Raises `UsageError`."""
    found: dict[str, Any] = {"targetingKey": context.args.user} if context.args.user else {}
    for given in context.args.context:
        name, equals, text = given.partition("=")
        if not (name and equals):
            raise UsageError("bad_usage", f"{given!r} is no attribute", "write -c country=de")
        _put(found, name.split("."), _value(text))
    return found


def _put(context: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inside = context.setdefault(part, {})
        if not isinstance(inside, dict):
            raise UsageError("bad_usage", f"{'.'.join(path)}: {part!r} has a value already", "give it once")
        context = cast("dict[str, Any]", inside)
    context[path[-1]] = value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def export(context: Context) -> int:
    """An environment as flagd JSON, or as a flags file."""
    calls, environment = flag_reader(context), environment_of(context)
    if context.args.format == "flagd":
        # Written as it is meant to be read by flagd: with --json too.
        text = json.dumps({"flags": calls.served(environment).flags}, indent=2, ensure_ascii=False)
    else:
        text = flags_text(calls.definitions(environment)).rstrip("\n")
    print(text, file=context.out.stdout)
    return OK
