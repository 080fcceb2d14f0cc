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


@contextlib.contextmanager
def picture(out: Output) -> Generator[Callable[[ServiceView], None]]:
    """A function that shows a view in place of the one before; the last one stays when the block is left.

    Only what changed is drawn again, in one write, so that nothing flickers.
    """
    console = Console(file=out.stdout, highlight=False)
    ascii_only = not (console.encoding or "").lower().startswith("utf")
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:

        def show(view: ServiceView) -> None:
            width = min(console.width, WIDTH_MAX)
            live.update(dashboard(view, width, ascii_only=ascii_only), refresh=True)

        yield show
