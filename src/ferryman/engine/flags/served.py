"""One environment as it is served: compiled, encoded once, and what changed lately."""

from __future__ import annotations

import logging
from collections import deque
from typing import NamedTuple

import msgspec

from ferryman.flags.compile import Compiled, TooLargeError, compile_flag
from ferryman.flags.expression import ExpressionError
from ferryman.flags.ledger import Environment
from ferryman_flags import Evaluator

log = logging.getLogger("ferryman.flags")

CHANGES_MAX = 1000
"""Changes that are kept for clients that come back."""

_encode = msgspec.json.Encoder(order="sorted").encode


class Changed(NamedTuple):
    """Flags that were different from `version` on."""

    version: int
    keys: frozenset[str]


class Served:
    """Of one environment. `flags` is replaced, never changed."""

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.version = 0
        self.flags: dict[str, Compiled] = {}
        self.evaluator = Evaluator()
        self._changes: deque[Changed] = deque(maxlen=CHANGES_MAX)
        self._first = 0
        self._encoded: tuple[int, bytes] = (-1, b"")

    def update(self, source: Environment, flags: frozenset[str], segments: frozenset[str]) -> frozenset[str]:
        """Take over how an environment is after these changed; the keys of the flags that are served differently now."""
        affected = source.uses.of(flags, segments)
        overrides = source.in_force()
        after = dict(self.flags)
        for key in affected:
            compiled = _compiled(key, source, overrides)
            if compiled is None:
                after.pop(key, None)
            else:
                after[key] = compiled
        changed = frozenset(key for key in affected if after.get(key) != self.flags.get(key))
        self.flags, self.version = after, source.version
        if changed:
            self.evaluator.patch({key: after.get(key) for key in changed}, self.version)
        if len(self._changes) == CHANGES_MAX:
            self._first = self._changes[0].version
        self._changes.append(Changed(self.version, changed))
        return changed

    def begin(self, source: Environment) -> None:
        """Take everything over, at the start: nobody can have seen what was before."""
        self.update(source, frozenset(source.flags), frozenset())
        self._changes.clear()
        self._first = self.version

    def encoded(self) -> bytes:
        """The set as it goes over the wire, encoded once for each version."""
        if self._encoded[0] != self.version:
            body = {"environment": self.environment, "version": self.version, "flags": self.flags}
            self._encoded = (self.version, _encode(body))
        return self._encoded[1]

    def since(self, version: int) -> frozenset[str] | None:
        """Keys of the flags that changed after a version; None when that is not known any more, or never was."""
        if not self._first <= version <= self.version:
            return None
        return frozenset(key for change in self._changes if change.version > version for key in change.keys)


def _compiled(key: str, source: Environment, overrides: dict[str, str]) -> Compiled | None:
    """None when there is no such flag. One that an older program wrote and this one cannot compile is left out."""
    flag = source.flags.get(key)
    if flag is None:
        return None
    try:
        return compile_flag(flag, source.whole, overrides)
    except (TooLargeError, ExpressionError, KeyError) as error:
        log.warning("flag %r of %s cannot be served: %s", key, source.name, error)
        return None
