"""From a failing story to a short one: deeds are left out as long as the same promise stays broken."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from ferryman.sim.deeds import Story
from ferryman.sim.simulation import Simulation

RUNS_MAX = 400
"""A story is tried in so many versions at most."""


def broken_number(story: Story) -> int | None:
    """The number of the first invariant that the story breaks; None when it breaks none."""
    found = Simulation(story).run().violations
    return found[0].number if found else None


def shrink(story: Story, breaks: Callable[[Story], int | None] = broken_number) -> Story:
    """The same with as few deeds, and as few controllers, as show the same broken invariant. A story that breaks nothing
    comes back as it is."""
    wanted = breaks(story)
    if wanted is None:
        return story
    runs, size = 0, max(1, len(story.deeds) // 2)
    while size and runs < RUNS_MAX:
        place = 0
        while place < len(story.deeds) and runs < RUNS_MAX:
            shorter = replace(story, deeds=(*story.deeds[:place], *story.deeds[place + size :]))
            runs += 1
            if breaks(shorter) == wanted:
                story = shorter
            else:
                place += size
        size //= 2
    for controllers in range(1, story.controllers):
        fewer = replace(story, controllers=controllers)
        if breaks(fewer) == wanted:
            return fewer
    return story
