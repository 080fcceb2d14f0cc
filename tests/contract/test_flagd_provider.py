"""The provider for flagd of OpenFeature, unmodified, in its three modes against the real server: another port and nothing else.

It evaluates by `flagd.evaluation.v2` (provider 0.6), by `flagd.sync.v1`, or out of a file.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, OpenFeatureError

from certificates import make_certificate
from ferryman.flags.hashing import bucket_of
from flag_project import FlagProject, flag_project
from flagkit import rollout
from served_flags import ServedFlags, port_of, serving_flags, with_flagd
from support import eventually, free_ports

DOCUMENT = """\
flags:
  checkout:
    {kind: release, owner: a, expires: 2027-01-01, variants: {on: true, off: false}, off: off, rollout: {exposure: 30}}
  limit: {kind: ops, variants: {high: 10, low: 2}, off: low, default: high}
  ratio: {kind: ops, variants: {half: 0.5, whole: 1, none: 0}, off: none, default: half}
  text: {kind: ops, variants: {a: "Ä", b: "B"}, off: b, default: a}
  plan: {kind: ops, variants: {full: {model: large}, none: {}}, off: none, default: full}
  asleep: {kind: ops, variants: {on: true, off: false}, off: off, state: disabled}
  needing: {kind: ops, variants: {on: true, off: false}, off: off, default: on, needs: [{flag: staff-only, is: on}]}
  staff-only:
    kind: permission
    variants: {on: true, off: false}
    off: off
    rules: [{when: 'segment("staff") and sem_ver(app.version, ">=", "2.1.0")', serve: on}]
segments:
  staff: 'role == "staff" or ends_with(email, "@bücher.example")'
"""
READY_MS = 20_000
RPC, IN_PROCESS, FILE = ResolverType.RPC, ResolverType.IN_PROCESS, ResolverType.FILE
WITHIN_SECONDS = 1.0
GRACE_SECONDS = 300
"""So long a client by RPC keeps what it has cached; afterwards it gives the defaults of the code until the server is back."""
TRIES = 3
"""A change is seen in time by one of so many: the machine may be busy, the client must not be slow."""


@contextlib.contextmanager
def client_of(mode: ResolverType, port: int = 0, **more: Any) -> Iterator[OpenFeatureClient]:
    name = f"flagd-{mode.value}-{port}"
    settings: dict[str, Any] = {"host": "localhost", "port": port, "deadline_ms": READY_MS, **more}
    api.set_provider_and_wait(FlagdProvider(resolver_type=mode, **settings), name)
    try:
        yield api.get_client(name)
    finally:
        api.clear_providers()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedFlags]:
    folder = Path(tmp_path_factory.mktemp("flagd"))
    with serving_flags(folder, DOCUMENT, with_flagd(folder, anonymous=True)) as made:
        yield made


@pytest.fixture(params=[RPC, IN_PROCESS, FILE], ids=lambda mode: mode.value)
def client(request: pytest.FixtureRequest, served: ServedFlags, tmp_path: Path) -> Iterator[OpenFeatureClient]:
    mode: ResolverType = request.param
    more: dict[str, Any] = {}
    if mode is FILE:
        exported = served.owner.get("/v1/flags/definitions", params={"environment": "prod"}).text
        more["offline_flag_source_path"] = str(tmp_path / "flags.json")
        (tmp_path / "flags.json").write_text(exported)
    with client_of(mode, port_for(served, mode), **more) as made:
        yield made


def port_for(served: ServedFlags, mode: ResolverType) -> int:
    return port_of(served.flagd.evaluation if mode is RPC else served.flagd.sync)


def test_values_of_every_type(client: OpenFeatureClient) -> None:
    assert client.get_integer_value("limit", 0) == 10
    assert client.get_float_value("ratio", 0.25) == 0.5
    assert client.get_string_value("text", "x") == "Ä"
    assert client.get_object_value("plan", {}) == {"model": "large"}
    details = client.get_integer_details("limit", 0)
    assert (details.variant, details.error_code) == ("high", None)


def test_each_user_is_on_the_side_that_the_slots_say(client: OpenFeatureClient) -> None:
    given = rollout(30, seed="checkout")
    for number in range(100):
        user = f"user-{number}"
        details = client.get_boolean_details("checkout", False, EvaluationContext(user))
        assert details.value == (bucket_of(given, user) < 30_000)
        assert details.reason == "TARGETING_MATCH"
    assert client.get_boolean_value("checkout", True) is False


@pytest.mark.parametrize(
    ("attributes", "value"),
    [
        ({"role": "staff", "app": {"version": "2.1.0"}}, True),
        ({"email": "a@bücher.example", "app": {"version": "v3"}}, True),
        ({"role": "staff", "app": {"version": "2.0.9"}}, False),
        ({"app": {"version": "2.1.0"}}, False),
        ({}, False),
    ],
)
def test_rules_segments_and_needs(client: OpenFeatureClient, attributes: dict[str, Any], value: bool) -> None:
    context = EvaluationContext("ana", attributes)
    assert client.get_boolean_value("staff-only", not value, context) is value
    assert client.get_boolean_value("needing", not value, context) is value


def test_what_has_no_value_gives_the_default_of_the_code(client: OpenFeatureClient) -> None:
    asleep = client.get_boolean_details("asleep", default_value=True)
    assert (asleep.value, asleep.reason, asleep.error_code) == (True, "DISABLED", None)
    nowhere = client.get_boolean_details("nowhere", default_value=True)
    assert (nowhere.value, nowhere.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    other = client.get_boolean_details("limit", default_value=True)
    assert (other.value, other.error_code) == (True, ErrorCode.TYPE_MISMATCH)


def seconds_until(seen: Callable[[], bool], what: str) -> float:
    began = time.monotonic()
    eventually(seen, what=what, poll_seconds=0.002)
    return time.monotonic() - began


@pytest.mark.parametrize("mode", [RPC, IN_PROCESS], ids=lambda mode: mode.value)
def test_a_change_is_seen_within_a_second(served: ServedFlags, mode: ResolverType) -> None:
    with client_of(mode, port_for(served, mode)) as client:
        assert client.get_integer_value("limit", 0) == 10
        taken: list[float] = []
        for _ in range(TRIES):
            served.kill("limit")
            taken.append(seconds_until(lambda: client.get_integer_value("limit", 0) == 2, "the kill"))
            served.unkill("limit")
            taken.append(seconds_until(lambda: client.get_integer_value("limit", 0) == 10, "its end"))
    assert min(taken) < WITHIN_SECONDS, taken


@pytest.mark.parametrize("mode", [RPC, IN_PROCESS], ids=lambda mode: mode.value)
def test_the_selector_is_the_environment(served: ServedFlags, mode: ResolverType) -> None:
    served.set("flags:\n  limit: {kind: ops, variants: {high: 10, low: 2}, off: low}\n", "staging")
    for selector, value in (("staging", 2), ("prod", 10), (None, 10)):
        with client_of(mode, port_for(served, mode), selector=selector) as client:
            assert client.get_integer_value("limit", 0) == value


def test_evaluations_by_rpc_are_counted(served: ServedFlags) -> None:
    before = served.counted("checkout", "off")
    with client_of(RPC, port_for(served, RPC)) as client:
        for _ in range(4):
            client.get_boolean_value("checkout", False)
    assert served.counted("checkout", "off") == before + 4


@pytest.mark.parametrize("mode", [RPC, IN_PROCESS], ids=lambda mode: mode.value)
def test_a_token_by_tls(tmp_path: Path, mode: ResolverType) -> None:
    tls = make_certificate(tmp_path)
    roots = grpc.ssl_channel_credentials((tmp_path / tls.cert).read_bytes())

    def channel(token: str) -> grpc.ChannelCredentials:
        return grpc.composite_channel_credentials(roots, grpc.access_token_call_credentials(token))

    with serving_flags(tmp_path, DOCUMENT, with_flagd(tmp_path, tls=tls)) as served:
        staging = served.program("server", "staging")
        with client_of(mode, port_for(served, mode), channel_credentials=channel(served.token)) as client:
            assert client.get_integer_value("limit", 0) == 10
        for wrong, selector in (("nonsense", None), (staging, "prod")):
            fatal = ["UNAUTHENTICATED", "PERMISSION_DENIED"]
            more = {"channel_credentials": channel(wrong), "selector": selector, "fatal_status_codes": fatal}
            with pytest.raises(OpenFeatureError, match="atal"), client_of(mode, port_for(served, mode), **more):
                pass
            api.clear_providers()


# ---------------------------------------------------------------------- a real controller, killed
@pytest.fixture
def project(tmp_path: Path) -> Iterator[FlagProject]:
    evaluation, sync = free_ports(2)
    options = ("--flagd-port", str(evaluation), "--flagd-sync-port", str(sync))
    with flag_project(tmp_path, DOCUMENT, *options) as made:
        made.do("flags", "set", str(made.file))
        yield made


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.deadline(240)
@pytest.mark.parametrize("mode", [RPC, IN_PROCESS], ids=lambda mode: mode.value)
def test_a_controller_that_is_killed_and_comes_back_is_survived(project: FlagProject, mode: ResolverType) -> None:
    """What the client keeps of static flags is right again after it is back: the kill happens while nobody listens."""
    port = int(project.options[1 if mode is RPC else 3])
    patient = {"retry_backoff_ms": 200, "retry_backoff_max_ms": 500, "retry_grace_period": GRACE_SECONDS}
    with client_of(mode, port, **patient) as client:
        assert client.get_integer_value("limit", 0) == 10
        assert client.get_integer_details("limit", 0).reason == ("CACHED" if mode is RPC else "STATIC")
        project.end(signal.SIGKILL)
        assert client.get_integer_value("limit", 0) == 10
        without_flagd(project)
        assert client.get_integer_value("limit", 0) == 10
        project.serve()
        eventually(lambda: client.get_integer_value("limit", 0) == 2, what="the kill while it was away", seconds=60)
        project.do("flags", "unkill", "limit")
        eventually(lambda: client.get_integer_value("limit", 0) == 10, what="the end of the kill", seconds=60)
        assert client.get_string_value("text", "x") == "Ä"


def without_flagd(project: FlagProject) -> None:
    """Kill a flag with a controller that clients of flagd do not reach."""
    options, project.options = project.options, ()
    project.serve()
    project.do("flags", "kill", "limit", "--reason", "it is slow")
    project.end(signal.SIGTERM)
    project.options = options


@pytest.mark.real
@pytest.mark.slow
def test_an_export_is_its_offline_file(project: FlagProject, tmp_path: Path) -> None:
    path = tmp_path / "exported.json"
    path.write_text(project.do("flags", "export", "--env", "prod"))
    with client_of(FILE, offline_flag_source_path=str(path), deadline_ms=500) as client:
        assert client.get_integer_value("limit", 0) == 10
        assert client.get_object_value("plan", {}) == {"model": "large"}
        project.do("flags", "kill", "limit")
        path.write_text(project.do("flags", "export", "--env", "prod"))
        eventually(lambda: client.get_integer_value("limit", 0) == 2, what="the file read again")
