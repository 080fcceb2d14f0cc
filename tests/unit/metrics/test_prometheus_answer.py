"""What is read out of a Prometheus server's answers, and how the others are told."""

from __future__ import annotations

import json

import pytest

from ferryman.metrics.base import BOUNDS_MS
from ferryman.metrics.prometheus import basic, build, placed_buckets
from ferryman.metrics.prometheus_answer import Sample, read_samples, single
from ferryman.model.errors import AdapterError, Rejected, Unreachable

SERVER = "http://metrics.example"
QUERY = 'sum by (code) (\n  http_requests_total{variant="on"}\n)'


def answer(kind: str, result: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def vector(*values: str) -> bytes:
    return answer("vector", [{"metric": {"code": str(n)}, "value": [1.5, value]} for n, value in enumerate(values)])


def test_vectors_and_scalars() -> None:
    assert read_samples(200, vector("3", "4.5"), QUERY, SERVER) == (
        Sample({"code": "0"}, 3),
        Sample({"code": "1"}, 4.5),
    )
    assert read_samples(200, answer("scalar", [1, "2"]), QUERY, SERVER) == (Sample({}, 2),)
    assert read_samples(200, vector(), QUERY, SERVER) == ()


def test_one_number() -> None:
    assert single(read_samples(200, vector("3"), QUERY, SERVER), QUERY, SERVER) == 3
    assert single((), QUERY, SERVER) is None
    assert single(read_samples(200, vector("NaN"), QUERY, SERVER), QUERY, SERVER) is None
    with pytest.raises(Rejected, match="2 series"):
        single(read_samples(200, vector("3", "4"), QUERY, SERVER), QUERY, SERVER)


HISTOGRAM = [{"metric": {}, "histogram": [1, {"count": "1", "sum": "1"}]}]
MATRIX = [{"metric": {}, "values": [[1, "1"]]}]


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, b'{"status":"error","errorType":"bad_data","error":"parse error"}', Rejected, "parse error"),
        (422, b'{"status":"error","errorType":"execution","error":"too many samples"}', Rejected, "too many samples"),
        (503, b'{"status":"error","errorType":"timeout","error":"query timed out"}', Unreachable, "timed out"),
        (502, b"<html>bad gateway</html>", Unreachable, "502"),
        (401, b"Unauthorized", Rejected, "401"),
        (302, b"", Rejected, "302"),
        (200, b"<html>a page</html>", Rejected, "not as Prometheus"),
        (200, answer("matrix", MATRIX), Rejected, "matrix"),
        (200, answer("string", [1, "x"]), Rejected, "string"),
        (200, answer("vector", HISTOGRAM), Rejected, "native histogram"),
        (200, answer("vector", 5), Rejected, "no number"),
        (200, answer("scalar", [1]), Rejected, "no number"),
        (200, vector("many"), Rejected, "no number"),
    ],
)
def test_any_other_answer_is_an_error(status: int, body: bytes, kind: type[AdapterError], words: str) -> None:
    with pytest.raises(AdapterError, match=words) as caught:
        read_samples(status, body, QUERY, SERVER)
    assert type(caught.value) is kind
    assert SERVER in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_buckets_are_placed_by_their_upper_bounds() -> None:
    steps = {"0.005": 10, "0.25": 30, "2.5": 31, "+Inf": 33}
    samples = tuple(Sample({"le": le, "instance": "a"}, count) for le, count in steps.items())
    found = placed_buckets(samples, QUERY, SERVER)
    counts = found[frozenset({("instance", "a")})]
    assert sum(counts) == 33
    assert counts[-1] == 2
    for bound_ms, count in ((5, 10), (250, 20), (2500, 1)):
        place = next(n for n, bound in enumerate(BOUNDS_MS) if bound >= bound_ms)
        assert counts[place] == count


def test_buckets_need_le_and_sense() -> None:
    with pytest.raises(Rejected, match="`le`"):
        placed_buckets((Sample({"instance": "a"}, 1),), QUERY, SERVER)
    with pytest.raises(Rejected, match="nan"):
        placed_buckets((Sample({"le": "1"}, float("nan")),), QUERY, SERVER)


def test_what_is_sent() -> None:
    request = build("http://m.example/prom", "up", basic("ana", "s"))
    assert request.url == "http://m.example/prom/api/v1/query"
    assert request.headers["Authorization"] == "Basic YW5hOnM="
    assert request.form["query"] == "up"
