"""`ferry status -w` on a real terminal: frames that replace each other whole, within its width, and a clean end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from ferryman.cli.live import BEGIN_FRAME, END_FRAME
from unit.api.fake_controller import FakeController, serving
from unit.cli.samples import CANARY, CANDIDATE, PROMOTED, STABLE

SECONDS = 60.0
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|4[0-7]|9[0-7]|38|48)(?:;[0-9;]*)?m")


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeController]:
    """A release that goes on for some looks and is then promoted."""
    found = FakeController()
    busy = [
        replace(CANARY, at=CANARY.at + n, sides=(STABLE, replace(CANDIDATE, requests_per_second=30.0 + n)))
        for n in range(4)
    ]
    found.script = [*busy, PROMOTED]
    with serving(found, tmp_path):
        yield found


def watched(project: Path, width: int, height: int = 40, **env: str) -> str:
    """Everything that the command writes to a terminal of that size."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    words = [sys.executable, "-m", "ferryman", "--project", str(project), "status", "shop", "-w"]
    with subprocess.Popen(
        words,
        stdin=slave,
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env={**plain, "TERM": "xterm-256color", "PYTHONUTF8": "1", **env},
    ) as process:
        os.close(slave)
        found = b""
        deadline = time.monotonic() + SECONDS
        try:
            while time.monotonic() < deadline:
                if not select.select([master], [], [], 1.0)[0]:
                    continue
                try:
                    part = os.read(master, 65536)
                except OSError:  # the other side is closed
                    break
                if not part:
                    break
                found += part
            process.wait(max(1.0, deadline - time.monotonic()))
        finally:
            if process.poll() is None:
                process.kill()
            with contextlib.suppress(OSError):
                os.close(master)
    assert process.returncode == 0, found.decode(errors="replace")[-2000:]
    return found.decode()


def frames(text: str) -> list[str]:
    return re.findall(re.escape(BEGIN_FRAME) + "(.*?)" + re.escape(END_FRAME), text, re.DOTALL)


@pytest.mark.deadline(90)
@pytest.mark.parametrize("width", [44, 80, 130])
def test_frames_replace_each_other_whole(fake: FakeController, tmp_path: Path, width: int) -> None:
    text = watched(tmp_path, width)
    found = frames(text)
    assert len(found) >= 3
    assert text.count(BEGIN_FRAME) == text.count(END_FRAME) == len(found)
    assert "\x1b[2J" not in text, "the screen is never cleared: that is what flickers"
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h"), "the cursor is there again"
    for frame in found:
        for line in CONTROL.sub("", frame).splitlines():
            assert cell_len(line) <= width
    outside = CONTROL.sub("", re.sub(re.escape(BEGIN_FRAME) + ".*?" + re.escape(END_FRAME), "", text, flags=re.DOTALL))
    assert "Promoted" in outside
    first = CONTROL.sub("", found[0])
    for word in ("Errors", "p95", "p99", "CPU", "Memory", "Ready", "Judge", "Next"):
        assert word in first, word


@pytest.mark.deadline(90)
def test_no_color_is_minded(fake: FakeController, tmp_path: Path) -> None:
    assert COLOUR.search(watched(tmp_path, 80))
    fake.script = [CANARY, CANARY, PROMOTED]
    assert not COLOUR.search(watched(tmp_path, 80, NO_COLOR="1"))
