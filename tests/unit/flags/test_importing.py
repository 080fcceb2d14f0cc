"""Exports of other systems become flags files that pass every check and serve what they served there."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from ferryman.flags.importing.base import UnreadableError
from ferryman.flags.importing.readers import READERS, import_flags
from unit.flags.importing_kit import CHOICE, World


def feature(name: str, *strategies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "release", "enabled": True, "strategies": list(strategies), **more}


IN_GERMANY = {"contextName": "country", "operator": "IN", "values": ["de"]}
UNLEASH = {
    "version": 2,
    "segments": [
        {"id": 3, "name": "beta", "constraints": [{"contextName": "age", "operator": "NUM_GTE", "value": "18"}]}
    ],
    "features": [
        feature("all", {"name": "default"}),
        feature("ids", {"name": "userWithId", "parameters": {"userIds": "ana, ben"}}, type="permission"),
        feature(
            "ten",
            {
                "name": "flexibleRollout",
                "parameters": {"rollout": "10", "groupId": "ten", "stickiness": "default"},
            },
        ),
        feature(
            "either",
            {"name": "default", "constraints": [IN_GERMANY]},
            {
                "name": "flexibleRollout",
                "parameters": {"rollout": 20, "stickiness": "sessionId"},
                "segments": [3],
            },
            type="operational",
        ),
        feature(
            "hard",
            {
                "name": "default",
                "constraints": [
                    {
                        "contextName": "mail",
                        "operator": "STR_ENDS_WITH",
                        "values": ["@SHOP"],
                        "caseInsensitive": True,
                    },
                    {"contextName": "app", "operator": "SEMVER_GT", "value": "1.0.0", "inverted": True},
                ],
            },
            type="operational",
        ),
        feature("own", {"name": "byMoonPhase", "parameters": {}}, type="operational"),
        feature("dark", {"name": "default"}, enabled=False),
        feature(
            "variants",
            {"name": "default", "constraints": [IN_GERMANY]},
            variants=[
                {"name": "a", "weight": 500, "payload": {"type": "string", "value": "A"}},
                {"name": "b", "weight": 500, "payload": {"type": "string", "value": "B"}},
            ],
            type="experiment",
        ),
    ],
}


def test_unleash() -> None:
    world = World(UNLEASH)
    assert world.serves("all") == "on"
    assert (world.serves("ids", "ben"), world.serves("ids", "cleo")) == ("on", "off")
    assert 8 <= world.share("ten", "on") <= 12
    assert world.serves("either", country="de") == "on"
    sessions = [world.serves("either", age=20, sessionId=f"s{n}") for n in range(1000)]
    assert 16 <= sessions.count("on") / 10 <= 24
    assert world.serves("either", age=17, sessionId="s1") == "off"
    assert world.serves("hard", mail="a@shop", app="0.9.0") == "on"
    assert world.serves("hard", mail="a@shop", app="1.1.0") == "off"
    assert world.serves("own") == "off"
    assert any("own: its strategy 'byMoonPhase'" in note for note in world.imported.notes)
    assert 45 <= world.share("variants", "a", country="de") <= 55
    assert world.serves("variants", country="at") == "off"
    assert world.serves("dark") == "on"


def test_split() -> None:
    def condition(kind: str, matcher: dict[str, Any] | None = None, *parts: tuple[str, int]) -> dict[str, Any]:
        return {
            "conditionType": kind,
            "matcherGroup": {"combiner": "AND", "matchers": [matcher or {"matcherType": "ALL_KEYS"}]},
            "partitions": [{"treatment": name, "size": size} for name, size in parts],
        }

    listed = {"matcherType": "WHITELIST", "whitelistMatcherData": {"whitelist": ["ana"]}}
    older = {
        "matcherType": "GREATER_THAN_OR_EQUAL_TO",
        "keySelector": {"trafficType": "user", "attribute": "age"},
        "unaryNumericMatcherData": {"dataType": "NUMBER", "value": 18},
        "negate": True,
    }
    world = World(
        {
            "splits": [
                {
                    "name": "mine",
                    "defaultTreatment": "off",
                    "trafficAllocation": 100,
                    "conditions": [
                        condition("WHITELIST", listed, ("on", 100)),
                        condition("ROLLOUT", older, ("off", 100)),
                        condition("ROLLOUT", None, ("on", 25), ("off", 75)),
                    ],
                },
                {
                    "name": "half of it",
                    "defaultTreatment": "off",
                    "trafficAllocation": 50,
                    "conditions": [condition("ROLLOUT", None, ("on", 100))],
                },
                {"name": "old", "status": "ARCHIVED", "conditions": []},
                {
                    "name": "dead",
                    "killed": True,
                    "defaultTreatment": "off",
                    "conditions": [condition("ROLLOUT", None, ("on", 100))],
                },
            ]
        }
    )
    assert world.serves("mine", "ana", age=17) == "on"
    assert 21 <= world.share("mine", "on", age=30) <= 29
    assert world.share("mine", "on", age=17) == 0
    assert 45 <= world.share("half-of-it", "on") <= 55
    assert set(world.whole.flags) == {"mine", "half-of-it", "dead"}
    assert world.serves("dead") == "on"


def test_optimizely() -> None:
    audience = {
        "id": "7",
        "name": "de",
        "conditions": json.dumps(
            ["and", ["or", ["or", {"name": "country", "type": "custom_attribute", "match": "exact", "value": "de"}]]]
        ),
    }
    on, off = {"id": "v1", "key": "yes", "featureEnabled": True}, {"id": "v2", "key": "no", "featureEnabled": False}
    world = World(
        {
            "version": "4",
            "audiences": [audience],
            "experiments": [
                {
                    "id": "e1",
                    "key": "exp",
                    "status": "Running",
                    "audienceIds": ["7"],
                    "variations": [on, off],
                    "forcedVariations": {"ana": "yes"},
                    "trafficAllocation": [
                        {"entityId": "v1", "endOfRange": 5000},
                        {"entityId": "v2", "endOfRange": 10000},
                    ],
                }
            ],
            "rollouts": [
                {
                    "id": "r1",
                    "experiments": [
                        {
                            "id": "r",
                            "key": "r",
                            "status": "Running",
                            "audienceIds": [],
                            "variations": [on],
                            "trafficAllocation": [{"entityId": "v1", "endOfRange": 1000}],
                        }
                    ],
                }
            ],
            "featureFlags": [{"id": "1", "key": "buy", "rolloutId": "r1", "experimentIds": ["e1"], "variables": []}],
        }
    )
    assert world.serves("buy", "ana", country="at") == "on"
    assert 45 <= world.share("buy", "on", country="de") <= 55
    assert 7 <= world.share("buy", "on", country="at") <= 13


def test_flagd() -> None:
    world = World(
        {
            "$evaluators": {"staff": {"ends_with": [{"var": "email"}, "@shop"]}},
            "flags": {
                "simple": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"},
                "rules": {
                    "state": "ENABLED",
                    "variants": {"red": "r", "blue": "b"},
                    "defaultVariant": "red",
                    "targeting": {"if": [{"$ref": "staff"}, "blue", {"in": [{"var": "c"}, ["de"]]}, "blue", "red"]},
                },
                "shares": {
                    "state": "ENABLED",
                    "variants": {"on": True, "off": False},
                    "defaultVariant": "off",
                    "targeting": {
                        "if": [
                            {"$ref": "staff"},
                            "on",
                            {
                                "fractional": [
                                    {"cat": [{"var": "$flagd.flagKey"}, {"var": "org"}]},
                                    ["on", 30],
                                    ["off", 70],
                                ]
                            },
                        ]
                    },
                },
                "odd": {
                    "state": "ENABLED",
                    "variants": {"on": True, "off": False},
                    "defaultVariant": "off",
                    "targeting": {"cat": ["o", "n"]},
                },
                "strange": {
                    "state": "ENABLED",
                    "variants": {"on": True, "off": False},
                    "defaultVariant": "off",
                    "targeting": {"if": [{"missing": ["x"]}, "on"]},
                },
            },
        }
    )
    assert world.serves("simple") == "on"
    assert world.serves("rules", email="a@shop") == "blue"
    assert world.serves("rules", c="at") == "red"
    served = [world.serves("shares", "ana", org=f"o{n}") for n in range(1000)]
    assert 26 <= served.count("on") / 10 <= 34
    assert world.serves("odd") == "on"
    assert world.serves("strange") == "off"
    assert any(note.startswith("strange: `missing` is not known here") for note in world.imported.notes)


@pytest.mark.parametrize("document", [{}, {"flags": {}}, {"something": 1}, {"features": [1]}])
def test_not_an_export(document: dict[str, Any]) -> None:
    if document == {"flags": {}}:
        assert import_flags(document, CHOICE).document == {}
        return
    with pytest.raises(UnreadableError, match="export of none of"):
        import_flags(document, CHOICE)


@pytest.mark.parametrize("system", READERS)
@pytest.mark.parametrize(
    "document",
    [{"flags": 3}, {"features": [{}]}, {"splits": [{"name": 1, "conditions": 2}]}, {"items": [{"variations": 1}]}],
)
def test_broken_exports_are_told(system: str, document: dict[str, Any]) -> None:
    with contextlib.suppress(UnreadableError):  # and nothing else
        import_flags(document, CHOICE, system)


def test_what_unleash_says_of_a_feature_is_kept_unless_part_of_it_stands_elsewhere() -> None:
    plain = {"name": "plain one", "enabled": True, "strategies": [{"name": "default"}], "more": [1]}
    segmented = {"name": "staff", "enabled": True, "strategies": [{"name": "default", "segments": [7]}]}
    off = {"name": "off", "enabled": False, "strategies": [{"name": "default"}]}
    document = {"version": 2, "features": [plain, segmented, off], "segments": [{"id": 7, "constraints": []}]}
    native = import_flags(document, CHOICE, "unleash").native
    assert set(native) == {"plain-one"}
    assert (native["plain-one"].system, json.loads(native["plain-one"].body)) == ("unleash", plain)
