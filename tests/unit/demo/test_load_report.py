"""Counters, windows and percentiles of the load client."""

import json
import math
import random

import pytest

from ferryman.demo.load_counts import LoadCounts
from ferryman.demo.load_report import (
    BUCKET_COUNT,
    LoadSnapshot,
    bucket_of,
    percentile_ms,
    report_between,
    snapshot_from_dict,
)
from ferryman.demo.load_users import VirtualUser


def snapshot(counts: LoadCounts, now: float) -> LoadSnapshot:
    return counts.snapshot(now, in_flight=0, connections_open=0)


def test_percentiles_are_near_the_truth() -> None:
    chance = random.Random(7)
    samples = sorted(5 * chance.lognormvariate(0, 0.8) for _ in range(20_000))
    counts: dict[int, int] = {}
    for sample in samples:
        counts[bucket_of(sample)] = counts.get(bucket_of(sample), 0) + 1
    for percent in (1, 50, 95, 99):
        truth = samples[math.ceil(len(samples) * percent / 100) - 1]
        assert percentile_ms(counts, percent) == pytest.approx(truth, rel=0.045)


def test_no_samples_have_no_percentile_and_extremes_have_a_bucket() -> None:
    assert percentile_ms({}, 50) is None
    assert bucket_of(0.0) == 0
    assert bucket_of(1e9) == BUCKET_COUNT - 1


def test_a_window_holds_what_happened_in_it_only() -> None:
    counts = LoadCounts(100.0)
    counts.answered("v1", 200, 5.0, 101.0)
    counts.answered("v1", 500, 5.0, 102.0)
    counts.failed("connect", "before", 102.0)
    before = snapshot(counts, 110.0)
    for _ in range(3):
        counts.answered("v2", 200, 50.0, 111.0)
    counts.answered("v2", 503, 50.0, 112.0)
    counts.answered("v2", 404, 50.0, 112.0)
    counts.answered("v1", 200, 5.0, 113.0)
    counts.failed("status", "within", 114.0)
    counts.retried += 2
    after = snapshot(counts, 120.0)

    window = report_between(before, after)
    assert (window.seconds, window.requests, window.requests_per_second) == (10.0, 7, 0.7)
    assert (window.client_failures, window.app_errors, window.retried) == (1, 1, 2)
    assert window.failures_by_kind == {"status": 1}
    assert [example.text for example in window.examples] == ["within"]
    v2 = window.versions["v2"]
    assert (v2.requests, v2.app_errors, v2.refusals, v2.share_percent) == (5, 1, 1, 83.33)
    assert v2.p95_ms == pytest.approx(50, rel=0.05)
    assert (v2.first_seen_epoch_seconds, v2.last_seen_epoch_seconds) == (111.0, 112.0)
    assert window.versions["v1"].requests == 1

    whole = report_between(None, after)
    assert (whole.requests, whole.client_failures, whole.app_errors) == (10, 2, 2)
    assert report_between(after, after).versions == {}
    with pytest.raises(ValueError, match="the earlier one first"):
        report_between(after, before)


def test_a_snapshot_survives_json() -> None:
    counts = LoadCounts(100.0)
    counts.answered("v1", 200, 5.0, 101.0)
    counts.answered("", 200, 5.0, 101.0)
    counts.failed("timeout", "late", 102.0)
    counts.moved("v1", "v2", back=False)
    one = snapshot(counts, 103.0)
    again = snapshot_from_dict(json.loads(json.dumps(one.to_dict())))
    assert again == one
    assert json.loads(json.dumps(report_between(None, one).to_dict()))["versions"]["(none)"]["requests"] == 1


def test_memory_is_bounded() -> None:
    counts = LoadCounts(0.0)
    for number in range(500):
        counts.answered(f"v{number}", 200, 1.0, 1.0)
        counts.failed("reset", f"{number} " + "x" * 1000, float(number))
        counts.moved(f"v{number}", "v", back=False)
    one = snapshot(counts, 1.0)
    assert len(one.versions) == 65
    assert sum(version.requests for version in one.versions.values()) == 500
    assert one.client_failures == 500
    assert [example.text.split()[0] for example in one.examples] == [str(n) for n in (*range(10), *range(460, 500))]
    assert max(len(example.text) for example in one.examples) <= 240


def test_a_user_keeps_cookies_until_they_expire() -> None:
    user = VirtualUser(0)
    user.keep_cookies(b"fm_r=abc; Max-Age=60; HttpOnly\nother=1\nnonsense")
    assert user.header == b"Cookie: fm_r=abc; other=1\r\n"
    user.keep_cookies(b"fm_r=; max-age=0; Path=/")
    assert user.header == b"Cookie: other=1\r\n"
    user.keep_cookies(b"other=; Max-Age=-1")
    assert user.header == b""


def test_a_user_who_returns_has_moved_back() -> None:
    user = VirtualUser(3)
    moves = [user.met(version) for version in ("v1", "v1", "v2", "v2", "v1", "v3")]
    assert moves == [False, False, False, False, True, False]
    assert user.trail.versions == ("v1", "v2", "v1", "v3")
    assert user.trail.moved_back == 1
