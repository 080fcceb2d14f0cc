"""The default judge: one capital over all metrics, spent once per rollout."""

from __future__ import annotations

import math
from typing import Any

from ferryman.analysis.betting.bets import STAGE_STAKE, minute_stake
from ferryman.analysis.betting.errors import new_error_test
from ferryman.analysis.betting.events import new_event_test
from ferryman.analysis.betting.guards import Guards
from ferryman.analysis.betting.latency import new_latency_test
from ferryman.analysis.betting.record import full_record, weights_of
from ferryman.analysis.betting.routing import RoutingTest
from ferryman.analysis.betting.settings import OPTIONS, PROMOTE_LIMIT, PROMOTE_REQUESTS, settings_of
from ferryman.analysis.betting.share import ShareWindow
from ferryman.analysis.betting.signs import new_percentile_test, new_saturation_test
from ferryman.analysis.betting.state import State
from ferryman.analysis.judge import Finding
from ferryman.analysis.options import HeaderError
from ferryman.model.evidence import Block, Gap, Header, Verdict

# Without a request to the candidate (or to stable, the control) for this long there is nothing to weigh.
QUIET_SECONDS = 60.0
LOG_PROMOTE = math.log(PROMOTE_LIMIT)


class Betting:
    """What it decides, and how sure it is: `docs/judge.md`. Each number stands beside the test that uses it."""

    name = "betting"
    options = OPTIONS
    state_type = State

    def start(self, header: Header) -> State:
        settings = settings_of(header.spec)
        chosen = settings.metrics or ("errors", "latency")
        if not {"errors", "latency"} & set(chosen):
            raise HeaderError("option 'metrics' names neither errors nor latency", "one of them is needed to promote")
        by_buckets = "latency" in chosen and settings.latency == "buckets"
        if by_buckets and not header.bounds_ms:
            raise HeaderError(
                "bounds_ms is empty, but latency is read from buckets",
                "give bounds, or set the option latency to p95, or metrics to errors alone",
            )
        history = header.history
        return State(
            settings,
            history.requests if history else 0,
            history.errors if history else 0,
            ShareWindow(),
            new_error_test(settings) if "errors" in chosen else None,
            new_latency_test(header.bounds_ms, history, settings) if by_buckets else None,
            new_percentile_test() if "latency" in chosen and settings.latency == "p95" else None,
            None,
            None,
            RoutingTest(),
            Guards(),
        )

    def observe(self, state: State, block: Block) -> Finding:
        state.passed = False
        tripped = state.guards.observe(block)
        if tripped:
            state.guard = tripped[0]
            return Finding(Verdict.FAIL, tripped[1])
        if not 0.0 < block.weight_percent < 100.0:
            state.quiet_since = state.control_quiet_since = block.t
            return Finding(Verdict.INSUFFICIENT, f"at weight {block.weight_percent:g} there is no concurrent control")
        if not state.weights:
            _settle_metrics(state, block)
        _keep_time(state, block)
        _observe_metrics(state, block)
        total = 0.0
        for name, test in state.tests().items():
            total += state.weights[name] * test.value()
        state.log_e = math.log(total)
        finding = _finding(state, block)
        state.passed = finding.verdict is Verdict.PASS
        return finding

    def silent(self, state: State, gap: Gap) -> Finding:
        return Finding(Verdict.ERROR, f"no data: {gap.error}")

    def record(self, state: State, *, full: bool) -> dict[str, Any]:
        return full_record(state) if full else {"log_e": state.log_e}


def _settle_metrics(state: State, block: Block) -> None:
    """Fix which metrics count, before anything was weighed: the first line shows what its source can tell."""
    chosen, stable, candidate = state.settings.metrics, block.stable, block.candidate
    saturation = new_saturation_test(stable, candidate)
    if saturation.bets() if chosen is None else "saturation" in chosen:
        state.saturation = saturation
    names = set(stable.events) | set(candidate.events)
    if names and (chosen is None or "custom" in chosen):
        state.custom = new_event_test(names)
    state.weights = weights_of(state)


def _keep_time(state: State, block: Block) -> None:
    """Begin a stage, count its minutes, and put on the table what they free."""
    if block.stage != state.stage or block.stage_t < state.stage_t:
        if state.stage >= 0:
            for test in state.tests().values():
                test.stake(STAGE_STAKE)
        _new_stage(state, block.stage)
    state.stage_t, state.weight_percent = block.stage_t, block.weight_percent
    minute = int((block.begin + 1e-6) // 60.0)
    if minute > state.stage_minute:
        after = state.minutes + minute - state.stage_minute
        part = minute_stake(state.minutes, after)
        state.stage_minute, state.minutes = minute, after
        for test in state.tests().values():
            test.stake(part)


def _new_stage(state: State, stage: int) -> None:
    if state.latency:
        odds = state.share.odds(state.weight_percent) if state.stage >= 0 else 1.0
        state.latency.new_stage(stage, odds, state.settings)
    for test in (state.errors, state.percentile):
        if test:
            test.new_stage(stage)
    for test in (state.saturation, state.custom):
        if test:
            test.new_stage()
    state.stage, state.stage_minute, state.stage_seconds = stage, 0, 0.0
    state.stage_stable = state.stage_candidate = 0
    state.share, state.routing = ShareWindow(), RoutingTest()


def _observe_metrics(state: State, block: Block) -> None:
    settings, stable, candidate = state.settings, block.stable.requests, block.candidate.requests
    state.share.add(block.t, stable, candidate)
    odds = state.share.odds(block.weight_percent)
    if state.errors:
        state.errors.observe(block, odds, settings)
    if state.latency:
        state.latency.observe(block, odds, settings)
    if state.percentile:
        state.percentile.observe(block, settings.latency_margin)
    if state.saturation:
        state.saturation.observe(block)
    if state.custom:
        state.custom.observe(block, odds, settings)
    if settings.share == "checked":
        state.routing.observe(block, state.share)
    state.stage_stable += stable
    state.stage_candidate += candidate
    state.stage_seconds += block.seconds
    began = block.t - block.seconds
    state.quiet_since = block.t if candidate else began if state.quiet_since is None else state.quiet_since
    if stable or state.control_quiet_since is None:
        state.control_quiet_since = block.t if stable else began


def _finding(state: State, block: Block) -> Finding:
    log_limit = -math.log(state.settings.alpha)
    if state.log_e >= log_limit:
        return Finding(Verdict.FAIL, _harm(state))
    if state.routing.fault:
        return Finding(Verdict.INSUFFICIENT, f"routing fault: {state.routing.fault}")
    for who, since in (("the candidate", state.quiet_since), ("stable, the control,", state.control_quiet_since)):
        quiet = block.t - (since or 0.0)
        if quiet >= QUIET_SECONDS:
            return Finding(Verdict.INSUFFICIENT, f"no request reached {who} for {quiet:.0f} s")
    seen = state.stage_candidate
    if seen < PROMOTE_REQUESTS:
        return Finding(Verdict.CONTINUE, f"{seen} candidate requests in this stage, at least {PROMOTE_REQUESTS} needed")
    if not state.may_go_on(LOG_PROMOTE):
        return Finding(Verdict.CONTINUE, "no harm beyond chance; evidence to go on is not complete yet")
    if state.log_e >= log_limit / 2.0:
        return Finding(Verdict.CONTINUE, f"evidence of harm is at {state.log_e:.2f} of {log_limit:.2f}")
    return Finding(Verdict.PASS, "every required metric is shown to lie inside this stage's margin")


def _harm(state: State) -> str:
    """The metric that weighs most, with its figures."""
    parts = {name: state.weights[name] * test.value() for name, test in state.tests().items()}
    worst = max(parts, key=lambda name: parts[name])
    test = {"errors": state.errors, "latency": state.latency}.get(worst)
    if test is None:
        return f"{worst}: the candidate is worse than stable, beyond margin and chance"
    tally, what = test.tally, "errors" if worst == "errors" else "slow requests"
    return (
        f"{worst}: candidate {tally.candidate_k} {what} in {tally.candidate_n} requests of this stage, "
        f"stable {tally.stable_k} in {tally.stable_n}: worse, beyond margin and chance"
    )
