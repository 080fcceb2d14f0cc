"""What tests of every folder share: waiting with a deadline, free ports, real counterparts, and ending processes.

Import it as `from support import eventually`.
"""

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import psutil
import pytest

T = TypeVar("T")

EVENTUALLY_SECONDS = 20.0
POLL_SECONDS = 0.02
TERM_SECONDS = 2.0
RUN_VARIABLE = "FERRYMAN_TEST_RUN"


def eventually(
    probe: Callable[[], T | None], *, what: str, seconds: float = EVENTUALLY_SECONDS, poll_seconds: float = POLL_SECONDS
) -> T:
    """Call `probe` until it gives something true and return that; fail, saying `what` was awaited, after `seconds`.

    An OSError of the probe (nothing listens yet, no file yet) counts as "not yet".
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            last = answer = probe()
        except OSError as error:
            last, answer = error, None
        if answer:
            return answer
        if time.monotonic() >= deadline:
            pytest.fail(f"after {seconds:g} s still waiting for {what}; last answer: {last!r}")
        time.sleep(poll_seconds)


def free_port() -> int:
    """A loopback TCP port that nothing listens on now. Another process may take it first: start soon, or retry."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_ports(count: int) -> list[int]:
    """Several different ones at once."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def missing_counterpart(package: str, why: str) -> None:
    """Skip the running test because `package` is not installed; with CI=true, where everything must be, fail it."""
    message = f"needs the package {package}: {why} (see tests/apt.txt)"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message)
    pytest.skip(message)


def need_command(command: str, *, package: str) -> str:
    """The path of a command that a test runs as real counterpart; without it the test skips, or fails with CI=true."""
    path = shutil.which(command)
    if path is None:
        missing_counterpart(package, f"no `{command}` on PATH")
        raise AssertionError
    return path


class ProcessGuard:
    """Finds the processes that a test started, also detached ones, and ends them.

    A process counts if it descends from this one or carries this test's `FERRYMAN_TEST_RUN` in its environment, which
    children inherit. `add` names one that does neither.
    """

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._me = psutil.Process()
        self._before = {child.pid for child in self._me.children(recursive=True)}
        self._added: list[psutil.Process] = []

    def add(self, pid: int) -> None:
        """End this process too when the test is over."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._added.append(psutil.Process(pid))

    def leftovers(self) -> list[psutil.Process]:
        """What the test started and what still runs, zombies left out."""
        found = {process.pid: process for process in self._candidates()}
        return [process for process in found.values() if _is_alive(process)]

    def end_all(self) -> list[str]:
        """Ask them to end, kill those that do not, and return their command lines."""
        ended: list[str] = []
        for _ in range(3):  # what is being ended may start something in that moment
            processes = self.leftovers()
            if not processes:
                break
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    ended.append(" ".join(process.cmdline()))
                    process.terminate()
            _, stubborn = psutil.wait_procs(processes, timeout=TERM_SECONDS)
            for process in stubborn:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(stubborn, timeout=TERM_SECONDS)
        return ended

    def _candidates(self) -> Iterator[psutil.Process]:
        yield from self._added
        yield from (child for child in self._me.children(recursive=True) if child.pid not in self._before)
        for process in psutil.process_iter():
            if process.pid == self._me.pid:
                continue
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(RUN_VARIABLE) == self.run_id:
                    yield process


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
