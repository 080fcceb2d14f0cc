"""What Envoy counts for the judge: two statistics access loggers and the bounds of their histogram.

`fm.req` counts every finished request by version, status code, response flags and the kind of route it took.
`fm.dur_us` is a histogram of microseconds from the first byte of the request to the last byte of the answer, and
`fm.over` counts what took longer than its last bound, which Envoy does not show. Streams (upgrades and server-sent
events) and clients that left before an answer have no duration.
Source: Envoy API `envoy.extensions.access_loggers.stats.v3.Config`, command operators of the access log.
"""

from __future__ import annotations

from ferryman.routers.envoy.names import TYPE, Json

SCOPE = "fm"
BOUNDS_US = tuple(round(1000 * 2 ** (i / 4)) for i in range(57))
"""Upper bounds in microseconds: 1 ms to 16.4 s, each 2^(1/4) = 1.19 times the one before."""
OVERLONG_MS = 17_000
"""Envoy's histograms keep two significant digits, so that 16.0 to 17.0 s is one bin and counts as below 16.4 s."""

EVENT_STREAM = "text/event-stream"


def histogram_settings() -> Json:
    """The `stats_config` part of the bootstrap."""
    return {
        "histogram_bucket_settings": [
            {"match": {"prefix": f"{SCOPE}.dur_us"}, "buckets": [float(bound) for bound in BOUNDS_US]}
        ]
    }


def access_loggers() -> list[Json]:
    """The loggers of a listener that users see."""
    version: Json = {"name": "version", "value_format": "%UPSTREAM_CLUSTER%"}
    route: Json = {"name": "route", "value_format": "%ROUTE_NAME%"}
    outcome: list[Json] = [
        {"name": "code", "value_format": "%RESPONSE_CODE%"},
        {"name": "flags", "value_format": "%RESPONSE_FLAGS%"},
    ]
    requests: Json = {
        "counters": [{"stat": {"name": "req", "tags": [version, route, *outcome]}, "value_fixed": 1}],
    }
    durations: Json = {
        "histograms": [
            {
                "stat": {"name": "dur_us", "tags": [version, route]},
                "unit": "Microseconds",
                "value_format": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
            }
        ],
    }
    overlong: Json = {"counters": [{"stat": {"name": "over", "tags": [version, route]}, "value_fixed": 1}]}
    too_long: Json = {"duration_filter": {"comparison": _at_least(OVERLONG_MS, "ferryman.overlong")}}
    return [
        _logger("ferryman.requests", requests),
        _logger("ferryman.durations", durations) | {"filter": {"and_filter": {"filters": _answered()}}},
        _logger("ferryman.overlong", overlong) | {"filter": {"and_filter": {"filters": [*_answered(), too_long]}}},
    ]


def _logger(name: str, config: Json) -> Json:
    kind = f"{TYPE}envoy.extensions.access_loggers.stats.v3.Config"
    return {"name": name, "typed_config": {"@type": kind, "stats_scope": {"prefix": SCOPE}, **config}}


def _answered() -> list[Json]:
    no_upgrade: Json = {"header_filter": {"header": {"name": "upgrade", "present_match": False}}}
    silent: Json = {"header_filter": {"header": {"name": "accept", "present_match": False}}}
    other: Json = {
        "header_filter": {
            "header": {"name": "accept", "string_match": {"contains": EVENT_STREAM}, "invert_match": True}
        }
    }
    no_stream: Json = {"or_filter": {"filters": [silent, other]}}
    answered: Json = {"status_code_filter": {"comparison": _at_least(100, "ferryman.answered")}}
    return [no_upgrade, no_stream, answered]


def _at_least(value: int, key: str) -> Json:
    """A comparison; Envoy wants a key under which its runtime could override the value, and nothing does."""
    return {"op": "GE", "value": {"default_value": value, "runtime_key": key}}
