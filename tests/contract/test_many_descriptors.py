"""A controller with thousands of connections watches its Envoy as one with none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ferryman.routers.envoy.process import until_dead

BEYOND_SELECT = 1100


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = BEYOND_SELECT + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"the system allows {hard} descriptors only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    with contextlib.ExitStack() as held:
        for _ in range(BEYOND_SELECT):
            held.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_the_end_of_a_process_is_seen_beyond_a_thousand_descriptors() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        assert asyncio.run(until_dead(process.pid, 0.1)) is False
        process.kill()
        assert asyncio.run(until_dead(process.pid, 20.0)) is True
        assert asyncio.run(until_dead(process.pid, 20.0)) is True, "one that has ended already"
    finally:
        process.kill()
        process.wait(20)
