"""Two people at once: the second is told who was first."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.model.errors import Refused
from ferryman.model.view import EventView

OURSELVES = "ferryman"
"""The actor of what the controller does by itself."""


def who_was_first(refused: Refused, newest: Sequence[EventView], now: float) -> Refused:
    """The refusal with the last thing that happened in its message: a person's, if one acted among the `newest` events
    (oldest first), else the controller's own. `now` in epoch seconds."""
    by_people = [event for event in newest if event.actor != OURSELVES]
    last = by_people[-1] if by_people else newest[-1] if newest else None
    if last is None:
        return refused
    seconds = max(0.0, now - last.at)
    who = "it moved on by itself" if last.actor == OURSELVES else f"{last.actor} was first"
    return Refused(refused.code, f"{who}: {last.text} ({seconds:.0f} s ago)", refused.legal, refused.hint)
