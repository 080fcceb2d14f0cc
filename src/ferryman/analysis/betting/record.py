"""The full record of the default judge: what its verdict stands on, for people and for replay."""

from __future__ import annotations

import math
from typing import Any

from ferryman.analysis.betting.bets import exp
from ferryman.analysis.betting.settings import METRIC_WEIGHTS, PROMOTE_LIMIT
from ferryman.analysis.betting.state import State
from ferryman.analysis.planning import expected_seconds

# A stable rate from few requests is drawn towards half a percent, as if it had been seen on this many.
PRIOR_REQUESTS, PRIOR_RATE = 100.0, 0.005
LOG_PROMOTE = math.log(PROMOTE_LIMIT)
ROUTING_FAULT = "routing-fault"


def full_record(state: State) -> dict[str, Any]:
    """Plain JSON data; the weighted sum of exp(log_e) over the metrics is exp of the total."""
    alpha, weights = state.settings.alpha, weights_of(state)
    metrics = {
        name: {"log_e": math.log(test.value()), "weight": weights[name], **test.record(state.settings)}
        for name, test in state.tests().items()
    }
    promote = min(figures["promote_log_e"] for figures in metrics.values() if figures["promote_log_e"] is not None)
    return {
        "log_e": state.log_e,
        "log_limit": -math.log(alpha),
        "alpha": alpha,
        "alpha_left": min(1.0, alpha * exp(state.log_e)),
        "metrics": metrics,
        "promote": {"log_e": promote, "log_limit": LOG_PROMOTE},
        "expected_seconds": seconds_to_pass(state),
        "hold": ROUTING_FAULT if state.routing.fault else None,
        "guard": state.guard,
    }


def weights_of(state: State) -> dict[str, float]:
    """The weight of each metric in use, scaled to sum to 1."""
    if state.weights:
        return state.weights
    in_use = {name: METRIC_WEIGHTS[name] for name in state.tests()}
    return {name: weight / sum(in_use.values()) for name, weight in in_use.items()}


def seconds_to_pass(state: State) -> float | None:
    """How long a healthy candidate takes to a pass at the traffic of this stage; 0 once it has passed, None while
    there is no traffic to reckon with."""
    if state.passed:
        return 0.0
    requests = state.stage_stable + state.stage_candidate
    if not requests or state.stage_seconds <= 0:
        return None
    errors, seen = state.history_errors, state.history_requests
    if state.errors:
        errors += state.errors.tally.stable_k
        seen += state.errors.tally.stable_n
    rate = (errors + PRIOR_REQUESTS * PRIOR_RATE) / (seen + PRIOR_REQUESTS)
    candidate_rps = requests / state.stage_seconds * state.weight_percent / 100.0
    return expected_seconds(rate, candidate_rps, state.stage, state.stage_candidate, state.weight_percent)
