"""The OFREP provider for Python, unmodified, against the real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode

from ferryman.flags.hashing import bucket_of
from flagkit import rollout
from served_flags import ServedFlags, serving_flags
from support import eventually

DOCUMENT = """\
flags:
  checkout:
    {kind: release, owner: a, expires: 2027-01-01, variants: {on: true, off: false}, off: off, rollout: {exposure: 30}}
  limit: {kind: ops, variants: {high: 10, low: 2}, off: low, default: high}
  ratio: {kind: ops, variants: {half: 0.5, whole: 1, none: 0}, off: none, default: whole}
  text: {kind: ops, variants: {a: "A", b: "B"}, off: b, default: a}
  plan: {kind: ops, variants: {full: {model: large}, none: {}}, off: none, default: full}
  asleep: {kind: ops, variants: {on: true, off: false}, off: off, state: disabled}
  Odd.key_1-x: {kind: ops, variants: {on: true, off: false}, off: off, default: on}
"""


def client_of(served: ServedFlags, **headers: str) -> OpenFeatureClient:
    headers = headers or {"Authorization": f"Bearer {served.token}"}
    api.set_provider_and_wait(OFREPProvider(served.url, headers_factory=lambda: headers), "ofrep")
    return api.get_client("ofrep")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedFlags]:
    with serving_flags(Path(tmp_path_factory.mktemp("ofrep")), DOCUMENT) as made:
        yield made
    api.clear_providers()


def test_values_of_every_type(served: ServedFlags) -> None:
    client = client_of(served)
    assert client.get_boolean_value("Odd.key_1-x", default_value=False) is True
    assert client.get_integer_value("limit", 0) == 10
    ratio = client.get_float_details("ratio", 0.25)
    assert (ratio.value, ratio.error_code) == (1.0, None)
    assert client.get_string_value("text", "x") == "A"
    assert client.get_object_value("plan", {}) == {"model": "large"}


def test_each_user_is_on_the_side_that_the_slots_say(served: ServedFlags) -> None:
    client, given = client_of(served, **{"X-API-Key": served.token}), rollout(30, seed="checkout")
    for number in range(100):
        user = f"user-{number}"
        details = client.get_boolean_details("checkout", False, EvaluationContext(user))
        assert details.value == (bucket_of(given, user) < 30_000)
        assert details.reason == "TARGETING_MATCH"
        assert details.flag_metadata["ferryman.owner"] == "a"


def test_what_has_no_value_gives_the_default_of_the_code(served: ServedFlags) -> None:
    client = client_of(served)
    asleep = client.get_boolean_details("asleep", default_value=True)
    assert (asleep.value, asleep.reason, asleep.error_code) == (True, "DISABLED", None)
    nowhere = client.get_boolean_details("nowhere", default_value=True)
    assert (nowhere.value, nowhere.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    other = client.get_string_details("limit", "code")
    assert (other.value, other.error_code) == ("code", ErrorCode.TYPE_MISMATCH)


def test_a_change_is_seen_within_a_second(served: ServedFlags) -> None:
    client = client_of(served)
    assert client.get_integer_value("limit", 0) == 10
    served.post("/v1/environments/prod/flags/limit/kill", {})
    began = time.monotonic()
    eventually(lambda: client.get_integer_value("limit", 0) == 2, what="the kill")
    assert time.monotonic() - began < 1
    served.post("/v1/environments/prod/flags/limit/unkill", {})
    assert client.get_integer_value("limit", 0) == 10


def test_a_wrong_token_is_an_error_and_no_value(served: ServedFlags) -> None:
    details = client_of(served, Authorization="Bearer nonsense").get_integer_details("limit", 7)
    assert (details.value, details.error_code, details.error_message) == (7, ErrorCode.GENERAL, "unauthorized")
