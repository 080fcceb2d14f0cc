"""The numbers the default judge stands on, and the options that change some of them."""

from __future__ import annotations

from typing import Any

import msgspec

from ferryman.analysis.options import Option, option_values

METRICS = ("errors", "latency", "saturation", "custom")
# Before they are scaled to sum to 1 over the metrics in use.
METRIC_WEIGHTS = {"errors": 0.5, "latency": 0.3, "saturation": 0.1, "custom": 0.1}

# In the first seconds of a stage a cold candidate may be this much worse.
WARMUP_RATIO = 2.0
# Coarse buckets cannot show a small shift: both versions are then cut at the same bound, with this margin.
COARSE_RATIO = 1.25

# Margins of promotion, by stage: first, second, third and later.
PROMOTE_RATIOS = (5.0, 2.0, 1.5)
PROMOTE_RATES = (0.03, 0.02, 0.01)
PROMOTE_LATENCY = (2.0, 1.5, 1.25)
PROMOTE_LIMIT = 20.0
PROMOTE_REQUESTS = 100

OPTIONS = {
    "alpha": Option(
        default=0.01,
        low=1e-9,
        high=0.5,
        about="chance of rolling back a release that is no worse, spent once per rollout",
    ),
    "metrics": Option(
        default=None,
        kind="names",
        choices=METRICS,
        none=True,
        about="what is weighed; by default errors and latency, and the others where the first line brings them",
    ),
    "latency": Option(
        default="buckets",
        kind="choice",
        choices=("buckets", "p95"),
        about="what latency is read from; p95 is for sources that know no histogram and send `p95_ms`",
    ),
    "error_margin": Option(
        default=1.2, low=1.0, high=10.0, about="error rates up to this many times stable are no harm"
    ),
    "latency_margin": Option(
        default=1.15, low=1.0, high=10.0, about="latencies up to this many times stable are no harm"
    ),
    "warmup_seconds": Option(
        default=20.0, low=0.0, high=3600.0, about="margins are 2 at the start of a stage, this long"
    ),
    "error_block_seconds": Option(
        default=0.0,
        low=0.0,
        high=600.0,
        about="errors are settled in blocks of at least this length; raise it where errors come in clusters",
    ),
    "share": Option(
        default="checked",
        kind="choice",
        choices=("checked", "unchecked"),
        about="unchecked: a candidate may get another share of the requests than the percentage that is asked for",
    ),
    "delta": Option(
        default=None,
        none=True,
        low=1e-9,
        high=0.5,
        about="an error rate that is acceptable in itself: below it no ratio is harm",
    ),
}


class Settings(msgspec.Struct, frozen=True, array_like=True):
    """The options as given; see `OPTIONS` for what each means."""

    alpha: float
    metrics: tuple[str, ...] | None
    latency: str
    error_margin: float
    latency_margin: float
    warmup_seconds: float
    error_block_seconds: float
    delta: float | None
    share: str = "checked"


def settings_of(spec: dict[str, Any]) -> Settings:
    """Settings from the `spec` of a header; its options have been checked."""
    values = option_values(OPTIONS, spec)
    return msgspec.convert([values[name] for name in Settings.__struct_fields__], Settings, strict=False)


def by_stage(margins: tuple[float, ...], stage: int) -> float:
    """The margin of a stage: the last one serves all later stages."""
    return margins[min(stage, len(margins) - 1)]
