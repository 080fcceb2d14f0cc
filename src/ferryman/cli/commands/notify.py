"""`ferry notify`: the channels by which people are told."""

from __future__ import annotations

import time

from ferryman.cli.context import NOT_DONE, OK, Context
from ferryman.cli.services import reading_client
from ferryman.cli.views.columns import columns
from ferryman.cli.views.text import duration, shorten
from ferryman.model.errors import UsageError
from ferryman.model.notice import ChannelView

SAID_CELLS = 60
LASTS = {"sent": "sent", "waiting": "failed, tried again", "given_up": "given up", "dropped": "dropped"}


def run(context: Context) -> int:
    """List or try channels, or end all approval links."""
    match context.args.action:
        case "test":
            return _test(context)
        case "rotate-key":
            return _rotate(context)
        case _:
            return _list(context)


def _rotate(context: Context) -> int:
    if context.args.channel:
        raise UsageError(
            "usage", "`ferry notify rotate-key` takes no channel", "one key signs the links of all of them"
        )
    context.out.emit(reading_client(context).rotate_key(actor=context.actor))
    context.out.say("approval links are signed with a new key: those that were sent are good no longer")
    return OK


def _list(context: Context) -> int:
    if context.args.channel:
        raise UsageError("usage", "`ferry notify list` takes no channel", "it lists all of them")
    found = reading_client(context).channels()
    context.out.emit(found)
    if not found:
        context.out.say("no channels: nobody is told; see `notify` in docs/reference/settings.md")
        return OK
    now = time.time()
    heads = ("CHANNEL", "KIND", "TO", "WAITING", "LOST", "LAST", "WHEN", "SAID")
    context.out.say(columns([heads, *(_line(view, now) for view in found)]))
    return NOT_DONE if any(view.trouble for view in found) else OK


def _line(view: ChannelView, now: float) -> tuple[str, ...]:
    waiting = str(view.queued)
    if view.oldest_at is not None:
        waiting += f", {duration(now - view.oldest_at)}"
    when = f"{duration(now - view.last_at)} ago" if view.last_at is not None else "-"
    last = LASTS.get(view.last, "nothing yet")
    lost = f"{view.lost.count}, {duration(now - view.lost.at)} ago" if view.lost is not None else "0"
    said = shorten(view.said or (view.lost.said if view.lost is not None else ""), SAID_CELLS) or "-"
    return view.name, view.kind, shorten(view.target, 40), waiting, lost, last, when, said


def _test(context: Context) -> int:
    if not context.args.channel:
        raise UsageError("usage", "which channel?", "`ferry notify list` shows them: ferry notify test CHANNEL")
    tested = reading_client(context).test_channel(context.args.channel, actor=context.actor)
    context.out.emit(tested)
    context.out.say(f"{tested.channel}: {tested.said}")
    return OK
