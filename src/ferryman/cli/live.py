"""The moving picture on a terminal: `dashboard` draws one frame, `picture` keeps the last one on the screen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

from rich.console import Console
from rich.live import Live

from ferryman.cli.context import Output
from ferryman.cli.views.dashboard import dashboard
from ferryman.cli.views.tree import status_tree
from ferryman.model.view import ServiceView

__all__ = ["dashboard", "picture", "status_tree"]

WIDTH_MAX = 120
HEIGHT_MIN = 10
BEGIN_FRAME, END_FRAME = "\x1b[?2026h", "\x1b[?2026l"
"""Synchronised output; terminals that do not know it pass over it."""


@contextlib.contextmanager
def picture(out: Output) -> Generator[Callable[[ServiceView], None]]:
    """A function that shows a view in place of the one before; the last one stays when the block is left.

    A frame is written whole, between the marks by which terminals that know them show it at once: nothing flickers.
    """
    console = Console(file=out.stdout, highlight=False)
    ascii_only = not (console.encoding or "").lower().startswith("utf")
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:

        def show(view: ServiceView) -> None:
            width, height = min(console.width, WIDTH_MAX), max(HEIGHT_MIN, console.height - 1)
            out.stdout.write(BEGIN_FRAME)
            live.update(dashboard(view, width, height=height, ascii_only=ascii_only), refresh=True)
            out.stdout.write(END_FRAME)
            out.stdout.flush()

        yield show
