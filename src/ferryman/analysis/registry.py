"""The judges by name. A new judge is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ferryman.analysis.betting.judge import Betting
from ferryman.analysis.judge import Judge
from ferryman.analysis.mann_whitney import MannWhitney
from ferryman.analysis.options import HeaderError, OptionProblem, did_you_mean, option_problems
from ferryman.analysis.seed_rules import SeedRules
from ferryman.analysis.threshold import Threshold

DEFAULT = "betting"
JUDGES: dict[str, Judge] = {judge.name: judge for judge in (Betting(), SeedRules(), Threshold(), MannWhitney())}


def judge_named(name: object) -> Judge:
    """The judge of that name. Raises `HeaderError`."""
    if isinstance(name, str) and name in JUDGES:
        return JUDGES[name]
    meant = did_you_mean(name, JUDGES) if isinstance(name, str) else None
    hint = f"did you mean {meant!r}?" if meant else f"judges are {', '.join(JUDGES)}"
    raise HeaderError(f"there is no judge {name!r}", hint)


def check_spec(spec: Mapping[str, Any]) -> list[OptionProblem]:
    """Every problem of a judge's options, for a release file. Raises `HeaderError` when the judge is unknown."""
    judge = judge_named(spec.get("judge", DEFAULT))
    return option_problems(judge.name, judge.options, spec)


def judge_for(spec: Mapping[str, Any]) -> tuple[Judge, list[str]]:
    """The judge a header asks for, and warnings on options it does not know. Raises `HeaderError`."""
    judge = judge_named(spec.get("judge", DEFAULT))
    problems = option_problems(judge.name, judge.options, spec)
    for problem in problems:
        if problem.fatal:
            raise HeaderError(problem.message, problem.hint)
    return judge, [f"{problem.message}; ignored" for problem in problems]
