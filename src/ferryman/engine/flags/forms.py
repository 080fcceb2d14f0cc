"""Environments in the forms of other systems, made once for each version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from ferryman.flags.definition import Flag, is_as_imported
from ferryman.flags.ledger import Environment
from ferryman.flags.render import configcat, launchdarkly, unleash
from ferryman.flags.render.cases import UntranslatableError

_encode = msgspec.json.Encoder(order="sorted").encode


class Rendered(NamedTuple):
    """An environment in one form: the body, and why flags are left out of it."""

    version: int
    body: bytes
    left_out: dict[str, str]


def _of_each(source: Environment, render: Callable[[Flag], None]) -> dict[str, str]:
    """Render flag by flag; why some have no such form."""
    left_out: dict[str, str] = {}
    for key, flag in sorted(source.flags.items()):
        try:
            render(flag)
        except UntranslatableError as error:
            left_out[key] = str(error)
    return left_out


def _as_imported(system: str, flag: Flag, overrides: Mapping[str, str]) -> Any:
    """What `system` itself had, while that is what is meant here; None when it is not."""
    if flag.key in overrides or flag.imported is None or flag.imported.system != system or not is_as_imported(flag):
        return None
    return msgspec.json.decode(flag.imported.body)


def to_launchdarkly(source: Environment) -> Rendered:
    """``{flags, segments}``."""
    flags: dict[str, Any] = {}
    segments: dict[str, Any] = {}
    whole, overrides = source.whole, source.in_force()

    def one(flag: Flag) -> None:
        flags[flag.key], brought = launchdarkly.render(flag, whole, overrides, source.version)
        segments.update(brought)

    left_out = _of_each(source, one)
    return Rendered(source.version, _encode({"flags": flags, "segments": segments}), left_out)


def to_unleash(source: Environment) -> Rendered:
    """``{version, features, segments}``."""
    features: list[Any] = []
    whole, overrides = source.whole, source.in_force()

    def one(flag: Flag) -> None:
        features.append(_as_imported("unleash", flag, overrides) or unleash.render(flag, whole, overrides))

    left_out = _of_each(source, one)
    return Rendered(source.version, _encode({"version": 2, "features": features, "segments": []}), left_out)


def to_configcat(source: Environment) -> Rendered:
    """``{p, s, f}``: preferences, segments and settings."""
    settings: dict[str, Any] = {}
    whole, overrides = source.whole, source.in_force()
    left_out = _of_each(source, lambda flag: settings.update(configcat.render(flag, whole, overrides)))
    preferences = {"u": "", "r": 0, "s": ""}  # no other address to go to
    return Rendered(source.version, _encode({"p": preferences, "s": [], "f": settings}), left_out)


FORMS: dict[str, Callable[[Environment], Rendered]] = {
    "launchdarkly": to_launchdarkly,
    "unleash": to_unleash,
    "configcat": to_configcat,
}


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
