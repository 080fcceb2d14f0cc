"""What a release file promises of capacity, worked out from the file alone: a second opinion beside the strategies."""

from __future__ import annotations

import math

from ferryman.model.release import Amount, Canary, Drill, FlagExposure, Recreate, Release, Rolling


def _up(amount: Amount, replicas: int) -> int:
    return math.ceil(amount.value * replicas / 100.0 - 1e-9) if amount.percent else int(amount.value)


def _down(amount: Amount, replicas: int) -> int:
    return math.floor(amount.value * replicas / 100.0 + 1e-9) if amount.percent else int(amount.value)


def least_and_most(release: Release, stable_replicas: int | None) -> tuple[int, int]:
    """(instances that must stay ready, instances that may exist) while `release` is carried over a stable version of
    so many instances (None: there is none). Where old and new size differ, the looser of the two counts."""
    wanted = release.replicas
    if stable_replicas is None:
        return 0, 2 * wanted + _surge(release, wanted)
    low, high = sorted((wanted, stable_replicas))
    strategy = release.strategy
    if isinstance(strategy, Recreate | FlagExposure):
        return 0, high
    if isinstance(strategy, Rolling) or (isinstance(strategy, Canary) and _unrouted(release)):
        return _rolling_least(strategy, low), high + _surge(release, high)
    if isinstance(strategy, Drill):
        return low, high + drilled(strategy, high)
    kept = max(1, strategy.keep_old)
    return low, wanted + kept * high


def drilled(strategy: Drill, stable_replicas: int) -> int:
    """How many instances a drill runs beside so many stable ones."""
    return max(1, _up(Amount(strategy.traffic_percent, percent=True), stable_replicas))


def _unrouted(release: Release) -> bool:
    return release.routing.port is None or release.routing.router == "none"


def _surge(release: Release, replicas: int) -> int:
    strategy = release.strategy
    if isinstance(strategy, Rolling) and strategy.max_surge is None:
        percent = 200.0 if strategy.maximum_percent is None else strategy.maximum_percent
        return math.floor(replicas * percent / 100.0) - replicas
    if isinstance(strategy, Rolling | Canary) and strategy.max_surge is not None:
        return _up(strategy.max_surge, replicas)
    return 0


def _rolling_least(strategy: Rolling | Canary, replicas: int) -> int:
    if strategy.max_unavailable is None or strategy.max_surge is None:
        percent = getattr(strategy, "minimum_healthy_percent", None)
        return math.ceil(replicas * (100.0 if percent is None else percent) / 100.0 - 1e-9)
    unavailable = _down(strategy.max_unavailable, replicas)
    if unavailable == 0 and _up(strategy.max_surge, replicas) == 0:
        unavailable = 1
    return max(0, replicas - unavailable)
