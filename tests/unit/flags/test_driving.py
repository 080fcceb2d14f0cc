"""Who may write to a flag in the name of a rollout: no older generation than the newest of its service."""

import pytest

from ferryman.flags.driving import driven, fenced
from ferryman.flags.ledger import Change, Driver, Fenced, Ledger, Recorded, Written, body_of
from ferryman.model.errors import Stale
from ferryman.model.generation import Generation
from ferryman.model.world import FlagShare
from flagkit import release, rollout

KEY = "new-checkout"
TEN = FlagShare("prod", KEY, 10.0)


def ledger() -> Ledger:
    made = Ledger()
    enter(made, Written((Change("prod", {KEY: release(rollout=rollout(0))}),), 0))
    return made


def enter(made: Ledger, body: Written | Fenced) -> None:
    kind = "flag_fenced" if isinstance(body, Fenced) else "flags_written"
    number = made.version + 1
    made.apply(Recorded(number, number, 1000.0, "ana", kind, body_of(body)))


def by(fence: int, rev: int, service: str = "shop") -> Driver:
    return Driver(service, f"{service}-1", Generation(fence, rev))


def test_an_older_generation_of_the_same_service_writes_no_more() -> None:
    made = ledger()
    body = driven(made, TEN, by(2, 7), "10%")
    assert body is not None
    enter(made, body)
    with pytest.raises(Stale, match="is older"):
        driven(made, TEN, by(1, 9), "late")
    assert driven(made, TEN, by(2, 7), "again") is None


def test_a_fence_keeps_out_who_came_before_although_nothing_was_to_be_changed() -> None:
    made = ledger()
    body = fenced(made, "prod", KEY, by(2, 7))
    assert body is not None
    enter(made, body)
    with pytest.raises(Stale):
        driven(made, TEN, by(1, 5), "late")
    with pytest.raises(Stale):
        fenced(made, "prod", KEY, by(1, 5))
    assert fenced(made, "prod", KEY, by(2, 9)) is None, "it stands already"
    assert made.environment("prod").versions[KEY] == 1, "nothing that is served changed"


def test_another_service_does_not_lift_a_fence() -> None:
    made = ledger()
    for service in ("shop", "cart"):
        body = fenced(made, "prod", KEY, by(2, 7, service))
        assert body is not None
        enter(made, body)
    with pytest.raises(Stale):
        driven(made, TEN, by(1, 5), "late")
    assert driven(made, TEN, by(1, 5, "web"), "its own") is not None
