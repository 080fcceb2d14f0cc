"""The client against a flag server on loopback: start, changes, loss and return of the server, forks, reports."""

import json
import logging
import os
import ssl
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certificates import make_certificate
from ferryman_flags import FlagClient, disk, reports, updates
from ferryman_flags.events import EventReader
from ferryman_flags.server import Server
from flag_server import TOKEN, FlagServer
from flag_worlds import flag
from support import eventually, free_port

WAIT_SECONDS = 20.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "RETRY_MAX_SECONDS", 0.5)
    monkeypatch.setattr(updates, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(reports, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(reports, "REPORT_SECONDS", 3600.0)  # only when a test says so
    logging.getLogger("ferryman_flags").setLevel(logging.CRITICAL)


@pytest.fixture
def server() -> Iterator[FlagServer]:
    with FlagServer() as running:
        running.flags = {"a": flag(True), "b": flag(False)}
        yield running


def client_of(server: FlagServer, **more: Any) -> FlagClient:
    return FlagClient(server.url, TOKEN, **more)


def sees(client: FlagClient, key: str, value: bool) -> None:
    eventually(lambda: client.bool(key, not value) is value, what=f"{key} to be {value}", seconds=WAIT_SECONDS)


def test_it_starts_with_nothing_and_becomes_current(server: FlagServer) -> None:
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        assert (client.bool("a", False), client.bool("b", True)) == (True, False)
        assert client.details("a", False).metadata == {"environment": "test"}
        status = client.status()
        assert (status.source, status.version, status.is_current, status.problem) == ("server", 1, True, "")


@pytest.mark.parametrize("chunked", [True, False])
def test_changes_arrive(server: FlagServer, chunked: bool) -> None:
    server.chunked = chunked
    told: list[frozenset[str]] = []
    with client_of(server) as client:
        client.on_change(told.append)
        client.on_change(lambda _: 1 // 0)
        assert client.ready(WAIT_SECONDS)
        server.set(b=flag(True))
        sees(client, "b", True)
        server.set(**{"new/flag ü": flag(True)})
        sees(client, "new/flag ü", True)
        server.delete("a")
        eventually(lambda: client.details("a", True).error == "FLAG_NOT_FOUND", what="a to be gone")
        assert client.snapshot.version == 4
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 10, "the stream is hung up, not waited for"
        assert told[-3:] == [{"b"}, {"new/flag ü"}, {"a"}]


def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / made.cert, tmp_path / made.key)
    with FlagServer(tls=context) as server:
        server.flags = {"a": flag(True)}
        with client_of(server) as client:
            eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in client.status().problem, what="the refusal of a stranger")
            assert not client.bool("a", False)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / made.cert))
        with client_of(server) as client:
            assert client.ready(WAIT_SECONDS)
            server.set(b=flag(True))
            sees(client, "b", True)
            client.flush()
            assert server.reports
            began = time.monotonic()
            client.close()
            assert time.monotonic() - began < 10


def test_what_is_older_or_broken_changes_nothing(server: FlagServer) -> None:
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        server.set(a=flag(True))
        eventually(lambda: client.snapshot.version == 2, what="version 2")
        server.say("put", {"version": 1, "flags": {"a": flag(False)}})
        server.say("patch", {"version": 2, "flags": {"a": flag(False)}})
        server.say("nobody knows this", {"version": 9})
        for broken in ({"version": 9, "flags": []}, {"flags": {}}, [], {"version": "x"}, {"version": 9}):
            server.say("put" if broken == {"version": 9, "flags": []} else "patch", broken)
        server.say("delete", {"version": 9, "keys": "a"})
        eventually(lambda: len(server.resumed) > 1, what="the client to come back")
        server.set(b=flag(True))
        sees(client, "b", True)
        assert client.bool("a", False)
        assert client.snapshot.version == 3


def test_a_broken_flag_of_a_payload_is_alone(server: FlagServer) -> None:
    server.flags["broken"] = {"state": "ENABLED"}
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        assert client.details("broken", True).error == "PARSE_ERROR"
        assert client.bool("a", False)


def test_the_server_goes_and_comes_back(server: FlagServer) -> None:
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        server.__exit__()
        eventually(lambda: client.status().problem, what="the loss to be noticed")
        assert client.bool("a", False), "what was known still holds"
        with FlagServer(server.port) as again:
            again.version, again.flags = 7, {"a": flag(False)}
            sees(client, "a", False)
            assert client.status().problem == ""
            assert again.resumed[0] == "1"


def test_a_resumed_stream_sends_nothing_twice(server: FlagServer) -> None:
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        server.drop_streams()
        eventually(lambda: server.resumed == [None, "1"], what="the stream to be resumed")
        server.set(b=flag(True))
        sees(client, "b", True)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_a_stream_it_polls(server: FlagServer, status: int) -> None:
    server.streams = False
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        server.version, server.flags = 2, {"a": flag(False)}
        sees(client, "a", False)
        polls = server.requests.count("/v1/flags/definitions")
        eventually(lambda: server.requests.count("/v1/flags/definitions") > polls + 2, what="further polls")
        assert client.status().is_current


def test_a_wrong_token_is_a_problem_and_no_more(server: FlagServer) -> None:
    with FlagClient(server.url, "wrong", bootstrap={"flags": {"a": flag(True)}}) as client:
        eventually(lambda: "401" in client.status().problem, what="the refusal")
        assert client.bool("a", False)
        assert not client.ready(0)
        assert "wrong" not in str(client.status())


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "ftp://host", "http://", "http://[", "http://127.0.0.1:99999", "http://no-such-host.invalid"],
)
def test_making_a_client_never_raises(url: str, tmp_path: Path) -> None:
    for bootstrap in (None, "{", {"flags": {"a": flag(True)}}):
        with FlagClient(url, None, bootstrap=bootstrap, snapshot=tmp_path / "none" / "s") as client:
            assert client.bool("a", True)
            assert client.status().source == ("bootstrap" if isinstance(bootstrap, dict) else "none")


@pytest.mark.parametrize(
    ("url", "token"), [("http://me:secret@host", None), ("http://host", "secret\n"), ("http://host", "secretü")]
)
def test_no_secret_is_told(url: str, token: str | None, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("ferryman_flags").setLevel(logging.DEBUG)
    with FlagClient(url, token) as client:
        assert client.status().problem
        assert "secret" not in str(client.status()) + caplog.text


def test_a_snapshot_is_kept_and_used(server: FlagServer, tmp_path: Path) -> None:
    path = tmp_path / "made" / "flags.json"
    with client_of(server, snapshot=path) as client:
        assert client.ready(WAIT_SECONDS)
        eventually(path.exists, what="the snapshot")
        server.set(b=flag(True))
        sees(client, "b", True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    server.__exit__()
    began = time.thread_time()
    with client_of(server, snapshot=path) as client:
        assert time.thread_time() - began < 1.0, "the figure itself is from bench/flags_client.py"
        assert client.bool("b", False)
        status = client.status()
        assert (status.source, status.version, status.is_current) == ("disk", 2, False)
        assert status.age_seconds is not None
        assert status.age_seconds < 3600
        assert TOKEN not in path.read_text()
    for url, token in (("http://127.0.0.1:1", TOKEN), (server.url, "of another environment")):
        with FlagClient(url, token, snapshot=path) as other:
            assert other.status().source == "none", "it is of another server, or environment"


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "head", "folder"])
def test_a_damaged_snapshot_is_passed_over(damage: str, tmp_path: Path) -> None:
    path, url = tmp_path / "s", f"http://127.0.0.1:{free_port()}"
    source = Server(url, None).source
    disk.save(path, json.dumps({"flags": {"a": flag(True)}}).encode(), source=source, version=3, now=time.time())
    with FlagClient(url, snapshot=path) as client:
        assert client.status().source == "disk", "undamaged it is used"
    raw = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(
            {"cut": raw[:-3], "flip": raw[:-9] + b"X" + raw[-8:], "empty": b"", "head": b"\n" + raw}[damage]
        )
    with FlagClient(url, snapshot=path, bootstrap={"flags": {"a": flag(False)}}) as client:
        assert client.bool("a", True) is False
        assert client.status().source == "bootstrap"


def test_counts_are_reported(server: FlagServer) -> None:
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        for _ in range(5):
            client.bool("a", False)
        client.flush()
        client.bool("a", False)
    found = [count for report in server.reports for count in report["counts"]]
    assert sum(count["evaluations"] for count in found) == 6
    assert {(count["flag"], count["variant"], count["reason"]) for count in found} == {("a", "on", "STATIC")}
    assert all(report["version"] == 1 and report["since"] <= report["until"] for report in server.reports)


def test_a_report_waits_for_the_server(server: FlagServer) -> None:
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        server.__exit__()
        client.bool("a", False)
        client.flush()
        with FlagServer(server.port) as again:
            client.flush()
            assert [count["evaluations"] for report in again.reports for count in report["counts"]] == [1]


def test_a_report_that_is_refused_does_not_block_the_next(server: FlagServer) -> None:
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        for status, kept in ((400, 0), (503, 1)):
            client.bool("a", False)
            server.status = status
            client.flush()
            server.status = 200
            client.flush()
            assert sum(count["evaluations"] for report in server.reports for count in report["counts"]) == kept


def test_many_counts_make_several_reports_and_endless_names_none(
    server: FlagServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "ROWS_MAX", 10)
    with client_of(server) as client:
        assert client.ready(WAIT_SECONDS)
        for n in range(25):
            client.bool(f"gone-{n}", False)
        client.bool("x" * 129, False)
        client.flush()
        assert [len(report["counts"]) for report in server.reports] == [10, 10, 5]
        assert not any("xxx" in str(report) for report in server.reports)


FORK = """
    import logging, os, sys, time
    from ferryman_flags import FlagClient
    logging.disable()
    client = FlagClient(sys.argv[1], sys.argv[2])
    assert client.ready(20)
    for _ in range(7):
        client.bool("a", False)
    child = os.fork()
    def say(*words):  # at one stroke, for both write to one pipe
        os.write(1, (" ".join(map(str, ["parent" if child else "child", *words])) + "\\n").encode())

    say(client.bool("a", False))
    until = time.monotonic() + 20
    while client.bool("b", False) is False and time.monotonic() < until:
        time.sleep(0.005)
    say("saw", client.bool("b", False))
    client.close()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_a_forked_worker_goes_on_by_itself(server: FlagServer) -> None:
    source = textwrap.dedent(FORK)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-c", source, server.url, TOKEN], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        eventually(lambda: server.listeners() >= 2, what="both processes to listen")
        server.set(b=flag(True))
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert sorted(out.splitlines()) == ["child True", "child saw True", "parent True", "parent saw True"]
    counted = sum(
        count["evaluations"] for report in server.reports for count in report["counts"] if count["flag"] == "a"
    )
    assert counted == 9, "7 by the parent before, and one by each after: nothing twice"


def test_events_are_read_in_any_pieces() -> None:
    raw = 'event: put\nid: 7\ndata: {"ä":\r\ndata: 1}\r\n\r\n: silence\n\ndata:x\n\nevent: empty\n\n'.encode()
    for size in (1, 2, 3, 7, len(raw)):
        reader = EventReader()
        found = [event for start in range(0, len(raw), size) for event in reader.feed(raw[start : start + size])]
        assert [(event.name, event.data, event.id) for event in found] == [
            ("put", '{"ä":\n1}', "7"),
            ("message", "x", ""),
        ]
