"""The interval shown to people: which ratios of event rates the evidence of this stage still allows."""

from __future__ import annotations

import msgspec

from ferryman.analysis.betting.bets import CERTAIN, RISK_MAX

GRID = tuple(0.25 * 1.25**step for step in range(21))
BLOCK_SECONDS = 20.0
# Each end misses the true ratio with a chance of at most 1/20.
LIMIT = 20.0
FORWARD, REVERSE = 1.6, 0.6
UP_LEAD, DOWN_LEAD = FORWARD - 1.0, REVERSE - 1.0
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
        limit, up_lead, down_lead, risk_max, given_up = LIMIT, UP_LEAD, DOWN_LEAD, RISK_MAX, GIVEN_UP
        above, below = self.above, self.below
        # Twenty-one times a block, so no call is made in here; settled bets are passed over.
        for index, ratio in enumerate(GRID):
            up, down = above[index], below[index]
            moving_up, moving_down = 0.0 < up < limit, 0.0 < down < limit
            if not moving_up and not moving_down:
                continue
            null = ratio * odds
            other = 1.0 / (1.0 + null)
            theta = null * other
            surprise = share - theta
            spread = shared * null
            if moving_up:
                gain = up_lead / (1.0 + FORWARD * null)
                stake = gain / (other * (each + spread * gain * gain))
                if stake * theta > risk_max:
                    stake = risk_max / theta
                up *= 1.0 + stake * surprise
                above[index] = limit if up >= limit else up if up > given_up else 0.0
            if moving_down:
                gain = down_lead / (1.0 + REVERSE * null)
                stake = gain / (other * (each + spread * gain * gain))
                if stake * other < -risk_max:
                    stake = -risk_max / other
                down *= 1.0 + stake * surprise
                below[index] = limit if down >= limit else down if down > given_up else 0.0

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
