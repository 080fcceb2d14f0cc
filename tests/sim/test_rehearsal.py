"""A release of one's own in the simulated world: what would happen, before it does."""

from __future__ import annotations

import logging

import pytest
from msgspec.structs import replace

from ferryman.model.calendar import Window, Windows
from ferryman.model.errors import Refused, UsageError
from ferryman.model.release import (
    Amount,
    Analysis,
    Approval,
    Approvals,
    BlueGreen,
    Canary,
    Pause,
    Release,
    Rolling,
    Routing,
    SetWeight,
)
from ferryman.sim.failure import Failure, parse_failure
from ferryman.sim.rehearsal import CommonOutage, Rehearsal, Rehearsed, Wish
from ferryman.sim.traffic import Load

CANARY = Canary(steps=(SetWeight(5, 60), SetWeight(25, 60), SetWeight(50, 60)))
RELEASE = Release(
    service="checkout",
    label="v2",
    command=("run",),
    replicas=4,
    health_http_path="/",
    strategy=CANARY,
    routing=Routing(port=8080),
)
UNJUDGED = replace(RELEASE, analysis=Analysis(enabled=False))


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="ferryman")


def rehearse(*failures: str, release: Release = RELEASE, seed: int = 1, **more: object) -> Rehearsed:
    wish = Wish(release, tuple(map(parse_failure, failures)), seed=seed)
    found = Rehearsal(replace(wish, **more)).rehearse()
    assert not found.violations
    return found


def test_a_good_release_is_promoted() -> None:
    found = rehearse()
    assert (found.outcome, found.harmed, found.failed_at, found.back_at) == ("promoted", 0, None, None)
    assert found.met > 0
    assert [m.served_percent for m in found.moments] == sorted(m.served_percent for m in found.moments)


def test_errors_take_it_back_and_few_are_harmed() -> None:
    found = rehearse("errors x20 at 25%")
    assert (found.outcome, found.most_percent) == ("rolled_back", 25.0)
    assert found.failed_at is not None
    assert found.back_at is not None
    assert found.clear_at is not None
    assert found.failed_at < found.back_at <= found.clear_at < found.back_at + 1.0
    assert 0 < found.harmed < found.met


@pytest.mark.parametrize("failure", ["latency x4", "errors 30% after 20s", "crash at 5%", "never-ready"])
def test_every_failure_has_its_effect(failure: str) -> None:
    assert rehearse(failure).outcome == "rolled_back"


def test_the_same_seed_is_the_same_story_and_another_one_another() -> None:
    first, again, other = (rehearse("errors x20 at 25%", seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "strategy", [Rolling(), BlueGreen(bake_seconds=5.0, scale_down_delay_seconds=1.0), BlueGreen(auto_promote=False)]
)
def test_every_strategy_can_be_rehearsed(strategy: Rolling | BlueGreen) -> None:
    assert rehearse(release=replace(RELEASE, strategy=strategy)).outcome == "promoted"


@pytest.mark.parametrize(
    ("outage", "outcome"),
    [
        (CommonOutage(120.0, 90.0, at_percent=50.0), "promoted"),
        (CommonOutage(60.0, 5.0, at_percent=100.0), "rolled_back"),
    ],
)
def test_an_outage_of_both_takes_nobody_back_once_both_were_seen_in_it(outage: CommonOutage, outcome: str) -> None:
    """In the bake nothing is left to compare with; what stable showed just before the switch is remembered."""
    strategy = Canary(steps=(SetWeight(50, 120, analyse=False),), bake_seconds=60.0)
    release = replace(RELEASE, strategy=strategy)
    assert rehearse(release=release, outages=(outage,), load=Load(rps=50.0)).outcome == outcome


def test_a_pause_waits_for_a_person_who_may_not_come() -> None:
    release = replace(RELEASE, strategy=Canary(steps=(SetWeight(5, 10, analyse=False), Pause())))
    assert any(m.text == "a person promotes" for m in rehearse(release=release).moments)
    found = rehearse(release=release, person_seconds=None)
    assert (found.outcome, found.reason) == ("waits", "waits for a person")


def test_without_a_router_the_share_is_that_of_the_instances() -> None:
    release = replace(RELEASE, routing=Routing(), health_http_path=None, strategy=CANARY)
    found = rehearse("crash at 25%", release=release)
    assert found.failed_at is not None
    assert found.most_percent >= 25.0


def test_what_could_not_be_deployed_is_refused() -> None:
    rolling = Rolling(max_surge=Amount(0), max_unavailable=Amount(0))
    with pytest.raises(Refused) as refusal:
        rehearse(release=replace(RELEASE, strategy=rolling))
    assert refusal.value.code == "bounds_deadlock"


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("errors x5 at 25%", Failure("errors", 5.0, at_percent=25.0)),
        ("errors 3%", Failure("share", 3.0)),
        ("latency x1.5 after 2m", Failure("latency", 1.5, after_seconds=120.0)),
        ("crash after 30s", Failure("crash", after_seconds=30.0)),
        ("never-ready", Failure("never-ready")),
    ],
)
def test_failures_are_written_as_they_are_read(text: str, failure: Failure) -> None:
    assert parse_failure(text) == failure
    assert parse_failure(str(failure)) == failure


@pytest.mark.parametrize(
    "text", ["", "errors", "errors x5 at", "errors 300%", "crash at 101%", "fire", "errors x5 25%"]
)
def test_what_is_no_failure_is_told_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="--fail") as problem:
        parse_failure(text)
    assert "errors x5 at 25%" in problem.value.hint


def test_people_agree_one_after_the_other_or_nobody_comes() -> None:
    asks = replace(
        UNJUDGED, approvals=Approvals(start=Approval(1, "admin", 600.0), promotion=Approval(2, "operator", 600.0))
    )
    found = rehearse(release=asks)
    assert found.outcome == "promoted"
    assert sum(m.kind == "approved" for m in found.moments) == 3
    alone = rehearse(release=asks, person_seconds=None)
    assert (alone.outcome, alone.most_percent) == ("rolled_back", 0.0)
    assert "approved 0/1" in alone.reason


def test_nobody_who_comes_is_waited_for_without_end() -> None:
    asks = replace(UNJUDGED, approvals=Approvals(promotion=Approval(1, "operator", None)))
    assert rehearse(release=asks, person_seconds=None).outcome == "waits"


def test_the_date_of_a_simulation_opens_and_shuts_nothing() -> None:
    shut = replace(RELEASE, windows=Windows(open=(Window(from_minute=1, to_minute=2),)))
    assert rehearse(release=shut) == rehearse()
