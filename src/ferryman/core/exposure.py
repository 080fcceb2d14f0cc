"""How much of the users a world may expose to the candidate."""

from __future__ import annotations

from ferryman.model.world import World

FULL_PERCENT = 100.0


def exposure(world: World, candidate: str) -> float:
    """The most that a world may expose of the candidate, in percent. Where users follow the ready instances that is
    all, since nothing but the candidate may be left; where nothing is routed, the share is that of the instances."""
    if world.listener is None and not world.follow_ready and not world.weights:
        return FULL_PERCENT * world.instances.get(candidate, 0) / max(1, sum(world.instances.values()))
    asked = world.weights.get(candidate, 0.0)
    return FULL_PERCENT if world.follow_ready and asked > 0 else asked
