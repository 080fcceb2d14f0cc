"""How long the default judge will take, told before a rollout begins and in each of its records.

The figures are expectations on smooth traffic, good to a factor of about two; a judge that promised less time would
have to guess. Rates are per second, error rates lie between 0 and 1, weights are percent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from ferryman.analysis.betting.bets import (
    BETTER_RATES,
    BETTER_RATIOS,
    FIRST_STAKE,
    RATIO_WEIGHTS,
    RATIOS,
    RISK_MAX,
    rate_gains,
)
from ferryman.analysis.betting.settings import (
    OPTIONS,
    PROMOTE_LIMIT,
    PROMOTE_RATES,
    PROMOTE_RATIOS,
    PROMOTE_REQUESTS,
    by_stage,
)
from ferryman.model.evidence import StagePlan

# Weight of the errors when errors and latency are weighed, which is the usual case.
ERRORS_WEIGHT = 0.625
# The winner is one of four bets in one of two halves of the evidence.
LOG_TO_PASS = math.log(PROMOTE_LIMIT * 2 * len(BETTER_RATES))


class StageOutlook(msgspec.Struct, frozen=True):
    """What to expect of one stage at a given traffic.

    `pass_seconds`: until a healthy release may go on. `double_seconds`, `fivefold_seconds`, `outage_seconds`: until a
    release with twice, five times the errors, or errors only, is taken back. None: not within the stage.
    """

    stage: int
    weight_percent: float
    seconds: float | None
    candidate_rps: float
    pass_seconds: float | None
    double_seconds: float | None
    fivefold_seconds: float | None
    outage_seconds: float | None


def expected_seconds(
    stable_rate: float, candidate_rps: float, stage: int, candidate_requests: int = 0, weight_percent: float = 5.0
) -> float | None:
    """Seconds until a healthy candidate has shown enough: max(ln(160) / g, 100 - n) / rps.

    g is the mean gain of one request at the stable error rate p: max over f of p ln f + (1 - p) ln((1 - f delta) / (1 -
    delta)). Where p leaves no gain, the bet on the ratio decides. None: without traffic, never.
    """
    if candidate_rps <= 0:
        return None
    p, delta = min(max(stable_rate, 0.0), 1.0), by_stage(PROMOTE_RATES, stage)
    gain = max(p * error + (1 - p) * well for error, well in rate_gains(delta))
    few = PROMOTE_REQUESTS - candidate_requests
    if gain > 1e-4:
        return max(LOG_TO_PASS / gain, few, 0.0) / candidate_rps
    share = min(max(weight_percent / 100.0, 1e-6), 1.0 - 1e-6)
    by_ratio = _ratio_gain(share / (1.0 - share), by_stage(PROMOTE_RATIOS, stage))
    events_per_second = p * candidate_rps / share
    if by_ratio <= 0 or events_per_second <= 0:
        return None
    return max(LOG_TO_PASS / by_ratio / events_per_second, few / candidate_rps)


def _ratio_gain(odds: float, margin: float) -> float:
    """Mean log gain per event of the bet that the ratio lies below `margin`, when it is 1."""
    theta, truth = margin * odds / (1 + margin * odds), odds / (1 + odds)
    return max(_gain(truth, alternative * odds / (1 + alternative * odds), theta) for alternative in BETTER_RATIOS)


def _gain(truth: float, bet: float, theta: float) -> float:
    """Mean log likelihood ratio of `bet` against `theta` when events are the candidate's with chance `truth`."""
    return truth * math.log(bet / theta) + (1 - truth) * math.log((1 - bet) / (1 - theta))


def seconds_to_see(
    ratio: float,
    *,
    rps: float,
    error_rate: float,
    weight_percent: float,
    alpha: float = OPTIONS["alpha"].default,
    metric_weight: float = ERRORS_WEIGHT,
    tick_seconds: float = 1.0,
) -> float | None:
    """Seconds until errors `ratio` times the stable ones are taken back; infinity means that all requests fail.

    t = ln(1 / (alpha w pi)) / (events per second times gain per event), pi the stake on the bet that wins first; and no
    block can win more than the bet risks. None: there are no events, or the harm lies inside the margin.
    """
    share = weight_percent / 100.0
    if not 0 < share < 1 or rps <= 0 or not 0 <= error_rate < 1:
        return None
    candidate_rate = min(error_rate * ratio, 1.0) if math.isfinite(ratio) else 1.0
    bad, good = share * candidate_rate, (1 - share) * error_rate
    if bad <= 0:
        return None
    odds = OPTIONS["error_margin"].default * share / (1 - share)
    theta, truth = odds / (1 + odds), min(bad / (bad + good), 1 - 1e-9)
    if truth <= theta:
        return None
    per_block = math.log1p(RISK_MAX / theta * (truth - theta))
    times: list[float] = []
    for lead, weight in zip(RATIOS, RATIO_WEIGHTS, strict=True):
        gain = _gain(truth, lead * odds / (1 + lead * odds), theta)
        if gain > 0:
            needed = math.log(1 / (alpha * metric_weight * FIRST_STAKE * weight))
            times.append(max(needed / (rps * (bad + good) * gain), math.ceil(needed / per_block) * tick_seconds))
    return min(times, default=None)


def outlook(
    stages: Sequence[StagePlan],
    *,
    rps: float,
    error_rate: float,
    alpha: float = OPTIONS["alpha"].default,
    tick_seconds: float = 1.0,
) -> list[StageOutlook]:
    """What each stage can show at `rps` requests per second over both versions; stages without a concurrent control
    (weight 0 or 100) show nothing."""
    found: list[StageOutlook] = []
    for index, stage in enumerate(stages):
        compared = 0 < stage.weight < 100
        candidate_rps = rps * stage.weight / 100.0

        def within(seconds: float | None, limit: float | None = stage.seconds) -> float | None:
            return None if seconds is None or (limit and seconds > limit) else seconds

        def see(ratio: float, weight: float = stage.weight) -> float | None:
            return seconds_to_see(
                ratio, rps=rps, error_rate=error_rate, weight_percent=weight, alpha=alpha, tick_seconds=tick_seconds
            )

        go_on = expected_seconds(error_rate, candidate_rps, index, 0, stage.weight) if compared else None
        found.append(
            StageOutlook(
                index,
                stage.weight,
                stage.seconds,
                candidate_rps,
                within(go_on),
                within(see(2.0)),
                within(see(5.0)),
                within(see(math.inf)),
            )
        )
    return found


def advice(found: Sequence[StageOutlook]) -> list[str]:
    """What cannot be decided within its stage, and what would help; empty when all is well."""
    said: list[str] = []
    for stage in found:
        if not 0 < stage.weight_percent < 100 or not stage.seconds:
            continue
        blind = [
            what
            for what, seconds in (
                ("twice the errors", stage.double_seconds),
                ("five times the errors", stage.fivefold_seconds),
                ("a total failure", stage.outage_seconds),
            )
            if seconds is None
        ]
        place = f"stage {stage.stage + 1} ({stage.weight_percent:g} % for {stage.seconds:g} s)"
        remedy = "give it more weight or time, or add synthetic load"
        if stage.pass_seconds is None:
            said.append(
                f"{place}: {stage.candidate_rps:.2g} candidate requests/s cannot show that it is healthy; {remedy}"
            )
        if blind:
            said.append(f"{place}: no honest judge sees {' or '.join(blind)} in it; {remedy}")
    return said
