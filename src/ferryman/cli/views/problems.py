"""Problems of a release file, one below the other, as compilers show theirs."""

from __future__ import annotations

from ferryman.cli.views.text import plural
from ferryman.model.errors import Problem


def problem_lines(problem: Problem) -> list[str]:
    """Place, kind and message; then the hint."""
    place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    where = f"{problem.path}: " if problem.path else ""
    lines = [f"{place}: {problem.severity}: {where}{problem.message}"]
    if problem.hint:
        lines.append(f"    hint: {problem.hint}")
    return lines


def problem_text(problems: tuple[Problem, ...]) -> str:
    """All of them, and how many there are."""
    errors = sum(problem.severity == "error" for problem in problems)
    lines = [line for problem in problems for line in problem_lines(problem)]
    return "\n".join([*lines, f"{plural(errors, 'error')}, nothing was changed"])
