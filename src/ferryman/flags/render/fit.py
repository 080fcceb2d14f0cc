"""What of a set of flags has no form in another system, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ferryman.flags.check import Finding
from ferryman.flags.definition import Flag, FlagSet
from ferryman.flags.render import configcat, launchdarkly, unleash
from ferryman.flags.render.cases import UntranslatableError

SYSTEMS: dict[str, Callable[[Flag, FlagSet], object]] = {
    "launchdarkly": lambda flag, whole: launchdarkly.render(flag, whole, {}, 0),
    "unleash": lambda flag, whole: unleash.render(flag, whole, {}),
    "configcat": lambda flag, whole: configcat.render(flag, whole, {}),
}


def misfits(whole: FlagSet, system: str) -> Iterator[Finding]:
    """Warnings (``no_form``) about the flags that clients of `system` are not sent."""
    for key, flag in whole.flags.items():
        try:
            SYSTEMS[system](flag, whole)
        except UntranslatableError as error:
            message = f"{system} has no form for it: {error}"
            yield Finding(
                ("flags", key), "no_form", message, f"clients of {system} are not sent it: let them use OFREP"
            )
