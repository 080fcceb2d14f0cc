"""The share of the traffic that the candidate gets, as odds, from the last minute of this stage."""

from __future__ import annotations

import msgspec

WINDOW_SECONDS = 60.0
# The nominal weight counts like this many requests seen.
PRIOR_REQUESTS = 20.0
# Entries closer than this are kept as one, so that the window stays small however fast lines come.
MERGE_SECONDS = 1.0


class ShareWindow(msgspec.Struct, array_like=True):
    """`entries` are [t, stable requests, candidate requests] of the last 60 s; `stable`, `candidate` their sums."""

    entries: list[tuple[float, int, int]] = msgspec.field(default_factory=list[tuple[float, int, int]])
    stable: int = 0
    candidate: int = 0

    def add(self, t: float, stable: int, candidate: int) -> None:
        """Add a block that ended at `t`, and let go of what is older than the window."""
        entries = self.entries
        self.stable += stable
        self.candidate += candidate
        if entries and t - entries[-1][0] < MERGE_SECONDS - 1e-6:
            first, stable_before, candidate_before = entries[-1]
            entries[-1] = (first, stable_before + stable, candidate_before + candidate)
        else:
            entries.append((t, stable, candidate))
        while entries[0][0] <= t - WINDOW_SECONDS:
            _, stable_gone, candidate_gone = entries.pop(0)
            self.stable -= stable_gone
            self.candidate -= candidate_gone

    def odds(self, weight_percent: float) -> float:
        """(N_c + 20 w) / (N_b + 20 (1 - w)): positive and finite for a weight strictly between 0 and 100."""
        weight = weight_percent / 100.0
        return (self.candidate + PRIOR_REQUESTS * weight) / (self.stable + PRIOR_REQUESTS * (1.0 - weight))
