"""Which programs evaluate which flags, as their reports tell: the last ones, in memory."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

FLAGS_MAX = 20_000
PROGRAMS_MAX = 20
"""Of one flag, the last that told something."""


class AskerView(msgspec.Struct, frozen=True):
    """A program that evaluates a flag. `program` is the name of its token; `at` is when it told that the last time (epoch
    seconds), `evaluations` how many it told then; `version` is the config version that it had, None where it does not say."""

    program: str
    at: float
    evaluations: int
    version: int | None


class Askers:
    """Of all environments."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, AskerView]] = {}

    def told(self, environment: str, program: str, counts: Mapping[str, int], version: int | None, now: float) -> None:
        """`program` told that it evaluated flags so many times."""
        for flag, number in counts.items():
            where = (environment, flag)
            if number <= 0 or (where not in self._known and len(self._known) >= FLAGS_MAX):
                continue
            programs = self._known.setdefault(where, {})
            programs.pop(program, None)
            programs[program] = AskerView(program, now, number, version)
            if len(programs) > PROGRAMS_MAX:
                del programs[next(iter(programs))]

    def of(self, environment: str, flag: str) -> tuple[AskerView, ...]:
        """Those of one flag, the last first."""
        return tuple(reversed(self._known.get((environment, flag), {}).values()))
