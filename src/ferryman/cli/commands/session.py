"""`ferry session`: who is signed in to the dashboard, and ending that."""

from __future__ import annotations

from ferryman.api.access.wire import SignInView
from ferryman.cli.context import OK, Context
from ferryman.cli.services import reading_client
from ferryman.cli.views.columns import columns
from ferryman.cli.views.text import day_and_clock
from ferryman.model.errors import UsageError

HEADS = ("ID", "NAME", "ROLE", "BY", "FROM", "SINCE", "SEEN", "UNTIL")


def run(context: Context) -> int:
    """List the sessions, or end one."""
    args = context.args
    client = reading_client(context)
    if args.action == "end":
        if not args.which:
            raise UsageError("bad_usage", "which session?", "ferry session end ID; `ferry session list` shows them")
        ended = client.end_session(args.which, args.reason)
        context.out.emit(ended)
        context.out.say(f"{ended.name} is signed out")
        return OK
    found = client.sessions()
    context.out.emit(found)
    context.out.say(columns([HEADS, *(_row(each) for each in found)]) if found else "nobody is signed in")
    return OK


def _row(each: SignInView) -> tuple[str, ...]:
    roles = ", ".join(
        role.value if service == "*" else f"{role.value} of {service}" for service, role in each.roles.items()
    )
    times = (day_and_clock(each.started_at), day_and_clock(each.seen_at), day_and_clock(each.expires_at))
    return (each.id, each.name, roles, each.via, each.address or "-", *times)
