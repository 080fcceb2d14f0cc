"""Faults in fences, leases and the order of the engine's duties."""

from __future__ import annotations

from typing import Any

import pytest

import ferryman.core.decide as decide_module
import ferryman.engine.loop as loop_module
import ferryman.store.rules as rules_module
from ferryman.engine.evidence import EvidenceFeed
from ferryman.engine.loop import Receipt, ServiceLoop
from ferryman.model.generation import Generation
from ferryman.sim.dataplane import DataPlane
from ferryman.sim.fleet import Fleet
from sim.mutation import mutant

# ---- fences and leases


@mutant(1, 2, 4, 6)
def the_data_plane_takes_any_generation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DataPlane, "refuses", lambda self, generation: False)


@mutant(1, 3, 6)
def the_fleet_takes_any_generation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Fleet, "refuses", lambda self, generation: False)


@mutant(1, 2, 4, 6)
def only_the_fence_is_compared(patch: pytest.MonkeyPatch) -> None:
    def refuses(self: DataPlane, generation: Generation) -> bool:
        return self.generation is not None and generation.fence < self.generation.fence

    patch.setattr(DataPlane, "refuses", refuses)


@mutant(1, 2, 4, 6)
def only_the_event_is_compared(patch: pytest.MonkeyPatch) -> None:
    def refuses(self: DataPlane, generation: Generation) -> bool:
        return self.generation is not None and generation.rev < self.generation.rev

    patch.setattr(DataPlane, "refuses", refuses)


@mutant(6)
def writes_of_one_generation_overtake_each_other(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Fleet, "repeats", lambda self, write: False)


@mutant(6)
def closing_a_listener_is_not_fenced(patch: pytest.MonkeyPatch) -> None:
    fenced = DataPlane.remove

    def remove(self: DataPlane, write: Any) -> None:
        self.generation = None
        fenced(self, write)

    patch.setattr(DataPlane, "remove", remove)


@mutant(5)
def the_log_does_not_ask_for_the_lease(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules_module, "holds", lambda head, lease: head is not None)


@mutant(5)
def a_lease_is_taken_while_it_is_held(patch: pytest.MonkeyPatch) -> None:
    def claimed(head: Any, service: str, owner: str, now: float, seconds: float) -> Any:
        free = None if head is None else head._replace(until=0.0 if head.owner != owner else head.until)
        return original(free, service, owner, now, seconds)

    original = rules_module.claimed
    patch.setattr(rules_module, "claimed", claimed)


@mutant(5)
def a_new_holder_keeps_the_old_fence(patch: pytest.MonkeyPatch) -> None:
    original = rules_module.claimed

    def claimed(head: Any, *rest: Any) -> Any:
        found = original(head, *rest)
        return found if head is None else found._replace(fence=head.fence)

    patch.setattr(rules_module, "claimed", claimed)


@mutant(5)
def the_log_takes_what_does_not_follow(patch: pytest.MonkeyPatch) -> None:
    """A write that comes a second time is refused by its number alone: the lease still holds."""

    def check_append(head: Any, write: Any) -> Any:
        return original(head and head._replace(seq=write.expected_seq), write)

    original = rules_module.check_append
    patch.setattr(rules_module, "check_append", check_append)


# ---- the order of duties


@mutant(1)
def converges_before_it_appends(patch: pytest.MonkeyPatch) -> None:
    append = ServiceLoop._append

    async def first(self: ServiceLoop, drafts: Any, after: Any, now: float, measurement: Any = None) -> Receipt:
        if drafts and self._lease is not None and self.feed.seen(self.service.current) is not None:
            ahead = loop_module.Decision(events=(), world=decide_module.wanted(after), due=now, service=after)
            await self._converge(Receipt(Generation(self._lease.fence, after.seq)), ahead)
        return await append(self, drafts, after, now, measurement)

    patch.setattr(ServiceLoop, "_append", first)


@mutant(5)
def believes_what_it_failed_to_write(patch: pytest.MonkeyPatch) -> None:
    write = ServiceLoop._write

    async def careless(self: ServiceLoop, append: Any) -> Any:
        self._loaded = True
        return await write(self, append)

    patch.setattr(ServiceLoop, "_write", careless)


@mutant(5)
def does_not_load_after_a_takeover(patch: pytest.MonkeyPatch) -> None:
    claim = ServiceLoop._claim

    async def again(self: ServiceLoop) -> None:
        known = self.service
        await claim(self)
        if known.seq:
            self.service = known

    patch.setattr(ServiceLoop, "_claim", again)


@mutant(0)
def the_judge_begins_anew_after_a_takeover(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EvidenceFeed, "restore", lambda self, text: None)
