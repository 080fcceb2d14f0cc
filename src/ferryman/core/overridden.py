"""A flag that was killed or tripped while a rollout drives it: nobody is exposed, whatever the rollout asks for, so it waits."""

from __future__ import annotations

from ferryman.model.event import Body, Paused, Resumed
from ferryman.model.rollout import Rollout
from ferryman.model.seen import FlagSeen, Seen
from ferryman.strategies.flag import UNEXPOSED

KILLED, TRIPPED = "killed", "tripped"


def overridden(rollout: Rollout, seen: Seen) -> Body | None:
    """A pause when one of the flags of the present step is killed or tripped. After a kill a person lets it go on; a trip
    that recovers ends its own pause. What takes everybody out goes on: it asks for less than what is served."""
    found = _worst(rollout, seen) if rollout.candidate != UNEXPOSED else None
    pause = rollout.pause
    if found is None:
        over = pause is not None and pause.kind == TRIPPED
        return Resumed("the flag has recovered") if over else None
    if pause is not None and not (pause.kind == TRIPPED and found.override == KILLED):
        return None
    reason = f"{found.share.key} was {found.override} in {found.share.environment}: {found.reason}"
    return Paused(kind=found.override, reason=reason)


def _worst(rollout: Rollout, seen: Seen) -> FlagSeen | None:
    asked = {(flag.environment, flag.key) for flag in rollout.current.world.flags}
    found = [each for each in seen.flags if each.override and (each.share.environment, each.share.key) in asked]
    return min(found, key=lambda each: (each.override != KILLED, each.share.key), default=None)
