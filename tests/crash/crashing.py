"""A controller that kills itself with SIGKILL, as `ferry serve` otherwise: run as a program.

    python crashing.py append|converge --project DIR

`append`: right after an append that held an event is durable, before anything is converged on it.
`converge`: right after the first converge that follows such an append.
Appends that only keep measurements or notes (such as that instances were adopted) do not count: else no controller
would ever get further than its own start.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

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


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.exit(main([*sys.argv[2:], "serve"]))
