"""Deliberate faults, each one safeguard less. A proof that lets one of them live proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """`breaks`: the invariants of which one must be seen broken, within `seeds` stories."""

    name: str
    patch: Patch
    breaks: frozenset[int]
    seeds: int = 200


MUTANTS: list[Mutant] = []


def mutant(*breaks: int, seeds: int = 200) -> Callable[[Patch], Patch]:
    """Add the fault that this function makes."""

    def add(patch: Patch) -> Patch:
        MUTANTS.append(Mutant(patch.__name__, patch, frozenset(breaks), seeds))
        return patch

    return add
