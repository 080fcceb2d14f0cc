"""`ferry flags board` and `evaluations`: flags at a glance, and how they are used."""

from __future__ import annotations

from ferryman.cli.commands.flag_service import environment_of, flag_reader
from ferryman.cli.context import OK, Context
from ferryman.cli.views import flag_board as views


def board(context: Context) -> int:
    """All of them; with --stale those that should go."""
    view = flag_reader(context).board()
    rows = tuple(row for row in view.flags if row.stale)
    if context.args.stale:
        context.out.emit(rows)
        context.out.say(views.stale(rows) if rows else "no flag has outlived its work")
    else:
        context.out.emit(view)
        context.out.say(views.board(view) if view.flags else "there are no flags; `ferry flags set FILE` writes some")
    if view.trouble:
        context.out.remark(f"the log cannot be used, flags are served as last known: {view.trouble}")
    return OK


def evaluations(context: Context) -> int:
    """How often, and by whom."""
    calls, environment, key = flag_reader(context), environment_of(context), context.args.key
    minutes, askers = calls.evaluations(environment, key), calls.askers(environment, key)
    context.out.emit({"minutes": minutes, "askers": askers})
    context.out.say(views.evaluations(minutes, askers))
    return OK
