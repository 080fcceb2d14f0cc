"""LaunchDarkly's server SDK for Python, unmodified, against the real server: another URL and another key, nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ldclient import Context
from ldclient.client import LDClient
from ldclient.config import Config

from served_flags import ServedFlags, serving_flags
from support import eventually

DOCUMENT = """\
flags:
  simple: {kind: ops, variants: {on: true, off: false}, off: off, default: on}
  listed: {kind: permission, variants: {on: true, off: false}, off: off, rules: [{allow: [ana], serve: on}]}
  rules:
    kind: permission
    variants: {red: r, green: g, none: n}
    off: none
    rules:
      - {when: 'country in ["de"] and not (plan == "free")', serve: red}
      - {when: 'sem_ver(app.version, ">=", "2.1.0") or ends_with(email, "@shop")', serve: green}
      - {when: 'segment("staff")', serve: green}
  tenth: {kind: ops, variants: {on: true, off: false}, off: off, rollout: {exposure: 10}}
  company: {kind: ops, variants: {on: true, off: false}, off: off, rollout: {by: company, exposure: 50}}
  needing: {kind: ops, variants: {on: true, off: false}, off: off, default: on, needs: [{flag: listed, is: on}]}
  limit: {kind: ops, variants: {high: 10, low: 2}, off: low, default: high}
  plan: {kind: ops, variants: {full: {model: large}, none: {}}, off: none, default: full}
  asleep: {kind: ops, variants: {on: true, off: false}, off: off, state: disabled}
  network: {kind: permission, variants: {on: true, off: false}, off: off, rules: [{logic: {cidr: [{var: ip}, "10.0.0.0/8"]}, serve: on}]}
segments:
  staff: 'role == "staff" and not (age < 18)'
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedFlags]:
    with serving_flags(tmp_path, DOCUMENT) as made:
        yield made


@contextlib.contextmanager
def client_of(served: ServedFlags, **more: Any) -> Iterator[LDClient]:
    config = Config(
        served.token, base_uri=served.url, stream_uri=served.url, events_uri=served.url, flush_interval=0.5, **more
    )
    made = LDClient(config, start_wait=20)
    try:
        assert made.is_initialized()
        yield made
    finally:
        made.close()


def user(key: str = "cleo", **attributes: Any) -> Context:
    builder = Context.builder(key)
    for name, value in attributes.items():
        builder.set(name, value)
    return builder.build()


def test_values(served: ServedFlags) -> None:
    with client_of(served) as client:
        assert client.variation("simple", user(), False) is True
        assert client.variation("listed", user("ana"), False) is True
        assert client.variation("listed", user(), True) is False
        assert client.variation("needing", user("ana"), False) is True
        assert client.variation("needing", user(), True) is False
        assert client.variation("limit", user(), 0) == 10
        assert client.variation("plan", user(), {}) == {"model": "large"}
        assert client.variation("asleep", user(), True) is True
        assert client.variation("network", user(ip="10.1.1.1"), False) is False  # has no form there


@pytest.mark.parametrize(
    ("attributes", "value"),
    [
        ({"country": "de"}, "r"),
        ({"country": "de", "plan": "pro"}, "r"),
        ({"country": "de", "plan": "free"}, "n"),
        ({"app": {"version": "2.1.0"}}, "g"),
        ({"app": {"version": "2.0.9"}}, "n"),
        ({"email": "a@shop"}, "g"),
        ({"role": "staff", "age": 30}, "g"),
        ({"role": "staff", "age": 17}, "n"),
        ({}, "n"),
    ],
)
def test_rules(served: ServedFlags, attributes: dict[str, Any], value: str) -> None:
    with client_of(served, stream=False, poll_interval=30) as client:
        assert client.variation("rules", user(**attributes), "") == value


def test_shares(served: ServedFlags) -> None:
    with client_of(served, stream=False, poll_interval=30) as client:
        exposed = sum(client.variation("tenth", user(f"u{n}"), False) for n in range(3000))
        assert 8 <= exposed / 30 <= 12
        exposed = sum(client.variation("company", user(company=f"c{n}"), False) for n in range(2000))
        assert 46 <= exposed / 20 <= 54
        assert client.variation("company", user(), True) is False


def test_a_change_is_seen_and_what_was_served_is_counted(served: ServedFlags) -> None:
    with client_of(served) as client:
        assert client.variation("simple", user(), False) is True
        served.kill("simple")
        eventually(lambda: client.variation("simple", user(), True) is False, what="the kill", seconds=10)
        served.unkill("simple")
        eventually(lambda: client.variation("simple", user(), False) is True, what="the end of the kill", seconds=10)
        client.flush()
        eventually(lambda: served.counted("simple", "off") >= 1, what="the counter of off")
        eventually(lambda: served.counted("simple", "on") >= 2, what="the counter of on")


def test_a_client_token_gets_no_rules(served: ServedFlags) -> None:
    config = Config(served.program("client"), base_uri=served.url, stream_uri=served.url, events_uri=served.url)
    with contextlib.closing(LDClient(config, start_wait=3)) as client:
        assert client.variation("simple", user(), "default") == "default"
