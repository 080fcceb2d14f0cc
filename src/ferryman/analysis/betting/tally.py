"""What a metric counted in this stage, for the record."""

from __future__ import annotations

from typing import Any

import msgspec


class Tally(msgspec.Struct, array_like=True):
    """k bad events of n, per version, in this stage."""

    stable_n: int = 0
    stable_k: int = 0
    candidate_n: int = 0
    candidate_k: int = 0

    def add(self, stable_n: int, stable_k: int, candidate_n: int, candidate_k: int) -> None:
        self.stable_n += stable_n
        self.stable_k += stable_k
        self.candidate_n += candidate_n
        self.candidate_k += candidate_k

    def ratio(self) -> float | None:
        """The candidate's rate over the stable one's; None where there is nothing to divide by."""
        if not self.stable_n or not self.stable_k or not self.candidate_n:
            return None
        return (self.candidate_k / self.candidate_n) / (self.stable_k / self.stable_n)

    def record(self) -> dict[str, Any]:
        return {
            "stable": {"n": self.stable_n, "k": self.stable_k},
            "candidate": {"n": self.candidate_n, "k": self.candidate_k},
            "ratio": self.ratio(),
        }
