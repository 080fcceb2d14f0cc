"""What became of the requests of an application, by the variants they were given: evidence without a metrics stack."""

from __future__ import annotations

import hashlib
import math
import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

CLASSES = 58
"""Classes of duration: the i-th goes to 2^(i/4) ms; the last, beyond 16 s, is open."""
STEPS_MAX = 10_000
"""Variants that are told apart between two reports."""
EXPOSURES_MAX = 100
"""Size of the sample."""
KEY_DIGITS = 16
BAD_FAILURES, BAD_SHARE = 3, 0.05


@dataclass(slots=True)
class Outcome:
    """Requests in which one variant was given."""

    requests: int = 0
    failures: int = 0
    durations: list[int] = field(default_factory=lambda: [0] * CLASSES)


class Evidence:
    """Adds up outcomes, and keeps a sample of who was given what, until somebody takes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: dict[tuple[str, str], Outcome] = {}
        self._exposures: list[tuple[str, str, str]] = []
        self._exposed = 0

    def add(self, steps: Iterable[tuple[str, str]], targeting_key: str | None, *, ok: bool, seconds: float) -> None:
        """One request, of this user, in which these (flag, variant) were given."""
        place = duration_class(seconds)
        with self._lock:
            for step in steps:
                found = self._outcomes.get(step)
                if found is None:
                    if len(self._outcomes) >= STEPS_MAX:
                        continue
                    found = self._outcomes[step] = Outcome()
                found.requests += 1
                found.failures += not ok
                found.durations[place] += 1
                if targeting_key:
                    self._sample(*step, targeting_key)

    def _sample(self, flag: str, variant: str, key: str) -> None:
        """Every exposure has the same chance to be among those that are kept."""
        self._exposed += 1
        if len(self._exposures) < EXPOSURES_MAX:
            self._exposures.append((flag, variant, key))
        elif (place := random.randrange(self._exposed)) < EXPOSURES_MAX:
            self._exposures[place] = (flag, variant, key)

    @property
    def is_bad(self) -> bool:
        """Whether a variant does badly enough that it should be told soon: three failures, and more than one request in
        twenty."""
        with self._lock:
            return any(
                o.failures >= BAD_FAILURES and o.failures > BAD_SHARE * o.requests for o in self._outcomes.values()
            )

    def drain(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Outcomes and exposures since the last call, as they are reported: keys as hashes only."""
        with self._lock:
            outcomes, self._outcomes = self._outcomes, {}
            exposures, self._exposures, self._exposed = self._exposures, [], 0
        return [
            {
                "flag": flag,
                "variant": variant,
                "requests": o.requests,
                "failures": o.failures,
                "durations": _without_zeros(o.durations),
            }
            for (flag, variant), o in outcomes.items()
        ], [{"flag": flag, "variant": variant, "key": hashed_key(key)} for flag, variant, key in exposures]

    def restart(self) -> None:
        """For a process that was forked off."""
        self._lock = threading.Lock()
        self.drain()


def _without_zeros(durations: list[int]) -> list[int]:
    """Up to the last class in which there was a request."""
    used = max((number for number, count in enumerate(durations, 1) if count), default=0)
    return durations[:used]


def hashed_key(targeting_key: str) -> str:
    """What a report says in place of a targeting key."""
    return hashlib.sha256(targeting_key.encode(errors="surrogatepass")).hexdigest()[:KEY_DIGITS]


def duration_class(seconds: float) -> int:
    """Which class a duration of so many seconds, 0 or more, falls into."""
    milliseconds = seconds * 1000
    return 0 if milliseconds <= 1 else min(math.ceil(4 * math.log2(milliseconds) - 1e-9), CLASSES - 1)
