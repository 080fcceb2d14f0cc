"""`ferry flags lint`: what is wrong with a flags file, and what is doubtful, without a controller."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ferryman.cli.context import NOT_DONE, OK, Context
from ferryman.cli.flag_files import read_flags_file
from ferryman.cli.views.problems import problem_lines
from ferryman.cli.views.text import plural
from ferryman.flags.check import check_set
from ferryman.flags.definition import DEFAULT_ENVIRONMENT, FlagSet, in_environment
from ferryman.flags.render.fit import misfits
from ferryman.model.errors import Problem, SpecError
from ferryman.spec.flags import parse_flags


def run(context: Context) -> int:
    """Exit: 0 nothing is wrong, 1 something is (with --strict, also what is doubtful)."""
    text, file = read_flags_file(context)
    problems = _problems(text, file, context.args.compat or [])
    context.out.emit(problems)
    for problem in problems:
        context.out.say("\n".join(problem_lines(problem)))
    wrong = sum(problem.severity == "error" for problem in problems)
    doubtful = len(problems) - wrong
    context.out.say(f"{plural(wrong, 'error')}, {plural(doubtful, 'warning')}" if problems else "nothing to remark")
    return NOT_DONE if wrong or (doubtful and context.args.strict) else OK


def _problems(text: str, file: str, systems: Sequence[str]) -> tuple[Problem, ...]:
    try:
        document = parse_flags(text, file)
    except SpecError as error:
        return error.problems
    named = {name for flag in document.defined.flags.values() for name in flag.environments}
    found = {f for name in sorted(named | {DEFAULT_ENVIRONMENT}) for f in check_set(document.defined, name)}
    if found:
        return document.problems(found)
    plain = FlagSet(
        {key: in_environment(flag, DEFAULT_ENVIRONMENT) for key, flag in document.defined.flags.items()},
        document.defined.segments,
    )
    unfit = [finding for system in systems for finding in misfits(plain, system)]
    return (*document.warnings(dt.datetime.now(dt.UTC).date()), *document.problems(unfit, "warning"))
