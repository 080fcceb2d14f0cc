"""Reading what Prometheus answers to an instant query. Pure.

Wire format: https://prometheus.io/docs/prometheus/latest/querying/api/ ("Instant queries", "Expression query result
formats"): ``{status, data: {resultType, result}, errorType, error}``; numbers are texts beside their time.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

import msgspec

from ferryman.model.errors import AdapterError, Rejected, Unreachable

SAID_CHARACTERS_MAX = 300
QUERY_CHARACTERS_MAX = 200
_LATER = frozenset({408, 425, 429})


class Sample(NamedTuple):
    """One series at the moment of the query."""

    labels: dict[str, str]
    value: float


class _Data(msgspec.Struct):
    resultType: str  # noqa: N815 -- as it is on the wire
    result: Any


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    errorType: str = ""  # noqa: N815
    error: str = ""


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str] | None = None


_read = msgspec.json.Decoder(_Answer).decode


def read_samples(status: int, body: bytes, query: str, server: str) -> tuple[Sample, ...]:
    """The series of an answer; a scalar is one without labels. Raises `Unreachable` for what may pass, else `Rejected`;
    both name query and server."""
    answer = _decoded(body)
    if answer is None or status >= 300 or answer.status != "success" or answer.data is None:
        raise _refused(status, answer, query, server)
    kind, result = answer.data.resultType, answer.data.result
    try:
        if kind == "scalar":
            _, text = cast("tuple[Any, Any]", result)
            return (Sample({}, float(text)),)
        if kind == "vector":
            return tuple(_sample(each, query, server) for each in msgspec.convert(result, list[_Series]))
    except (msgspec.ValidationError, ValueError, TypeError):
        raise wrong(query, server, "gives what is no number", "is this a Prometheus server?") from None
    raise wrong(
        query, server, f"gives a {kind[:40]}, not one number for each series", "leave out the range, as in [5m]"
    )


def _decoded(body: bytes) -> _Answer | None:
    try:
        return _read(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _sample(series: _Series, query: str, server: str) -> Sample:
    if series.value is None:
        raise wrong(query, server, "gives a native histogram", "ask for the series ..._bucket, with `le`")
    return Sample(series.metric, float(series.value[1]))


def _refused(status: int, answer: _Answer | None, query: str, server: str) -> AdapterError:
    if answer is None:
        said, hint = f"{server} answers {status}, and not as Prometheus does", "is the address right?"
        if status in {401, 403}:
            said, hint = f"{server} answers {status}", "are token, user and password right?"
    else:
        said = f"{server} answers {status} to {shown(query)}: {answer.errorType}: {answer.error[:SAID_CHARACTERS_MAX]}"
        hint = "try the query in the server's own page"
    passing = status >= 500 or status in _LATER
    return Unreachable("metrics_unreachable", said, hint) if passing else Rejected("metrics_refused", said, hint)


def wrong(query: str, server: str, what: str, hint: str) -> Rejected:
    """That the answer to a query is of no use."""
    return Rejected("metrics_refused", f"{shown(query)} {what}, says {server}", hint)


def shown(query: str) -> str:
    """A query as messages have it: one line, not too long."""
    line = " ".join(query.split())
    return f"`{line if len(line) <= QUERY_CHARACTERS_MAX else line[: QUERY_CHARACTERS_MAX - 3] + '...'}`"


def single(samples: tuple[Sample, ...], query: str, server: str) -> float | None:
    """The one number of an answer; None for none, and for one that is not a number. Raises `Rejected` for several."""
    if len(samples) > 1:
        raise wrong(
            query, server, f"gives {len(samples)} series, not one number", "write sum(...) or max(...) around it"
        )
    return samples[0].value if samples and not math.isnan(samples[0].value) else None
