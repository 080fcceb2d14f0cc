"""`ferry completion`: what makes a shell complete commands and options."""

from __future__ import annotations

import shtab

from ferryman.cli.context import OK, Context
from ferryman.cli.parser import build


def run(context: Context) -> int:
    """Print the script."""
    script = shtab.complete(build(), context.args.shell)
    context.out.say(script)
    context.out.emit({"shell": context.args.shell, "script": script})
    return OK
