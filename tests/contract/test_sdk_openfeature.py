"""Flags through the OpenFeature SDK: values, reasons, errors and events of the provider, as an application meets them."""

import asyncio
import uuid
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.provider import ProviderStatus

from ferryman_flags import FlagClient, bound
from ferryman_flags.provider import FerrymanProvider
from flag_server import TOKEN, FlagServer
from flag_worlds import flag, load, targeted
from support import eventually

PRO = targeted({"if": [{"==": [{"var": "plan"}, "pro"]}, "on", {"==": [{"var": "targetingKey"}, "u1"]}, "on"]})
FLAGS: dict[str, Any] = {
    "yes": flag(True, metadata={"owner": "payments"}),
    "pro": PRO,
    "text": {"state": "ENABLED", "variants": {"a": "hi"}, "defaultVariant": "a"},
    "count": {"state": "ENABLED", "variants": {"a": 10}, "defaultVariant": "a"},
    "form": {"state": "ENABLED", "variants": {"a": {"rows": [1]}}, "defaultVariant": "a"},
    "broken": {"state": "ENABLED"},
    "off": flag(True, state="DISABLED"),
}


@pytest.fixture
def client() -> OpenFeatureClient:
    domain = uuid.uuid4().hex
    api.set_provider_and_wait(FerrymanProvider(load(**FLAGS)), domain)
    return api.get_client(domain)


def test_values_of_each_type(client: OpenFeatureClient) -> None:
    assert client.get_boolean_value("yes", False) is True
    assert client.get_string_value("text", "code") == "hi"
    assert client.get_integer_value("count", 1) == 10
    assert client.get_float_value("count", 0.5) == 10.0
    assert client.get_object_value("form", {}) == {"rows": [1]}
    assert asyncio.run(client.get_boolean_value_async("yes", False)) is True
    assert client.get_provider_status() is ProviderStatus.READY


def test_what_details_say(client: OpenFeatureClient) -> None:
    found = client.get_boolean_details("yes", False)
    assert (found.variant, found.reason, found.error_code) == ("on", "STATIC", None)
    assert found.flag_metadata == {"owner": "payments"}
    assert client.get_boolean_details("off", False).reason == "DISABLED"
    for context in (EvaluationContext(None, {"plan": "pro"}), EvaluationContext("u1")):
        found = client.get_boolean_details("pro", False, context)
        assert (found.value, found.reason) == (True, "TARGETING_MATCH")
    assert client.get_boolean_details("pro", True, EvaluationContext("u2")).reason == "DEFAULT"


def test_the_bound_context_counts_where_none_is_given(client: OpenFeatureClient) -> None:
    with bound({"plan": "pro"}):
        assert client.get_boolean_value("pro", False)
        assert not client.get_boolean_value("pro", True, EvaluationContext("u2"))
    assert not client.get_boolean_value("pro", True)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("gone", ErrorCode.FLAG_NOT_FOUND),
        ("broken", ErrorCode.PARSE_ERROR),
        ("text", ErrorCode.TYPE_MISMATCH),
        ("count", ErrorCode.TYPE_MISMATCH),
    ],
)
def test_errors_give_the_code_default(client: OpenFeatureClient, key: str, code: ErrorCode) -> None:
    for default in (True, False):
        found = client.get_boolean_details(key, default)
        assert (found.value, found.reason, found.error_code) == (default, "ERROR", code)


def test_changes_are_told_and_shutdown_ends_the_client() -> None:
    told: list[EventDetails] = []
    domain = uuid.uuid4().hex
    with FlagServer() as server:
        server.flags = {"a": flag(False), "b": flag(True)}
        flags = FlagClient(server.url, TOKEN)
        provider = FerrymanProvider(flags)
        api.set_provider_and_wait(provider, domain)
        client = api.get_client(domain)
        client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, told.append)
        assert not client.get_boolean_value("a", True), "ready means that the flags are known"
        server.set(a=flag(True))
        eventually(lambda: client.get_boolean_value("a", False), what="the change")
        eventually(lambda: told, what="the event")
        assert told[-1].flags_changed == ["a"]
        provider.shutdown()
        eventually(lambda: server.listeners() == 0, what="the stream to be closed")
