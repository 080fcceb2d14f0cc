"""For every test: a hard time limit, bounded property tests, and no process left behind."""

import faulthandler
import os
import signal
import uuid
from collections.abc import Iterator
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings

from support import RUN_VARIABLE, ProcessGuard

DEADLINE_SECONDS = 120.0
# A test stuck in native code never sees the signal: then its stacks are printed and its worker process ends.
HARD_EXIT_EXTRA_SECONDS = 20.0

STDERR_KEY = pytest.StashKey[int]()

settings.register_profile(
    "default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


class DeadlineExceededError(BaseException):
    """Not an Exception: neither the code under test nor a broad `except` in a test may swallow it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite` renews golden files."""
    parser.addoption("--rewrite", action="store_true", help="renew the golden files; look at the difference afterwards")


def pytest_configure(config: pytest.Config) -> None:
    """Golden files are renewed by people only."""
    if config.getoption("--rewrite") and os.environ.get("CI"):
        raise pytest.UsageError("--rewrite is refused where CI is set: a golden file is changed by a person")
    _keep_standard_error(config)


def _keep_standard_error(config: pytest.Config) -> None:
    """Keep the real standard error: while a test runs, file descriptor 2 is captured."""
    config.stash[STDERR_KEY] = os.dup(2)


def _deadline_seconds(item: pytest.Item) -> float:
    marker = item.get_closest_marker("deadline")
    return float(marker.args[0]) if marker else DEADLINE_SECONDS


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Stop a test, with its fixtures, that takes longer than its deadline (marker `deadline`, else 120 seconds)."""
    seconds = _deadline_seconds(item)

    def expire(signum: int, frame: FrameType | None) -> None:
        message = f"{item.nodeid} took longer than {seconds:g} s"
        raise DeadlineExceededError(message)

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + HARD_EXIT_EXTRA_SECONDS, exit=True, file=item.config.stash[STDERR_KEY])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def process_guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessGuard]:
    """Ends by pid whatever the test started and left running; `process_guard.leftovers()` shows it before."""
    run_id = uuid.uuid4().hex
    monkeypatch.setenv(RUN_VARIABLE, run_id)
    guard = ProcessGuard(run_id)
    yield guard
    guard.end_all()


@pytest.fixture(autouse=True)
def _guard_real_tests(request: pytest.FixtureRequest) -> None:
    """Tests marked `real` have the guard without asking for it."""
    if request.node.get_closest_marker("real"):
        request.getfixturevalue("process_guard")
