"""The fence on every external write: (fence, rev)."""

from __future__ import annotations

import msgspec


class Generation(msgspec.Struct, frozen=True, order=True):
    """Who writes and from which state: `fence` grows with every new lease holder of a service, `rev` with every event
    of the service. Compared in that order; an adapter never applies an older one. On the wire: ``fence.rev``."""

    fence: int
    rev: int

    def __str__(self) -> str:
        return f"{self.fence}.{self.rev}"

    @classmethod
    def parse(cls, text: str) -> Generation:
        """The inverse of `str`; further dotted parts are ignored. Raises ValueError for anything else."""
        fence, rev = text.split(".")[:2]
        return cls(int(fence), int(rev))
