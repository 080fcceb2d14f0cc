"""The interval shown to people: which ratios of event rates the evidence of this stage still allows."""

from __future__ import annotations

import math

import msgspec

from ferryman.analysis.betting.bets import CERTAIN, RISK_MAX

GRID = tuple(0.25 * 1.25**step for step in range(21))
BLOCK_SECONDS = 20.0
# Each end misses the true ratio with a chance of at most 1/20.
LOG_LIMIT = math.log(20.0)
FORWARD, REVERSE = 1.6, 0.6
# Logs are kept to this many digits: enough for a display, and short to store.
DIGITS = 6


class RatioInterval(msgspec.Struct, array_like=True):
    """Two bets per ratio of `GRID`: that the true ratio is above it, and that it is below.

    `candidate`, `stable` and `seconds` are the block that is still open.
    """

    above: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(GRID))
    below: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(GRID))
    candidate: int = 0
    stable: int = 0
    seconds: float = 0.0

    def observe(self, stable: int, candidate: int, seconds: float, odds: float) -> None:
        """Add events; settle the bets when the block is long enough."""
        self.stable += stable
        self.candidate += candidate
        self.seconds += seconds
        if self.seconds < BLOCK_SECONDS:
            return
        total = self.stable + self.candidate
        if total:
            self._settle(self.candidate / total, total, odds)
        self.stable = self.candidate = 0
        self.seconds = 0.0

    def _settle(self, share: float, total: int, odds: float) -> None:
        shared = 1.0 - 1.0 / total
        above: list[float] = []
        below: list[float] = []
        for ratio, up, down in zip(GRID, self.above, self.below, strict=True):
            null = ratio * odds
            theta = null / (1.0 + null)
            if CERTAIN < theta < 1.0 - CERTAIN:
                surprise = share - theta
                variance = theta * (1.0 - theta) / total
                lead = FORWARD * null / (1.0 + FORWARD * null) - theta
                stake = min(lead / (variance + shared * lead * lead), RISK_MAX / theta)
                up = round(up + math.log1p(stake * surprise), DIGITS)  # noqa: PLW2901
                lead = REVERSE * null / (1.0 + REVERSE * null) - theta
                stake = max(lead / (variance + shared * lead * lead), -RISK_MAX / (1.0 - theta))
                down = round(down + math.log1p(stake * surprise), DIGITS)  # noqa: PLW2901
            above.append(up)
            below.append(down)
        self.above, self.below = above, below

    def ends(self) -> list[float] | None:
        """[low, high], each at 95 %; None when they crossed (the ratio moved inside the stage).

        An end at the edge of the grid says that nothing is excluded on that side: low is then 0, high the last of
        `GRID`.
        """
        low = next((ratio for ratio, log in zip(GRID, self.above, strict=True) if log < LOG_LIMIT), None)
        high = next((ratio for ratio, log in zip(GRID[::-1], self.below[::-1], strict=True) if log < LOG_LIMIT), None)
        if low is None or high is None or low > high:
            return None
        return [0.0 if low == GRID[0] else low, high]
