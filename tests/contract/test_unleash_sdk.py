"""Unleash's server SDK for Python, unmodified, against the real server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from UnleashClient.clients.unleash_client import UnleashClient
from yggdrasil_engine.engine import UnleashEngine

from ferryman.cli.main import main
from served_flags import ServedFlags, serving_flags
from support import eventually

DOCUMENT = """\
flags:
  simple: {kind: ops, variants: {on: true, off: false}, off: off, default: on}
  never: {kind: ops, variants: {on: true, off: false}, off: off}
  listed: {kind: permission, variants: {on: true, off: false}, off: off, rules: [{allow: [ana], serve: on}]}
  rules:
    kind: permission
    variants: {red: r, green: g, none: n}
    off: none
    rules:
      - {when: 'country == "ch"', serve: none}
      - {when: 'country in ["de", "ch"] and not (plan == "free")', serve: red}
      - {when: 'seats >= 50 or starts_with(email, "boss@")', serve: green}
  tenth: {kind: ops, variants: {on: true, off: false}, off: off, rollout: {exposure: 10}}
  fraction: {kind: ops, variants: {on: true, off: false}, off: off, rollout: {exposure: 0.5}}
  test: {kind: experiment, variants: {a: A, b: B, none: n}, off: none, rollout: {split: {a: 50, b: 50}, exposure: 40}}
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedFlags]:
    with serving_flags(tmp_path, DOCUMENT) as made:
        yield made


@contextlib.contextmanager
def client_of(served: ServedFlags, folder: Path, **more: Any) -> Iterator[UnleashClient]:
    made = UnleashClient(
        f"{served.url}/api",
        "shop",
        custom_headers={"Authorization": served.token},
        refresh_interval=1,
        metrics_interval=1,
        cache_directory=str(folder / "cache"),
        **more,
    )
    made.initialize_client()
    try:
        eventually(lambda: made.is_enabled("simple", {"userId": "x"}), what="the first features")
        yield made
    finally:
        made.destroy()


def test_values(served: ServedFlags, tmp_path: Path) -> None:
    with client_of(served, tmp_path) as client:
        assert not client.is_enabled("never", {"userId": "ana"})
        assert client.is_enabled("listed", {"userId": "ana"})
        assert not client.is_enabled("listed", {"userId": "ben"})
        assert not client.is_enabled("fraction", {"userId": "ana"})  # no whole percentage: not sent
        for properties, value in (
            ({"country": "de"}, "r"),
            ({"country": "de", "plan": "free"}, None),
            ({"country": "ch", "seats": "60"}, None),
            ({"seats": "60"}, "g"),
            ({"seats": "49", "email": "boss@shop"}, "g"),
            ({}, None),
        ):
            found = client.get_variant("rules", {"userId": "u", "properties": properties})
            assert (found.get("payload") or {}).get("value") == value, properties


FEATURES = [
    {
        "name": "simple", "type": "operational", "enabled": True, "project": "shop",
        "strategies": [{"name": "flexibleRollout", "parameters": {"rollout": "100", "stickiness": "default", "groupId": "simple"}}],
        "variants": [],
    },
    {
        "name": "third", "type": "release", "enabled": True, "stale": True, "impressionData": True,
        "strategies": [{
            "name": "flexibleRollout", "constraints": [],
            "parameters": {"rollout": "33", "stickiness": "userId", "groupId": "a-group-of-their-own"},
            "variants": [
                {"name": "red", "weight": 700, "weightType": "fix", "stickiness": "userId", "payload": {"type": "string", "value": "r"}},
                {"name": "green", "weight": 300, "weightType": "variable", "stickiness": "userId"},
            ],
        }],
        "variants": [],
    },
    {"name": "odd name", "type": "operational", "enabled": True, "strategies": [{"name": "default"}], "variants": []},
]  # fmt: skip


def test_who_comes_from_unleash_keeps_every_user_until_the_flag_is_edited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"version": 2, "features": FEATURES}
    (tmp_path / "state.json").write_text(json.dumps(state))
    assert main(["flags", "import", str(tmp_path / "state.json"), "--from", "unleash", "--owner", "shop"]) == 0
    theirs = UnleashEngine()
    theirs.take_state(json.dumps(state))
    with serving_flags(tmp_path, capsys.readouterr().out) as served, client_of(served, tmp_path) as client:

        def sent() -> dict[str, Any]:
            headers = {"authorization": served.token}
            features = httpx2.get(f"{served.url}/api/client/features", headers=headers).json()["features"]
            return {each["name"]: each for each in features}

        assert sent() == {each["name"]: each for each in FEATURES}
        assert client.is_enabled("odd name")
        for number in range(300):
            context: dict[str, Any] = {"userId": f"u{number}"}
            assert client.is_enabled("third", context) == theirs.is_enabled("third", context).is_enabled
            assert client.get_variant("third", context)["name"] == theirs.get_variant("third", context).variant.name
        eventually(lambda: served.counted("odd-name", "on") > 0, what="the counter of what has another name there")
        served.kill("third")
        assert sent()["third"]["enabled"] is False
        served.unkill("third")
        assert sent()["third"] == FEATURES[1]
        path, seen = (
            "/v1/environments/prod/flags/third",
            served.owner.get("/v1/environments/prod/flags").json()["version"],
        )
        served.post(f"{path}/change", {"parent": seen, "exposure_percent": 40})
        edited = sent()["third"]
        assert (edited["project"], edited["strategies"][0]["parameters"]["rollout"]) == ("default", "40")
        served.post(f"{path}/revert", {"parent": seen + 9, "version": 0})
        assert sent()["third"] == FEATURES[1], "as it was imported again"


def test_shares(served: ServedFlags, tmp_path: Path) -> None:
    with client_of(served, tmp_path) as client:
        exposed = sum(client.is_enabled("tenth", {"userId": f"u{n}"}) for n in range(2000))
        assert 8 <= exposed / 20 <= 12
        found = [client.get_variant("test", {"userId": f"u{n}"})["name"] for n in range(2000)]
        assert 17 <= found.count("a") / 20 <= 23
        assert 17 <= found.count("b") / 20 <= 23


@pytest.mark.parametrize("mode", ["polling", "streaming"])
def test_a_change_is_seen_and_what_was_served_is_counted(served: ServedFlags, tmp_path: Path, mode: str) -> None:
    more: dict[str, Any] = {
        "experimental_mode": {"type": mode, "format": "full"} if mode == "polling" else {"type": mode}
    }
    with client_of(served, tmp_path, **more) as client:
        served.kill("simple")
        eventually(lambda: not client.is_enabled("simple", {"userId": "x"}), what="the kill", seconds=10)
        served.unkill("simple")
        eventually(lambda: client.is_enabled("simple", {"userId": "x"}), what="the end of the kill", seconds=10)
        eventually(lambda: served.counted("simple", "on") > 0, what="the counter of on")
