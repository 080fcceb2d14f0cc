"""What a drill is made of, and what it never touches."""

from typing import Any

import pytest

from ferryman.core.drilling import drill, smoke_checks
from ferryman.model.errors import Refused, UsageError
from ferryman.model.plan import Phase
from ferryman.model.release import BlueGreen, Check, Drill, Routing, RunCheck, SetWeight
from ferryman.model.rollout import Service
from unit.playbook import Book, canary, release

SMOKE = Check(name="smoke", http_path="/smoke")
LATER = Check(name="later", http_path="/later")


def serving(*labels: str, **settings: object) -> Book:
    book = Book()
    for label in labels:
        book.deploy(release(label, **{"strategy": canary(SetWeight(25)), **settings}))
        book.run()
    return book


def test_it_changes_nothing_that_outlives_it() -> None:
    book = serving("v1", "v2")
    before = book.service
    book.drill(traffic_percent=25.0, hold_seconds=2.0)
    book.run()
    after = book.service
    assert (after.promoted, after.releases, after.steady) == (before.promoted, before.releases, before.steady)
    assert after.rejected == {}
    assert book.rollout.phase is Phase.ROLLED_BACK
    assert book.rollout.cause is not None
    assert book.rollout.cause.kind == "drill"
    assert book.rollout.rollback_seconds == 1.0
    assert book.rollout.ready_seconds == 1.0
    assert {i.revision for i in book.instances.values()} == {"v2"}
    assert book.deploy(release("v2", strategy=canary(SetWeight(25)))).drafts == ()


@pytest.mark.parametrize(("percent", "count"), [(0.0, 1), (5.0, 1), (25.0, 1), (26.0, 2), (50.0, 2)])
def test_there_are_as_many_instances_as_the_share_needs(percent: float, count: int) -> None:
    book = serving("v1", "v2")
    book.drill(traffic_percent=percent)
    plan = book.service.queue[0].plan
    assert plan.steps[0].world.instances == {"v2": 4, "v1": count}
    assert plan.back[-1].world.instances == {"v2": 4}


@pytest.mark.parametrize("settings", [{"traffic_percent": 50.1}, {"traffic_percent": -1.0}, {"hold_seconds": 4000.0}])
def test_a_drill_stays_small(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        drill(serving("v1").service, actor="ana", **settings)
    assert refused.value.code == "bad_drill"


def test_nan_is_no_share() -> None:
    with pytest.raises(UsageError):
        drill(serving("v1").service, actor="ana", traffic_percent=float("nan"))


def test_without_a_router_it_would_take_work_at_once() -> None:
    book = serving("v1", "v2", routing=Routing(router="none"))
    with pytest.raises(Refused) as refused:
        book.drill()
    assert refused.value.code == "no_router"


def test_a_service_that_serves_nothing_has_nothing_to_rehearse() -> None:
    with pytest.raises(Refused) as refused:
        drill(Service(name="shop"), actor="ana")
    assert (refused.value.code, refused.value.legal) == ("no_target", ("deploy",))


def test_the_checks_are_those_of_the_version_to_go_back_to() -> None:
    book = serving("v1", strategy=BlueGreen(checks_before=(SMOKE,), checks_after=(LATER, SMOKE), bake_seconds=0.0))
    book.deploy(release("v2", strategy=canary(SetWeight(25))))
    book.run()
    book.drill()
    strategy = book.service.queue[0].release.strategy
    assert isinstance(strategy, Drill)
    assert strategy.checks == (SMOKE, LATER)


def test_where_checks_are_found() -> None:
    assert smoke_checks(release("v1", strategy=canary(RunCheck(SMOKE), SetWeight(25)))) == (SMOKE,)
    assert smoke_checks(release("v1", strategy=Drill(checks=(LATER,)))) == (LATER,)
