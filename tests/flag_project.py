"""A project with flags and a real controller of its own, in a process of its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from ferryman.api.place import read_record, state_folder
from project import door
from support import eventually


class FlagProject:
    """`options` are further ones of `ferry serve`."""

    def __init__(self, folder: Path, flags: str, *options: str) -> None:
        self.folder, self.port = folder, door()
        self.url = f"http://127.0.0.1:{self.port}"
        self.options = options
        self._words = [sys.executable, "-m", "ferryman", "--project", str(folder)]
        (folder / "ferryman.yaml").write_text("service: shop\n")
        self.file = folder / "flags.yaml"
        self.file.write_text(flags)
        self.serving: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """Start the controller, again if it was ended."""
        with (self.folder / "serve.out").open("ab") as out:
            command = [*self._words, "serve", "--listen", f"127.0.0.1:{self.port}", *self.options]
            self.serving = subprocess.Popen(command, stdout=out, stderr=out)
        eventually(self._answers, what="the controller", seconds=60)

    def _answers(self) -> bool:
        record = read_record(state_folder(self.folder))
        return record is not None and self.serving is not None and record.pid == self.serving.pid

    def ferry(self, *words: str) -> tuple[int, str]:
        """Exit code and output of a command."""
        done = subprocess.run([*self._words, *words], capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout

    def do(self, *words: str) -> str:
        """The output of a command that succeeds."""
        code, said = self.ferry(*words)
        assert code == 0, said
        return said

    def end(self, number: signal.Signals) -> None:
        """End the controller."""
        assert self.serving is not None
        self.serving.send_signal(number)
        self.serving.wait(30)


@contextlib.contextmanager
def flag_project(folder: Path, flags: str, *options: str) -> Iterator[FlagProject]:
    """With its controller running; nothing of it is left behind."""
    made = FlagProject(folder, flags, *options)
    try:
        made.serve()
        yield made
    finally:
        made.end(signal.SIGTERM)
    envoys = [p for p in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(p.info["cmdline"] or ())]
    assert not envoys
