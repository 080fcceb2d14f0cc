"""What every judge is: a starting state, a step per block, a record of what the verdict stands on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from ferryman.analysis.options import Option
from ferryman.model.evidence import Block, Gap, Header, Verdict


class Finding(msgspec.Struct, frozen=True):
    """What one line led to: the verdict and one sentence of why."""

    verdict: Verdict
    reason: str


class Judge(Protocol):
    """A way to weigh evidence.

    A state is a msgspec struct of plain data. `observe` and `silent` own the state they are given: they bring it up to
    date in place. Nothing else is remembered, so a state that was written down and read back goes on to the bit.
    """

    @property
    def name(self) -> str: ...

    @property
    def options(self) -> Mapping[str, Option]: ...

    @property
    def state_type(self) -> type[Any]: ...

    def start(self, header: Header) -> Any:
        """The state before the first block. Raises `HeaderError` when the header cannot serve this judge."""
        ...

    def observe(self, state: Any, block: Block) -> Finding:
        """Weigh one block."""
        ...

    def silent(self, state: Any, gap: Gap) -> Finding:
        """The provider had no data."""
        ...

    def record(self, state: Any, *, full: bool) -> dict[str, Any]:
        """What the verdict stands on, as plain JSON data; `full` adds everything there is to see."""
        ...
