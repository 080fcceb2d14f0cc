"""Bets whose winnings are evidence.

Every class here is an e-process: a capital that starts at 1 and that no strategy can be expected to grow while its null
hypothesis holds. By Ville's inequality the chance that it ever reaches 1/alpha is then at most alpha, however often one
looks. Sources: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (arXiv 2010.09686);
anytime-valid counts, arXiv 2011.03567 and 2205.14762; restarts from unspent cash, Shin, Ramdas and Rinaldo,
"E-detectors" (arXiv 2203.03532).

`odds` are the candidate's share of traffic against the stable one's: 5 % of the traffic are odds of 1/19.
"""

from __future__ import annotations

import math
from functools import cache
from operator import mul
from typing import NamedTuple

import msgspec

# True ratios a harm bet is ready for, and how much of the stake rides on each.
RATIOS = (1.25, 1.6, 2.4, 5.0, 15.0, 1e4)
RATIO_WEIGHTS = (0.18, 0.24, 0.24, 0.18, 0.10, 0.06)
# True ratios that a bet on "inside the margin" is ready for: by the mean of a block, by independent requests.
BETTER_RATIOS = (0.25, 0.5, 0.8, 1.0)
BETTER_RATIOS_INDEPENDENT = (0.25, 0.4, 0.6, 0.8)
# Error rates that a bet on "below the limit" is ready for, as parts of the limit.
BETTER_RATES = (0.02, 0.1, 0.3, 0.6)

FIRST_STAKE = 0.6
STAGE_STAKE = 0.1
MINUTE_STAKE = 0.2
# A bet never risks more than this part of its capital, so capital stays positive.
RISK_MAX = 0.95
# Below this distance from certainty nothing can be learned, and the arithmetic would break.
CERTAIN = 1e-12
# Stands in for an e-value that underflowed: a logarithm must stay finite.
E_MIN = 1e-300
LOG_MAX = 690.0


class Tilt(NamedTuple):
    """What bets at the same odds share: the null share `theta`, and how far each of `RATIOS` would move it."""

    theta: float
    leads: tuple[float, ...]


def tilt(odds: float) -> Tilt | None:
    """The tilt at `odds`, rho included; None where the share is so extreme that nothing can be learned."""
    theta = odds / (1.0 + odds)
    if not CERTAIN < theta < 1.0 - CERTAIN:
        return None
    return Tilt(theta, tuple([ratio * odds / (1.0 + ratio * odds) - theta for ratio in RATIOS]))


class HarmBet(msgspec.Struct, array_like=True):
    """Against "the candidate's event rate is at most `rho` times the stable one's, in the same block".

    Of m events in a block X = k_c / m are the candidate's. Given the past and m, the null says E[X] <= theta with
    theta = o / (1 + o), o = rho * odds; the stake on each of `RATIOS` is fixed before X is seen. Conditioning on m
    cancels whatever both versions share, and a bet on a bounded mean allows any dependence inside a block.
    `cash` is what has not been staked yet; late stakes find what begins late.
    """

    cash: float = 1.0
    capital: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(RATIOS))

    def stake(self, part: float) -> None:
        """Put up to `part` of the starting capital on the table, while cash lasts."""
        part = min(part, self.cash)
        if part > 0:
            self.cash -= part
            self.capital = [capital + part for capital in self.capital]

    def update(self, candidate: int, total: int, at: Tilt | None) -> None:
        """Settle a block with `total` events, `candidate` of them the candidate's."""
        if not total or at is None:
            return
        theta, leads = at
        surprise = candidate / total - theta
        variance = theta * (1.0 - theta) / total
        shared = 1.0 - 1.0 / total
        most = RISK_MAX / theta
        # The busiest line of the judge: `min` and `strict` would double its cost.
        self.capital = [
            capital * (1.0 + (most if (stake := lead / (variance + shared * lead * lead)) > most else stake) * surprise)
            for lead, capital in zip(leads, self.capital)  # noqa: B905
        ]

    def value(self) -> float:
        """The e-value: at least `E_MIN`."""
        value = self.cash + sum(map(mul, RATIO_WEIGHTS, self.capital))
        return value if value > E_MIN else E_MIN  # noqa: FURB136 -- asked for every bet and line


def new_harm_bet() -> HarmBet:
    """A harm bet with its first stake on the table."""
    bet = HarmBet()
    bet.stake(FIRST_STAKE)
    return bet


def minute_stake(before: int, after: int) -> float:
    """What is staked when the count of full minutes goes from `before` to `after`: the sum of .2 / (k (k + 1))."""
    return MINUTE_STAKE * (1.0 / (before + 1) - 1.0 / (after + 1))


class ReverseBet(msgspec.Struct, array_like=True):
    """Against "the candidate's event rate is at least `rho` times the stable one's": the same bet, turned round.
    Capitals are logarithms."""

    rho: float
    logs: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(BETTER_RATIOS))

    def update(self, candidate: int, total: int, odds: float) -> None:
        """Settle a block; `odds` are those of the traffic alone."""
        if not total:
            return
        theta = self.rho * odds / (1.0 + self.rho * odds)
        if not CERTAIN < theta < 1.0 - CERTAIN:
            return
        surprise = candidate / total - theta
        variance = theta * (1.0 - theta) / total
        shared = 1.0 - 1.0 / total
        most = -RISK_MAX / (1.0 - theta)
        settled: list[float] = []
        log1p = math.log1p
        for ratio, log in zip(BETTER_RATIOS, self.logs):  # noqa: B905 -- see `HarmBet.update`
            tilted = ratio * odds
            lead = tilted / (1.0 + tilted) - theta
            stake = lead / (variance + shared * lead * lead)
            settled.append(log + log1p(max(most, stake) * surprise))
        self.logs = settled

    def log_value(self) -> float:
        return log_mean(self.logs)


class ReverseLikelihood(msgspec.Struct, array_like=True):
    """The same null by conditional binomial likelihood ratios: more power per block, but it takes the events of a block
    as independent."""

    rho: float
    logs: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(BETTER_RATIOS_INDEPENDENT))

    def update(self, candidate: int, total: int, odds: float) -> None:
        """Settle a block; `odds` are those of the traffic alone."""
        if not total:
            return
        null, stable = 1.0 + self.rho * odds, total - candidate
        settled: list[float] = []
        for ratio, gain, log in zip(BETTER_RATIOS_INDEPENDENT, ratio_gains(self.rho), self.logs):  # noqa: B905
            # q / theta and (1 - q) / (1 - theta), written so that neither cancels to 0.
            other = math.log(null / (1.0 + ratio * odds))
            settled.append(log + candidate * (gain + other) + stable * other)
        self.logs = settled

    def log_value(self) -> float:
        return log_mean(self.logs)


@cache
def ratio_gains(rho: float) -> tuple[float, ...]:
    """What the ratios of `BETTER_RATIOS_INDEPENDENT` to the null add to a log, apart from the odds."""
    return tuple([math.log(ratio / rho) for ratio in BETTER_RATIOS_INDEPENDENT])


@cache
def rate_gains(delta: float) -> tuple[tuple[float, float], ...]:
    """What an error and a good answer add to each log."""
    return tuple((math.log(part), math.log((1.0 - part * delta) / (1.0 - delta))) for part in BETTER_RATES)


class RateLikelihood(msgspec.Struct, array_like=True):
    """Against "the candidate's error rate is at least `delta`", by likelihood ratios; takes requests as independent."""

    delta: float
    logs: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(BETTER_RATES))

    def update(self, errors: int, requests: int) -> None:
        """Settle a block. Errors may outrun requests at a block's edge; then none counts as answered well."""
        well = max(requests - errors, 0)
        if errors or well:
            gains = rate_gains(self.delta)
            self.logs = [log + errors * bad + well * good for log, (bad, good) in zip(self.logs, gains, strict=True)]

    def log_value(self) -> float:
        return log_mean(self.logs)


def log_mean(logs: list[float]) -> float:
    """Logarithm of the mean of exp, without overflow; logs must be finite."""
    top = max(logs)
    return top + math.log(sum([math.exp(log - top) for log in logs]) / len(logs))


def log_add(one: float, other: float) -> float:
    """Logarithm of exp(one) + exp(other), without overflow."""
    low, high = (one, other) if one < other else (other, one)
    return high + math.log1p(math.exp(low - high))


def exp(log: float) -> float:
    """E to the `log`, capped where a float ends."""
    return math.exp(min(log, LOG_MAX))
