"""The bets are fair: no null can be expected to lose to them, whatever happens inside a block."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from ferryman.analysis.betting.bets import (
    HarmBet,
    RateLikelihood,
    ReverseBet,
    ReverseLikelihood,
    log_add,
    log_mean,
    minute_stake,
    new_harm_bet,
    tilt,
)
from ferryman.analysis.betting.interval import GRID, LIMIT, RatioInterval

ODDS = st.floats(1e-4, 1e4)
EVENTS = st.integers(1, 120)


@given(ODDS, EVENTS, st.sampled_from([0.0, 0.01, 0.3, 0.9, 1.0]))
def test_a_harm_bet_wins_nothing_on_average_at_or_below_its_null(odds: float, total: int, part: float) -> None:
    """Any distribution of X with mean <= theta will do; two-point ones are the extreme dependence inside a block."""
    at = tilt(odds)
    assert at
    mean = part * at.theta

    def value_after(candidate: int) -> float:
        bet = new_harm_bet()
        bet.update(candidate, total, at)
        return bet.value()

    outcomes = np.arange(total + 1)
    values = np.array([value_after(int(candidate)) for candidate in outcomes])
    assert values.min() > 0
    assert float(binom.pmf(outcomes, total, mean) @ values) <= 1 + 1e-9
    assert (1 - mean) * values[0] + mean * values[-1] <= 1 + 1e-9


@given(ODDS, EVENTS, st.floats(1.0, 5.0), st.floats(0.0, 1.0))
def test_a_reverse_bet_wins_nothing_on_average_at_or_above_its_null(
    odds: float, total: int, rho: float, part: float
) -> None:
    theta = rho * odds / (1 + rho * odds)
    mean = theta + part * (1 - theta)

    def value_after(candidate: int) -> float:
        bet = ReverseBet(rho)
        bet.update(candidate, total, odds)
        return math.exp(bet.log_value())

    assert (1 - mean) * value_after(0) + mean * value_after(total) <= 1 + 1e-9


@given(ODDS, st.integers(1, 60), st.floats(1.0, 5.0))
def test_a_likelihood_wins_nothing_on_average_at_its_null(odds: float, total: int, rho: float) -> None:
    theta = rho * odds / (1 + rho * odds)
    outcomes = np.arange(total + 1)
    values: list[float] = []
    for candidate in outcomes:
        bet = ReverseLikelihood(rho)
        bet.update(int(candidate), total, odds)
        values.append(math.exp(bet.log_value()))
    assert float(binom.pmf(outcomes, total, theta) @ np.array(values)) == pytest.approx(1, abs=1e-6)


@given(st.sampled_from([0.01, 0.02, 0.03]), st.integers(1, 200))
def test_the_rate_likelihood_wins_nothing_on_average_at_its_limit(delta: float, requests: int) -> None:
    outcomes = np.arange(requests + 1)
    values: list[float] = []
    for errors in outcomes:
        bet = RateLikelihood(delta)
        bet.update(int(errors), requests)
        values.append(math.exp(bet.log_value()))
    assert float(binom.pmf(outcomes, requests, delta) @ np.array(values)) == pytest.approx(1, abs=1e-6)


@given(st.lists(st.floats(0.0, 0.5), max_size=30))
def test_stakes_only_move_cash(parts: list[float]) -> None:
    bet = HarmBet()
    for part in parts:
        bet.stake(part)
    assert bet.value() == pytest.approx(1)
    assert 0 <= bet.cash <= 1


@given(st.integers(0, 500), st.integers(0, 500))
def test_minute_stakes_add_up_however_many_pass_at_once(before: int, more: int) -> None:
    one_by_one = sum(0.2 / (k * (k + 1)) for k in range(before + 1, before + more + 1))
    assert minute_stake(before, before + more) == pytest.approx(one_by_one)


@given(st.lists(st.tuples(st.integers(0, 2**53), st.integers(0, 2**53), st.floats(1e-15, 1e18)), max_size=30))
def test_no_count_breaks_the_arithmetic(blocks: list[tuple[int, int, float]]) -> None:
    harm, reverse, likelihood = new_harm_bet(), ReverseBet(1.5), ReverseLikelihood(1.5)
    rate, interval = RateLikelihood(0.01), RatioInterval()
    for stable, candidate, odds in blocks:
        harm.update(candidate, stable + candidate, tilt(odds))
        reverse.update(candidate, stable + candidate, odds)
        likelihood.update(candidate, stable + candidate, odds)
        rate.update(candidate, stable)
        interval.observe(stable, candidate, 20.0, odds)
    logs = [reverse.log_value(), likelihood.log_value(), rate.log_value()]
    assert harm.value() > 0
    assert all(math.isfinite(value) for value in [*logs, harm.value()])
    ends = interval.ends()
    assert ends is None or 0 <= ends[0] <= ends[1] <= GRID[-1]


@given(st.lists(st.floats(-5000, 5000), min_size=1, max_size=6))
def test_sums_of_logs_do_not_overflow(logs: list[float]) -> None:
    assert min(logs) - 1e-9 <= log_mean(logs) <= max(logs) + 1e-9
    assert log_add(logs[0], logs[-1]) >= max(logs[0], logs[-1])


def test_false_alarms_of_a_bet_watched_at_every_block_stay_below_alpha() -> None:
    """2000 nulls at the margin, each looked at 300 times, in clusters: at most 5 % may ever reach 20."""
    rng = np.random.default_rng(11)
    at = tilt(1.2 * 0.25)
    assert at
    crossed = 0
    for _ in range(2000):
        bet = new_harm_bet()
        totals = 3 * rng.poisson(1.0, 300)
        for total in totals:
            if total:
                bet.update(3 * int(rng.binomial(total // 3, at.theta)), int(total), at)
                if bet.value() >= 20:
                    crossed += 1
                    break
    assert crossed / 2000 <= 0.05


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0, 5.0])
def test_the_interval_holds_the_true_ratio(ratio: float) -> None:
    rng = np.random.default_rng(int(ratio * 10))
    held = narrow = 0
    for _ in range(200):
        interval = RatioInterval()
        for _ in range(60):
            interval.observe(int(rng.poisson(20)), int(rng.poisson(20 * ratio * 0.25)), 20.0, 0.25)
        ends = interval.ends()
        held += ends is not None and ends[0] <= ratio <= ends[1]
        narrow += ends is not None and ends[1] < 3 * ratio and ends[0] > ratio / 3
    assert held >= 180
    assert narrow >= 180


def test_an_interval_that_crossed_is_none() -> None:
    interval = RatioInterval(above=[LIMIT] * len(GRID), below=[LIMIT] * len(GRID))
    assert interval.ends() is None
    assert RatioInterval().ends() == [0.0, GRID[-1]]
