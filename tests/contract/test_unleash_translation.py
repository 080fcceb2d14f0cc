"""Features of Unleash, imported: whether their clients, and ours, are told the same as before.

Unleash's own engine judges: of each feature as it was, and of what our definitions give its clients.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from yggdrasil_engine.engine import UnleashEngine

from ferryman.flags.check import check_set
from ferryman.flags.compile import compile_all
from ferryman.flags.definition import FlagSet, in_environment
from ferryman.flags.importing.base import Choice
from ferryman.flags.importing.readers import import_flags
from ferryman.flags.render.cases import UntranslatableError
from ferryman.flags.render.unleash import render
from ferryman.spec.flags import parse_flags
from ferryman_flags import Evaluator
from served_flags import serving_flags
from unleash_cases import AREAS, Area, User

CHOICE = Choice("shop", "2027-03-31")
Seen = tuple[bool, str, str]


def imported(area: Area) -> FlagSet:
    made = import_flags({"version": 2, "features": area.features, "segments": list(area.segments)}, CHOICE)
    defined = parse_flags(json.dumps(made.document), "imported.yaml").defined
    whole = FlagSet({key: in_environment(flag, "prod") for key, flag in defined.flags.items()}, defined.segments)
    assert list(check_set(whole, "prod")) == []
    return whole


def engine(features: list[Any], segments: list[Any]) -> UnleashEngine:
    made = UnleashEngine()
    made.take_state(json.dumps({"version": 2, "features": features, "segments": segments}))
    return made


def seen(by: UnleashEngine, name: str, user: User) -> Seen:
    """A variant without a payload has its name for one here."""
    found = by.get_variant(name, user).variant
    payload = found.payload or ({"type": "string", "value": found.name} if found.enabled else {})
    return by.is_enabled(name, user).is_enabled, found.name, json.dumps(payload)


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_their_clients(area: Area) -> None:
    whole = imported(area)
    served, lost = [], {}
    for key, flag in whole.flags.items():
        try:
            served.append(render(flag, whole, {}))
        except UntranslatableError as error:
            lost[key] = str(error)
    before, after = engine(area.features, list(area.segments)), engine(served, [])
    wrong: list[Any] = [("lost", lost)] if lost else []
    for each in area.features:
        for user in area.users:
            was, now = seen(before, each["name"], user), seen(after, each["name"], user)
            if was != now:
                wrong.append((each["name"], user, was, now))
    assert not wrong, wrong[:40]


@pytest.mark.parametrize("area", [area for area in AREAS if not area.drawn], ids=lambda area: area.name)
def test_our_clients(area: Area) -> None:
    whole = imported(area)
    evaluator = Evaluator()
    evaluator.load({"flags": compile_all(whole, {})})
    before = engine(area.features, list(area.segments))
    wrong: list[Any] = []
    for each in area.features:
        for user in area.users:
            own = {name: value for name, value in user.items() if name not in {"userId", "properties"}}
            context = {**own, **user.get("properties", {}), "targetingKey": user.get("userId")}
            found = evaluator.details(each["name"], None, context)
            is_on = found.error is None and found.variant != whole.flags[each["name"]].off
            if is_on != before.is_enabled(each["name"], user).is_enabled:
                wrong.append((each["name"], user, found))
    assert not wrong, wrong[:40]


def test_deltas_add_up() -> None:
    """Of features that came and went in events: as Unleash's engine takes them."""

    def at(number: int, kind: str, **more: Any) -> dict[str, Any]:
        return {"eventId": number, "type": kind, **more}

    listed = {"name": "userWithId", "parameters": {"userIds": "ana"}}
    inside = {"name": "default", "segments": [7]}
    plan = {"contextName": "plan", "operator": "IN", "values": ["pro"]}
    events = [
        at(1, "hydration", features=[{"name": "a", "enabled": True, "strategies": [listed]}], segments=[]),
        at(2, "feature-updated", feature={"name": "b", "enabled": True, "strategies": [inside]}),
        at(3, "segment-updated", segment={"id": 7, "constraints": [plan]}),
        at(4, "feature-updated", feature={"name": "c", "enabled": True, "strategies": [listed]}),
        at(5, "feature-updated", feature={"name": "a", "enabled": True, "strategies": [{"name": "default"}]}),
        at(6, "feature-removed", featureName="c", project="default"),
        at(7, "somewhat-newer"),
    ]
    made = import_flags({"events": events}, CHOICE)
    flags = parse_flags(json.dumps(made.document), "imported.yaml").defined
    whole = FlagSet({key: in_environment(flag, "prod") for key, flag in flags.flags.items()}, flags.segments)
    before = UnleashEngine()
    before.take_state(json.dumps({"events": events[:-1]}))
    after = engine([render(flag, whole, {}) for flag in whole.flags.values()], [])
    users: list[User] = [
        {"userId": user, "properties": {"plan": p}} for user in ("ana", "ben") for p in ("pro", "free")
    ]
    told = {name: [seen(after, name, user) for user in users] for name in "abc"}
    assert told == {name: [seen(before, name, user) for user in users] for name in "abc"}
    assert len({str(found) for found in told.values()}) == 3


@pytest.mark.parametrize("name", ["simple", "drawn", "dependent", "variants"])
def test_stored_and_served(name: str, tmp_path: Path) -> None:
    """Through the server: what it answers where Unleash's clients ask."""
    area = next(area for area in AREAS if area.name == name)
    made = import_flags({"version": 2, "features": area.features, "segments": list(area.segments)}, CHOICE)
    with serving_flags(tmp_path, json.dumps(made.document)) as served:
        answer = httpx2.get(f"{served.url}/api/client/features", headers={"authorization": served.token})
    assert answer.status_code == 200
    before, after = engine(area.features, list(area.segments)), UnleashEngine()
    after.take_state(answer.text)
    for each in area.features:
        for user in area.users:
            assert seen(before, each["name"], user) == seen(after, each["name"], user), (each, user)
