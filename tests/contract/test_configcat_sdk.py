"""ConfigCat's SDK for Python, unmodified, against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from configcatclient.configcatclient import ConfigCatClient
from configcatclient.configcatoptions import ConfigCatOptions
from configcatclient.pollingmode import PollingMode
from configcatclient.user import User

from served_flags import ServedFlags, serving_flags
from support import eventually

DOCUMENT = """\
flags:
  simple: {kind: ops, variants: {on: true, off: false}, off: off, default: on}
  listed: {kind: permission, variants: {on: true, off: false}, off: off, rules: [{allow: [ana], serve: on}]}
  needing: {kind: ops, variants: {on: true, off: false}, off: off, default: on, needs: [{flag: listed, is: on}]}
  rules:
    kind: permission
    variants: {red: r, green: g, none: n}
    off: none
    rules:
      - {when: 'country in ["de"] and not (plan == "free")', serve: red}
      - {when: 'sem_ver(version, ">=", "2.1.0") or ends_with(email, "@shop")', serve: green}
      - {when: 'seats >= 50', serve: green}
  tenth: {kind: ops, variants: {on: true, off: false}, off: off, rollout: {exposure: 10}}
  company: {kind: ops, variants: {on: true, off: false}, off: off, rollout: {by: company, exposure: 50}}
  fraction: {kind: ops, variants: {on: true, off: false}, off: off, rollout: {exposure: 0.5}}
  limit: {kind: ops, variants: {high: 10, low: 2}, off: low, default: high}
  asleep: {kind: ops, variants: {on: true, off: false}, off: off, state: disabled}
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedFlags]:
    with serving_flags(tmp_path, DOCUMENT) as made:
        yield made
    ConfigCatClient.close_all()


def client_of(served: ServedFlags, token: str = "") -> ConfigCatClient:
    options = ConfigCatOptions(base_url=served.url, polling_mode=PollingMode.auto_poll(poll_interval_seconds=1))
    return ConfigCatClient.get(f"configcat-proxy/{token or served.token}", options)


def test_values(served: ServedFlags) -> None:
    client = client_of(served)
    cleo: Any = User("cleo")
    assert client.get_value("simple", False, cleo) is True
    assert client.get_value("listed", False, User("ana")) is True
    assert client.get_value("listed", True, cleo) is False
    assert client.get_value("needing", False, User("ana")) is True
    assert client.get_value("needing", True, cleo) is False
    assert client.get_value("limit", 0, cleo) == 10
    assert client.get_value("asleep", True, cleo) is True
    assert client.get_value("fraction", "not there", cleo) == "not there"
    for user, value in (
        (User("u", country="de"), "r"),
        (User("u", country="de", custom={"plan": "pro"}), "r"),
        (User("u", country="de", custom={"plan": "free"}), "n"),
        (User("u", custom={"version": "2.1.0"}), "g"),
        (User("u", custom={"version": "2.0.9"}), "n"),
        (User("u", email="a@shop"), "g"),
        (User("u", custom={"seats": 50}), "g"),
        (cleo, "n"),
    ):
        assert client.get_value("rules", "", user) == value, user


def test_shares(served: ServedFlags) -> None:
    client = client_of(served)
    exposed = sum(client.get_value("tenth", False, User(f"u{n}")) for n in range(2000))
    assert 8 <= exposed / 20 <= 12
    exposed = sum(client.get_value("company", False, User("u", custom={"company": f"c{n}"})) for n in range(1000))
    assert 45 <= exposed / 10 <= 55
    assert client.get_value("company", True, User("u")) is False


def test_a_change_is_seen(served: ServedFlags) -> None:
    client = client_of(served)
    assert client.get_value("simple", False, User("u")) is True
    served.kill("simple")
    eventually(lambda: client.get_value("simple", True, User("u")) is False, what="the kill")


def test_a_wrong_key_and_a_client_token_get_nothing(served: ServedFlags) -> None:
    for token in ("fy_aaaaaaaa_" + "b" * 43, served.program("client")):
        assert client_of(served, token).get_value("simple", "default", User("u")) == "default"
