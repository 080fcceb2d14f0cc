"""The port behind which instances run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from ferryman.model.generation import Generation
from ferryman.model.revision import Revision
from ferryman.model.seen import Instance
from ferryman.model.world import Orders


class StartInstance(msgspec.Struct, frozen=True, tag="start"):
    """Start one instance of `revision`."""

    revision: str


class DrainInstance(msgspec.Struct, frozen=True, tag="drain"):
    """Mark one instance as leaving: it gets no new traffic and is never used again."""

    instance: str


class StopInstance(msgspec.Struct, frozen=True, tag="stop"):
    """End one instance: politely, then by force after its revision's `stop_seconds`."""

    instance: str


Action = StartInstance | DrainInstance | StopInstance


class Target(Protocol):
    """Where instances of services run.

    `apply` is idempotent, looks at what is there, and refuses (`Stale`) a generation older than the last one applied
    to that service, across restarts. `observe` is the truth; `on_change` callbacks are wake-ups only and may be lost.

    A generation orders the writes of different states, not those of one: it stands while instances come and go. So an
    adapter whose writes cross a network must also number them within a generation, and the far side refuses a number
    that is not higher than the last: else an order to start that was held up on the way could be carried out after the
    order to stop that followed it. Where a write is done when its call returns, the lock of the service is enough.
    """

    async def start(self) -> None:
        """Take over what already runs (adoption). Raises `AdapterError`."""
        ...

    async def apply(
        self, service: str, orders: Orders, revisions: Mapping[str, Revision], generation: Generation
    ) -> tuple[Action, ...]:
        """Make it so, as far as it can be begun now; returns what was begun. Raises `Stale` or `AdapterError`."""
        ...

    async def observe(self, service: str) -> tuple[Instance, ...]:
        """Every instance known, newly ended ones included."""
        ...

    async def logs(self, instance: str, lines: int) -> str:
        """The last `lines` lines that the instance wrote, at most 1 MiB; empty when it is unknown."""
        ...

    async def log_errors(self, service: str) -> dict[str, int]:
        """Lines that speak of an error, by revision, written by the service's instances since it was first asked;
        never falling. Empty where logs cannot be read."""
        ...

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Call `callback(service)` when something about its instances changed."""
        ...

    def facts(self, service: str) -> list[tuple[str, str, dict[str, object]]]:
        """Facts since the last call worth an event: (topic, text, detail), such as a forced stop or an unasked exit."""
        ...

    async def close(self) -> None:
        """Let go of what runs without stopping it."""
        ...
