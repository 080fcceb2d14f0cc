"""`ferry list`, `history` and `events`: what there is, what was released, what happened."""

from __future__ import annotations

from functools import partial

import msgspec

from ferryman.cli.context import OK, Context
from ferryman.cli.follow import event_line, patient
from ferryman.cli.logreader import PastReader, past_reader
from ferryman.cli.services import one_service, reading_client
from ferryman.cli.views.columns import columns
from ferryman.cli.views.text import day_and_clock, duration, plural, shorten, weight
from ferryman.cli.views.words import doing, outcome_words, state
from ferryman.model.errors import UsageError
from ferryman.model.view import EventView, RolloutSummary, ServiceView

BEYOND = 2**53
"""After every position of a log."""

LIMIT_MAX = 1000
FOLLOW_SECONDS = 20.0
REASON_CELLS = 60


class Verified(msgspec.Struct, frozen=True):
    """A log that was checked."""

    service: str
    events: int


def services(context: Context) -> int:
    """One line for each service."""
    views = reading_client(context).views()
    if not views:
        context.out.say("nothing was deployed in this project yet; `ferry deploy` does it")
    else:
        heads = ("SERVICE", "STATE", "SERVES", "READY", "ROLLOUT", "URL")
        context.out.say(columns([heads, *(_service(view) for view in views)]))
    context.out.emit(views)
    return OK


def _service(view: ServiceView) -> tuple[str, ...]:
    ready, wanted = sum(side.ready for side in view.sides), sum(side.wanted for side in view.sides)
    rollout = f"{view.rollout.candidate} {doing(view)}" if view.rollout else "-"
    return (view.service, state(view).lower(), view.serving or "-", f"{ready}/{wanted}", rollout, view.url or "-")


def history(context: Context) -> int:
    """The rollouts of a service, or of all there are, newest first; from the log alone when no controller runs."""
    client, args = past_reader(context.project), context.args
    service = args.service or (one_service(client, context) if len(client.views()) < 2 else None)
    found = client.history(service, _limit(args.limit), after=args.after)
    heads = ("ROLLOUT", "BEGUN", "VERSION", "FROM", "STRATEGY", "OUTCOME", "TOOK", "SEEN BY", "BY", "REASON")
    nothing = f"no rollout is older than {args.after}" if args.after else f"{service or 'nothing'} has no rollout yet"
    context.out.say(columns([heads, *(_rollout(each) for each in found)]) if found else nothing)
    if len(found) == args.limit:
        context.out.remark(f"there may be more: ferry history {args.service or ''} --after {found[-1].id}")
    context.out.emit(found)
    return OK


def _rollout(each: RolloutSummary) -> tuple[str, ...]:
    return (
        each.id,
        day_and_clock(each.created_at),
        each.candidate + (f" (attempt {each.attempt})" if each.attempt > 1 else ""),
        each.stable or "-",
        each.strategy if each.kind in ("deploy", each.strategy) else f"{each.strategy} ({each.kind})",
        outcome_words(each.kind, each.outcome, each.cause_kind),
        duration(each.seconds) if each.seconds is not None else "-",
        weight(each.max_exposure_percent),
        each.created_by,
        shorten(each.reason, REASON_CELLS),
    )


def events(context: Context) -> int:
    """The last events, oldest first, from the log alone when no controller runs; with `-f` also those to come."""
    args = context.args
    context.interrupted = ""
    client = past_reader(context.project, follow=args.follow)
    if args.verify:
        return _verify(client, context)
    shown, position = _last(client, args.service, args.rollout, _limit(args.limit))
    for event in shown:
        _tell(context, event)
    while args.follow:
        ask = partial(client.events, args.service, rollout=args.rollout)
        page = patient(partial(ask, after=position, wait_seconds=FOLLOW_SECONDS))
        for event in page.events:
            _tell(context, event)
        position = page.position
    return OK


def _last(
    client: PastReader, service: str | None, rollout: str | None, limit: int
) -> tuple[tuple[EventView, ...], int]:
    """The last `limit` events and the position to go on from."""
    page = client.events(service, rollout=rollout, before=BEYOND, limit=limit)
    return page.events, page.position


def _tell(context: Context, event: EventView) -> None:
    context.out.say(event_line(event, named=context.args.service is None))
    context.out.emit(event)


def _verify(client: PastReader, context: Context) -> int:
    """Check the hash chains; a broken one raises `StoreError`, naming the first bad event."""
    named = context.args.service
    names = [named] if named else [view.service for view in client.views()]
    for name in names:
        number = client.verify(name)
        context.out.say(f"{name}: {plural(number, 'event')}, the chain is intact and leads to the present state")
        context.out.emit(Verified(name, number))
    return OK


def _limit(given: int) -> int:
    if not 1 <= given <= LIMIT_MAX:
        raise UsageError("bad_limit", f"-n {given} is not from 1 to {LIMIT_MAX}")
    return given
