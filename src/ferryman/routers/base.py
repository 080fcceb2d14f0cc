"""The port behind which traffic is routed."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ferryman.model.generation import Generation
from ferryman.model.seen import RoutesSeen
from ferryman.model.world import RouteTable


class Capabilities(msgspec.Struct, frozen=True):
    """What a router can do. `smallest_weight_percent` is the finest share; `needs_ready_count` is True where shares
    come from the number of instances only."""

    smallest_weight_percent: float
    matches: bool
    sticky: bool
    mirror: bool
    atomic: bool
    acknowledges: bool


class Router(Protocol):
    """Routes users of a service to its revisions.

    `apply` and `remove` are idempotent and refuse (`Stale`) a generation older than the last one applied to that
    service, across restarts. Only `observe` reports an acknowledgement.

    A generation orders the writes of different states, not those of one: tables change within it as instances come and
    go. So an adapter whose writes cross a network must also number them within a generation, and the far side refuses a
    number that is not higher than the last: else a table that was held up on the way could undo a newer one, and send
    users to an instance that has left. Where a write is done when its call returns, the lock of the service is enough.
    """

    caps: Capabilities

    async def start(self) -> None:
        """Take over or start the data plane. Raises `AdapterError`."""
        ...

    async def apply(self, table: RouteTable, generation: Generation) -> RoutesSeen:
        """Ask for this table and wait, bounded, for its acknowledgement. Returns what is seen then.
        Raises `Stale` or `AdapterError`."""
        ...

    async def observe(self, service: str) -> RoutesSeen:
        """What is served now."""
        ...

    async def remove(self, service: str, generation: Generation) -> None:
        """Forget a service: its listener closes. Its fence stays. Raises `Stale` or `AdapterError`."""
        ...

    def facts(self, service: str) -> list[tuple[str, str, dict[str, object]]]:
        """Facts since the last call worth an event: (topic, text, detail)."""
        ...

    async def close(self) -> None:
        """Let go of the data plane without stopping it."""
        ...

    async def shutdown(self) -> None:
        """Drain and stop the data plane."""
        ...
