"""`ferry flags` alone: what there is below it."""

from __future__ import annotations

from ferryman.cli.context import OK, Context
from ferryman.cli.table import COMMANDS
from ferryman.cli.views.columns import columns


def run(context: Context) -> int:
    """List the commands."""
    below = COMMANDS["flags"].under
    context.out.say(columns([(f"ferry {each.name}", each.summary) for each in below]))
    context.out.emit([{"command": each.name, "summary": each.summary} for each in below])
    return OK
