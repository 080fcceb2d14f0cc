"""`ferry flags requests`, `approve` and `deny`: writes that wait for people to agree."""

from __future__ import annotations

from ferryman.cli.context import OK, Context
from ferryman.cli.flag_calls import FlagCalls
from ferryman.cli.services import reading_client
from ferryman.cli.views import flags as views
from ferryman.flags.requests import RequestView
from ferryman.model.errors import UsageError


def requests(context: Context) -> int:
    """Those that wait; with --all, those that ended too."""
    found = _calls(context).requests()
    shown = found if context.args.every else tuple(each for each in found if each.state == "open")
    context.out.emit(shown)
    context.out.say(views.requests(shown) if shown else "nothing waits for people to agree")
    return OK


def approve(context: Context) -> int:
    """Agree."""
    return _answer(context, "approve")


def deny(context: Context) -> int:
    """Refuse, or take back one's own."""
    return _answer(context, "deny")


def _answer(context: Context, deed: str) -> int:
    calls = _calls(context)
    request = _chosen(calls.requests(), context.args.request)
    context.out.remark(f"request {request.number} by {request.author}: {request.summary}")
    found = calls.answer(request, deed, context.args.reason)
    context.out.emit(found)
    waits = f"open, {len(found.given)} of {found.needed} agreed"
    context.out.say(f"request {found.number} is {waits if found.state == 'open' else found.state}")
    return OK


def _chosen(found: tuple[RequestView, ...], number: int | None) -> RequestView:
    """The one with this number, or the only open one. Raises `UsageError`."""
    waiting = [each for each in found if each.state == "open"]
    if number is None and len(waiting) == 1:
        return waiting[0]
    chosen = next((each for each in found if each.number == number), None)
    if chosen is None:
        numbers = ", ".join(str(each.number) for each in waiting) or "none"
        raise UsageError("which_request", f"which request? open now: {numbers}", "see `ferry flags requests`")
    return chosen


def _calls(context: Context) -> FlagCalls:
    return FlagCalls(reading_client(context), context.actor)
