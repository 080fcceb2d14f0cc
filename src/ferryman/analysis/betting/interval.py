"""The interval shown to people: which ratios of event rates the evidence of this stage still allows."""

from __future__ import annotations

import msgspec

from ferryman.analysis.betting.bets import CERTAIN, RISK_MAX

GRID = tuple(0.25 * 1.25**step for step in range(21))
BLOCK_SECONDS = 20.0
# Each end misses the true ratio with a chance of at most 1/20.
LIMIT = 20.0
FORWARD, REVERSE = 1.6, 0.6
# A bet that has lost nearly all is given up: it only ever takes from the evidence, and saves most of the work.
GIVEN_UP = 0.05


class RatioInterval(msgspec.Struct, array_like=True):
    """Two bets per ratio of `GRID`: that the true ratio is above it, and that it is below. A capital that has reached
    `LIMIT` excludes its ratio for the rest of the stage, and stays as it is.

    `candidate`, `stable` and `seconds` are the block that is still open.
    """

    above: list[float] = msgspec.field(default_factory=lambda: [1.0] * len(GRID))
    below: list[float] = msgspec.field(default_factory=lambda: [1.0] * len(GRID))
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
        if total and CERTAIN < odds < 1.0 / CERTAIN:
            self._settle(self.candidate / total, total, odds)
        self.stable = self.candidate = 0
        self.seconds = 0.0

    def _settle(self, share: float, total: int, odds: float) -> None:
        """The bets of `bets.HarmBet` and `bets.ReverseBet`, with their stake written as g / (u (1/m + (1 - 1/m) n g^2)),
        where n are the odds under the null, u = 1 / (1 + n) and g = (factor - 1) / (1 + factor n)."""
        each = 1.0 / total
        shared = 1.0 - each
        above: list[float] = []
        below: list[float] = []
        for ratio, up, down in zip(GRID, self.above, self.below):  # noqa: B905 -- twenty-one times a block
            null = ratio * odds
            other = 1.0 / (1.0 + null)
            theta = null * other
            if up and up < LIMIT:
                gain = (FORWARD - 1.0) / (1.0 + FORWARD * null)
                stake = gain / (other * (each + shared * null * gain * gain))
                if stake * theta > RISK_MAX:
                    stake = RISK_MAX / theta
                up = _kept(up * (1.0 + stake * (share - theta)))  # noqa: PLW2901
            if down and down < LIMIT:
                gain = (REVERSE - 1.0) / (1.0 + REVERSE * null)
                stake = gain / (other * (each + shared * null * gain * gain))
                if stake * other < -RISK_MAX:
                    stake = -RISK_MAX / other
                down = _kept(down * (1.0 + stake * (share - theta)))  # noqa: PLW2901
            above.append(up)
            below.append(down)
        self.above, self.below = above, below

    def ends(self) -> list[float] | None:
        """[low, high], each at 95 %; None when they crossed (the ratio moved inside the stage).

        An end is the nearest ratio of the grid that is excluded: the truth may lie anywhere up to it. Where nothing is
        excluded, low is 0, and high the last of `GRID`: then there is no upper end.
        """
        low, high = 0, len(GRID) - 1
        while low < len(GRID) and self.above[low] >= LIMIT:
            low += 1
        while high >= 0 and self.below[high] >= LIMIT:
            high -= 1
        ends = [GRID[low - 1] if low else 0.0, GRID[min(high + 1, len(GRID) - 1)]]
        return ends if ends[0] < ends[1] else None


def _kept(capital: float) -> float:
    if capital >= LIMIT:
        return LIMIT
    return capital if capital > GIVEN_UP else 0.0
