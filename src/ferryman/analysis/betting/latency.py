"""Latency: harm, promotion and interval, from histograms."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import msgspec

from ferryman.analysis.betting.bets import HarmBet, ReverseLikelihood, new_harm_bet, tilt
from ferryman.analysis.betting.cuts import Cuts, choose_cuts
from ferryman.analysis.betting.interval import RatioInterval
from ferryman.analysis.betting.settings import COARSE_RATIO, PROMOTE_RATIOS, WARMUP_RATIO, Settings, by_stage
from ferryman.analysis.betting.tally import Tally
from ferryman.model.evidence import Arm, Block, History

# Without a usable history, cuts are chosen from this many stable requests, which are then not tested.
LEARN_REQUESTS = 500
# A shorter history says too little about a 95th percentile.
HISTORY_REQUESTS = 20
# Latency is settled in blocks at least this long, or half of it while requests are few: longer blocks average out
# what moves one version alone.
BLOCK_SECONDS, SHORT_BLOCK_SECONDS, FEW_REQUESTS = 10.0, 5.0, 1000


class LatencyTest(msgspec.Struct, array_like=True):
    """`bounds` and `learned` (a stable histogram) are held only until `cuts` are chosen; `bets` has one per cut.

    Then come the parts of the stage, and the open block: requests slower than each cut, per version. `e` is the mean
    over the bets, None after they changed."""

    bounds: tuple[float, ...]
    learned: list[int]
    cuts: Cuts | None
    bets: list[HarmBet]
    better: ReverseLikelihood
    interval: RatioInterval
    tally: Tally
    stage: int = 0
    begin: float = 0.0
    seconds: float = 0.0
    requests: int = 0
    stable_slow: list[int] = []
    candidate_slow: list[int] = []
    stable_p95: int = 0
    candidate_promote: int = 0
    e: float | None = None

    def stake(self, part: float) -> None:
        for bet in self.bets:
            bet.stake(part)
        self.e = None

    def new_stage(self, stage: int, odds: float, settings: Settings) -> None:
        """Begin a stage; what is open of the old one is settled with its last `odds`."""
        if self.seconds and self.cuts:
            self._settle(self.cuts, odds, settings)
        self.stage = stage
        self.better = ReverseLikelihood(self._promote_ratio())
        self.interval, self.tally = RatioInterval(), Tally()

    def observe(self, block: Block, odds: float, settings: Settings) -> None:
        cuts = self.cuts
        if cuts is None:
            self._learn(block.stable, settings)
            return
        stable, candidate = block.stable.buckets, block.candidate.buckets
        if not self.seconds:
            self._open(cuts, block.begin)
        self._count(cuts, stable, candidate, block.seconds, odds)
        self.seconds += block.seconds
        enough = self.seconds >= BLOCK_SECONDS or (self.seconds >= SHORT_BLOCK_SECONDS and self.requests < FEW_REQUESTS)
        if enough or block.stage_end:
            self._settle(cuts, odds, settings)

    def _learn(self, stable: Arm, settings: Settings) -> None:
        self.learned = [before + now for before, now in zip(self.learned, stable.buckets, strict=True)]
        if sum(self.learned) >= LEARN_REQUESTS:
            self.choose(self.learned, settings)

    def choose(self, histogram: list[int], settings: Settings) -> None:
        """Choose the cuts from a histogram of the stable version; from here on latency is tested."""
        self.cuts = choose_cuts(self.bounds, histogram, settings.latency_margin)
        self.bets = [new_harm_bet() for _ in self.cuts.stable]
        self.better = ReverseLikelihood(self._promote_ratio())
        self.bounds, self.learned = (), []

    def _promote_ratio(self) -> float:
        """With fine buckets the margin lies in the cut, and slow requests must be no more frequent."""
        return 1.0 if self.cuts and self.cuts.fine else by_stage(PROMOTE_RATIOS, self.stage)

    def _open(self, cuts: Cuts, begin: float) -> None:
        self.begin, self.requests = begin, 0
        self.stable_slow, self.candidate_slow = [0] * len(cuts.stable), [0] * len(cuts.candidate)
        self.stable_p95 = self.candidate_promote = 0

    def _count(self, cuts: Cuts, stable: list[int], candidate: list[int], seconds: float, odds: float) -> None:
        stable_up_to, candidate_up_to = list(accumulate(stable)), list(accumulate(candidate))
        stable_n, candidate_n = stable_up_to[-1], candidate_up_to[-1]
        self.requests += stable_n + candidate_n
        self.stable_slow = [n + stable_n - stable_up_to[cut] for n, cut in zip(self.stable_slow, cuts.stable)]  # noqa: B905
        self.candidate_slow = [
            n + candidate_n - candidate_up_to[cut]
            for n, cut in zip(self.candidate_slow, cuts.candidate)  # noqa: B905
        ]
        stable_k, candidate_k = stable_n - stable_up_to[cuts.p95], candidate_n - candidate_up_to[cuts.p95]
        self.stable_p95 += stable_k
        self.candidate_promote += candidate_n - candidate_up_to[cuts.promote[min(self.stage, len(cuts.promote) - 1)]]
        self.tally.add(stable_n, stable_k, candidate_n, candidate_k)
        self.interval.observe(stable_k, candidate_k, seconds, odds)

    def _settle(self, cuts: Cuts, odds: float, settings: Settings) -> None:
        margin = 1.0 if cuts.fine else COARSE_RATIO
        if self.begin < settings.warmup_seconds:
            margin = WARMUP_RATIO
        at = tilt(odds * margin)
        for bet, stable, candidate in zip(self.bets, self.stable_slow, self.candidate_slow, strict=True):
            bet.update(candidate, stable + candidate, at)
        self.better.update(self.candidate_promote, self.stable_p95 + self.candidate_promote, odds)
        self.seconds = 0.0
        self.e = None

    def value(self) -> float:
        """The e-value of harm: mean over the cuts, 1 until they are chosen."""
        if self.e is None:
            self.e = sum([bet.value() for bet in self.bets]) / len(self.bets) if self.bets else 1.0
        return self.e

    def promote_top(self) -> float:
        """An upper bound of `promote_log`."""
        return max(self.better.logs)

    def promote_log(self) -> float:
        return self.better.log_value()

    def record(self, settings: Settings) -> dict[str, Any]:
        coarse = self.cuts is not None and not self.cuts.fine
        return {
            "margin": COARSE_RATIO if coarse else settings.latency_margin,
            "promote_log_e": self.promote_log(),
            **self.tally.record(),
            "interval": self.interval.ends(),
        }


def new_latency_test(bounds: tuple[float, ...], history: History | None, settings: Settings) -> LatencyTest:
    """A test before its first block; its cuts come from `history` where that says enough."""
    test = LatencyTest(
        bounds, [0] * (len(bounds) + 1), None, [], ReverseLikelihood(PROMOTE_RATIOS[0]), RatioInterval(), Tally()
    )
    if history and sum(history.buckets) >= HISTORY_REQUESTS:
        test.choose(list(history.buckets), settings)
    return test
