"""`ferry freeze` and `ferry unfreeze`: no more users meet any new version, until it is lifted or over."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from ferryman.cli.client import Client
from ferryman.cli.commands.verbs import about_to_ask
from ferryman.cli.context import OK, Context
from ferryman.cli.services import acting_client, one_service
from ferryman.cli.waiting import goes_on, tell_answer
from ferryman.model.errors import UsageError
from ferryman.model.view import AnswerView
from ferryman.spec.durations import parse_duration

Asked = Callable[[str], AnswerView]
DAY = timedelta(days=1)


def freeze(context: Context) -> int:
    """Freeze one service, or all of the project."""
    args = context.args
    if not args.reason.strip():
        raise UsageError("reason_needed", "a freeze needs a reason", "say why: --reason TEXT")
    until = until_when(args.until, time.time())
    client = acting_client(context)

    def ask(service: str) -> AnswerView:
        return client.freeze(service, actor=context.actor, reason=args.reason, until=until, rollback=args.rollback)

    return _each(context, client, ask)


def unfreeze(context: Context) -> int:
    """Lift it."""
    client = acting_client(context)
    return _each(
        context,
        client,
        lambda service: client.verb(service, "unfreeze", actor=context.actor, reason=context.args.reason),
    )


def _each(context: Context, client: Client, ask: Asked) -> int:
    every = context.args.every
    if every and context.args.service:
        raise UsageError("which_service", "SERVICE and --all exclude each other", "name one, or take all")
    names = [view.service for view in client.views()] if every else [one_service(client, context)]
    answers: list[AnswerView] = []
    for name in names:
        about_to_ask(context, name)
        answers.append(ask(name))
        context.interrupted = goes_on(name)
        tell_answer(context, answers[-1])
    context.out.emit(answers if every else answers[0])
    return OK


def until_when(text: str | None, now: float) -> float | None:
    """The epoch second that `2h`, `18:00` (the next one, local time) or `2026-12-24T18:00` (local time unless it names an
    offset) stands for; None stays None. Raises `UsageError`."""
    if text is None:
        return None
    seconds = parse_duration(text)
    if seconds is not None:
        return now + seconds
    if found := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text):
        here = datetime.fromtimestamp(now).astimezone()
        then = here.replace(hour=int(found.group(1)), minute=int(found.group(2)), second=0, microsecond=0)
        return (then if then > here else then + DAY).timestamp()
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        message = f"--until {text!r} is neither a duration nor a time"
        raise UsageError("bad_until", message, "write 2h, 18:00 or 2026-12-24T18:00") from None
