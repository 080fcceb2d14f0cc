"""A controller that kills itself with SIGKILL, as `ferry serve` otherwise: run as a program.

    python crashing.py append|converge BORN --project DIR

`append`: right after an append that held an event is durable, before anything is converged on it.
`converge`: right after the first converge that follows such an append.
Appends that only keep measurements or notes (such as that instances were adopted) do not count: else no controller
would ever get further than its own start.

BORN is the monotonic second at which whoever starts it did so: how long it took from there to the first decision becomes
a line of `decisions.txt` in the working directory, less the time for which this process could have run, but others had
the processors: that says something of the other tests only.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import ferryman.engine.loop as loop_module
from ferryman.cli.main import main
from ferryman.store.sqlite import SqliteStore
from ferryman.targets.process import ProcessTarget


def die() -> None:
    """No clean-up of any kind."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(mode: str) -> None:
    """Wrap the ports through which the engine acts."""
    append, apply = SqliteStore.append, ProcessTarget.apply
    written = False

    async def appended(self: SqliteStore, what: Any) -> Any:
        nonlocal written
        stored = await append(self, what)
        if any(item.event.kind != "noted" for item in stored):
            written = True
            if mode == "append":
                die()
        return stored

    async def applied(self: ProcessTarget, *given: Any) -> Any:
        begun = await apply(self, *given)
        if written and mode == "converge":
            die()
        return begun

    SqliteStore.append = appended  # pyright: ignore[reportAttributeAccessIssue]
    ProcessTarget.apply = applied  # pyright: ignore[reportAttributeAccessIssue]


def waited_seconds() -> float:
    """How long this process was ready to run and did not (proc_pid_schedstat(5), second figure, of its main thread)."""
    return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


def keep_time(born: float) -> None:
    """Note when the first decision was made; later ones are left alone."""
    decide = loop_module.decide

    def first(*given: Any) -> Any:
        loop_module.decide = decide
        with Path("decisions.txt").open("a", encoding="ascii") as file:
            file.write(f"{time.monotonic() - born - waited_seconds():.3f}\n")
        return decide(*given)

    loop_module.decide = first


if __name__ == "__main__":
    arm(sys.argv[1])
    keep_time(float(sys.argv[2]))
    sys.exit(main([*sys.argv[3:], "serve"]))
