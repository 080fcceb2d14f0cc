"""Environments in the forms of other systems, made once for each version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from ferryman.flags.ledger import Environment
from ferryman.flags.render import launchdarkly, unleash
from ferryman.flags.render.cases import UntranslatableError

_encode = msgspec.json.Encoder(order="sorted").encode


class Rendered(NamedTuple):
    """An environment in one form: the body, and why flags are left out of it."""

    version: int
    body: bytes
    left_out: dict[str, str]


def to_launchdarkly(source: Environment) -> Rendered:
    """``{flags, segments}``."""
    flags: dict[str, Any] = {}
    segments: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    overrides = source.in_force()
    for key, flag in source.flags.items():
        try:
            flags[key], brought = launchdarkly.render(flag, source.whole, overrides, source.version)
            segments |= brought
        except UntranslatableError as error:
            left_out[key] = str(error)
    return Rendered(source.version, _encode({"flags": flags, "segments": segments}), left_out)


def to_unleash(source: Environment) -> Rendered:
    """``{version, features, segments}``."""
    features: list[Any] = []
    left_out: dict[str, str] = {}
    overrides = source.in_force()
    for key, flag in sorted(source.flags.items()):
        try:
            features.append(unleash.render(flag, source.whole, overrides))
        except UntranslatableError as error:
            left_out[key] = str(error)
    return Rendered(source.version, _encode({"version": 2, "features": features, "segments": []}), left_out)


FORMS: dict[str, Callable[[Environment], Rendered]] = {"launchdarkly": to_launchdarkly, "unleash": to_unleash}


class Forms:
    """The newest form of each environment."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Rendered] = {}

    def of(self, system: str, source: Environment) -> Rendered:
        """An environment as `system` would send it."""
        found = self._made.get((system, source.name))
        if found is None or found.version != source.version:
            found = self._made[system, source.name] = FORMS[system](source)
        return found
