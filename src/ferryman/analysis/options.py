"""Options of a judge: what each may be, and what to say when it is not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeGuard

import msgspec

from ferryman.model.errors import UsageError


class HeaderError(UsageError):
    """A header, or the `spec` inside it, that no judge can start from."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__("judge_header", message, hint)


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One option: its default, what it means, and which values it takes.

    `kind` is number, choice, conditions (a text or a list of texts), names (a list of texts) or table (an object).
    Numbers lie in `low`..`high`; with `none` the value may also be null.
    """

    default: Any
    about: str
    kind: str = "number"
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    none: bool = False

    def problem(self, value: object) -> str | None:
        """Why `value` is not acceptable; None when it is."""
        if value is None and self.none:
            return None
        match self.kind:
            case "number":
                fits = is_number(value) and self.low <= value <= self.high
                return None if fits else f"must be a number from {self.low:g} to {self.high:g}"
            case "choice":
                return None if value in self.choices else f"must be one of {', '.join(self.choices)}"
            case "names":
                items: list[object] = list(value) if isinstance(value, list | tuple) else [None]  # type: ignore[arg-type]
                if not items or any(not isinstance(item, str) for item in items):
                    return "must be a list of names"
                wrong = [str(item) for item in items if self.choices and item not in self.choices]
                return f"does not know {wrong[0]!r}; names are {', '.join(self.choices)}" if wrong else None
            case "conditions":
                items = list(value) if isinstance(value, list | tuple) else [value]  # type: ignore[arg-type]
                return None if all(isinstance(item, str) for item in items) else "must be a text or a list of texts"
            case _:
                return None if isinstance(value, Mapping) else "must be an object"


def is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a finite number; True and False are not numbers here."""
    if type(value) is float:
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` looks like, if any."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


class OptionProblem(msgspec.Struct, frozen=True):
    """Something wrong with one option. `fatal` is False for a name that is like no option at all: a line of the
    protocol may carry keys of others, so there it is only worth a warning; in a release file it is an error."""

    name: str
    message: str
    hint: str
    fatal: bool


def option_problems(judge: str, options: Mapping[str, Option], given: Mapping[str, Any]) -> list[OptionProblem]:
    """Every problem of `given`, in its order. The key `judge` is not an option."""
    problems: list[OptionProblem] = []
    for name, value in given.items():
        if name == "judge":
            continue
        option = options.get(name)
        if option is None:
            meant = did_you_mean(name, options)
            hint = f"did you mean {meant!r}?" if meant else f"options are {', '.join(options) or 'none'}"
            problems.append(OptionProblem(name, f"judge {judge!r} has no option {name!r}", hint, meant is not None))
        elif why := option.problem(value):
            problems.append(
                OptionProblem(name, f"option {name!r} of judge {judge!r} {why}, not {value!r}", option.about, True)
            )
    return problems


def option_values(options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every option: what was given, else its default. Numbers are floats, as a stored state has them."""
    values = {name: given.get(name, option.default) for name, option in options.items()}
    return {name: float(value) if is_number(value) else value for name, value in values.items()}
