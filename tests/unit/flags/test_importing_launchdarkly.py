"""LaunchDarkly's flags serve here what they served there."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman.flags.importing.base import UnreadableError
from ferryman.flags.importing.readers import import_flags
from unit.flags.importing_kit import CHOICE, World


def ld(**fields: Any) -> dict[str, Any]:
    return {"on": True, "variations": [True, False], "offVariation": 1, "fallthrough": {"variation": 1}, **fields}


def clause(attribute: str, op: str, *values: Any, **more: Any) -> dict[str, Any]:
    return {"attribute": attribute, "op": op, "values": list(values), **more}


LAUNCHDARKLY = {
    "flags": {
        "targets": ld(targets=[{"values": ["ana", "ben"], "variation": 0}]),
        "rules": ld(
            rules=[
                {
                    "clauses": [clause("country", "in", "de", "at"), clause("key", "startsWith", "x", negate=True)],
                    "variation": 0,
                },
                {"clauses": [clause("app", "semVerGreaterThan", "2.0.0")], "variation": 0},
                {"clauses": [clause("", "segmentMatch", "staff")], "variation": 0},
                {"clauses": [clause("mail", "matches", "^a.c$")], "variation": 0},
                {"clauses": [clause("plan", "in", "pro", contextKind="org")], "variation": 0},
            ]
        ),
        "ten percent": ld(
            fallthrough={
                "rollout": {"variations": [{"variation": 0, "weight": 10000}, {"variation": 1, "weight": 90000}]}
            }
        ),
        "three": ld(
            variations=["red", "green", "blue"],
            offVariation=2,
            fallthrough={
                "rollout": {
                    "bucketBy": "company",
                    "variations": [
                        {"variation": 0, "weight": 20000},
                        {"variation": 1, "weight": 20000},
                        {"variation": 2, "weight": 60000},
                    ],
                }
            },
        ),
        "in-a-rule": ld(
            rules=[
                {
                    "clauses": [clause("country", "in", "de")],
                    "rollout": {"variations": [{"variation": 0, "weight": 30000}, {"variation": 1, "weight": 70000}]},
                }
            ]
        ),
        "off-there": ld(on=False, fallthrough={"variation": 0}),
        "needing": ld(fallthrough={"variation": 0}, prerequisites=[{"key": "targets", "variation": 0}]),
    },
    "segments": {
        "staff": {
            "key": "staff",
            "included": ["zoe"],
            "excluded": ["yan"],
            "rules": [{"clauses": [clause("mail", "endsWith", "@shop")]}],
        }
    },
}


def test_launchdarkly() -> None:
    world = World(LAUNCHDARKLY)
    assert world.serves("targets", "ben") == "on"
    assert world.serves("targets", "cleo") == "off"
    assert world.serves("rules", country="at") == "on"
    assert world.serves("rules", "x1", country="at") == "off"
    assert world.serves("rules", app="2.0.1") == "on"
    assert world.serves("rules", app="2.0.0") == "off"
    assert world.serves("rules", "zoe") == "on"
    assert world.serves("rules", mail="b@shop") == "on"
    assert world.serves("rules", "yan", mail="b@shop") == "off"
    assert world.serves("rules", mail="abc") == "on"
    assert world.serves("rules", org={"plan": "pro"}) == "on"
    assert world.serves("needing", "ana") == "on"
    assert world.serves("needing", "cleo") == "off"
    assert "ten-percent: is called 'ten percent' there" in world.imported.notes
    assert {"when": 'country in ["de", "at"] and not starts_with(targetingKey, "x")', "serve": "on"} in world.rules(
        "rules"
    )


def test_launchdarkly_percentages() -> None:
    world = World(LAUNCHDARKLY)
    assert 8 <= world.share("ten-percent", "on") <= 12
    assert 26 <= world.share("in-a-rule", "on", country="de") <= 34
    assert world.share("in-a-rule", "on", country="at") == 0
    served = [world.serves("three", "ana", company=f"c{n}") for n in range(2000)]
    assert 17 <= served.count("red") / 20 <= 23
    assert 17 <= served.count("green") / 20 <= 23
    assert world.imported.document["flags"]["three"]["rollout"] == {
        "by": "company",
        "seed": "three",
        "split": {"red": 50, "green": 50},
        "exposure": 40,
    }


def test_launchdarkly_off_there_is_off_in_prod_alone() -> None:
    assert World(LAUNCHDARKLY, "prod").serves("off-there") == "off"
    assert World(LAUNCHDARKLY).serves("off-there") == "on"


def test_launchdarkly_over_its_rest_api() -> None:
    flag = {
        "key": "colour",
        "name": "Colour",
        "temporary": True,
        "variations": [{"_id": "1", "value": "red", "name": "Red"}, {"_id": "2", "value": "blue"}],
        "environments": {
            "production": {"on": True, "offVariation": 1, "fallthrough": {"variation": 1}, "targets": [], "rules": []},
            "test": {"on": True, "offVariation": 1, "fallthrough": {"variation": 0}},
        },
    }
    world = World({"items": [flag]})
    assert world.serves("colour") == "blue"
    assert World({"items": [flag]}, choice=CHOICE._replace(environment="test")).serves("colour") == "Red"
    assert world.imported.document["flags"]["colour"]["expires"] == "2027-03-31"
    with pytest.raises(UnreadableError, match="no environment 'stage'; it has production, test"):
        import_flags({"items": [flag]}, CHOICE._replace(environment="stage"))
