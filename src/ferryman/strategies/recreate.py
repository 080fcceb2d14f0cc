"""Big bang: stop everything, then start the new version. Downtime by construction, only ever by explicit acceptance."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.model.plan import Phase, Plan, SettledGate, Step
from ferryman.strategies.common import Parties, bounds, first_deploy, plan, steady, way_back


def compile_recreate(parties: Parties) -> Plan:
    """One world: the candidate only, with nothing that must stay available meanwhile."""
    limits = bounds(parties, 0, max(parties.replicas, parties.stable_replicas))
    rest = steady(parties, limits)
    back = way_back(parties, limits, warm=False)
    if parties.stable is None:
        return plan(parties, first_deploy(parties, limits), back, rest)
    # Users follow what is ready: else the last old instance, still routed, could never be stopped.
    world = replace(rest, instances={**rest.instances, parties.stable: 0}, follow_ready=True)
    step = Step(name="replace all at once", phase=Phase.PROMOTING, world=world, gates=(SettledGate(),))
    return plan(parties, (step,), back, rest, notes=("users meet an error until the new version is up",))
