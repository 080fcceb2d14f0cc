"""The helpers of the tests do what the tests rely on."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from support import ProcessGuard, eventually, free_port, free_ports, missing_counterpart, need_command

DETACHED = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
    "start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(child.pid)"
)


def test_eventually_returns_the_first_true_answer() -> None:
    answers = iter([None, 0, "yes", "later"])
    assert eventually(lambda: next(answers), what="an answer", poll_seconds=0) == "yes"


def test_eventually_says_what_it_waited_for() -> None:
    def probe() -> None:
        raise ConnectionRefusedError("nobody listens")

    with pytest.raises(pytest.fail.Exception, match=r"waiting for a port.*nobody listens"):
        eventually(probe, what="a port", seconds=0.05)


def test_free_ports_differ() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(0 < port < 65536 for port in [*ports, free_port()])


@pytest.mark.deadline(0.2)
def test_a_test_past_its_deadline_is_stopped() -> None:
    started = time.monotonic()
    with pytest.raises(BaseException, match="took longer than"):
        time.sleep(30)
    assert time.monotonic() - started < 10


def test_a_missing_counterpart_skips_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="some-package"):
        missing_counterpart("some-package", "to see")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="some-package"):
        need_command("surely-no-such-command", package="some-package")


def test_the_guard_ends_a_detached_process(process_guard: ProcessGuard) -> None:
    started = subprocess.run([sys.executable, "-c", DETACHED], check=True, capture_output=True, text=True, timeout=30)
    pid = int(started.stdout)
    assert psutil.pid_exists(pid)
    assert [process.pid for process in process_guard.leftovers()] == [pid]
    ended = process_guard.end_all()
    assert len(ended) == 1
    assert not process_guard.leftovers()


def test_the_guard_kills_what_ignores_a_request_to_end(process_guard: ProcessGuard) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, env={"PATH": os.defpath}) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        started = time.monotonic()
        assert len(process_guard.end_all()) == 1
        assert time.monotonic() - started > 1, "it was asked first"
        assert not psutil.pid_exists(child.pid)
