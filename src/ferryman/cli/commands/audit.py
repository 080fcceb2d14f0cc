"""`ferry audit`: who did what, when and why; and whether the log is as it was written."""

from __future__ import annotations

import datetime as dt
import time

from ferryman.cli.context import NOT_DONE, OK, Context
from ferryman.cli.durations import timeout_seconds
from ferryman.cli.logreader import PastReader, past_reader
from ferryman.cli.views.columns import columns
from ferryman.cli.views.text import day_and_clock, plural
from ferryman.engine.audit import Question
from ferryman.model.audit import AuditLine
from ferryman.model.errors import UsageError

LIMIT_MAX = 100_000
PAGE = 1000


def run(context: Context) -> int:
    """List, or check every chain. Exit: 0, or 1 when a chain is broken."""
    reader = past_reader(context.project)
    return _verify(reader, context) if context.args.verify else _list(reader, context)


def _list(reader: PastReader, context: Context) -> int:
    args = context.args
    if not 1 <= args.limit <= LIMIT_MAX:
        raise UsageError("bad_limit", f"--limit {args.limit} is not from 1 to {LIMIT_MAX}", "write a number in between")
    lines: list[AuditLine] = []
    before = ""
    while True:
        asked = Question(
            service=args.service,
            actor=args.actor,
            since=_since(args.since),
            people=not args.all and args.actor is None,
            before=before,
            limit=min(PAGE, args.limit - len(lines)),
        )
        page = reader.audit(asked)
        lines = [*page.lines, *lines]
        before = page.before
        if not before or len(lines) >= args.limit:
            break
    context.out.say(columns([_row(line) for line in lines]) if lines else "nobody did anything yet")
    for line in lines:
        context.out.emit(line)
    return OK


def _row(line: AuditLine) -> tuple[str, ...]:
    return (day_and_clock(line.at), line.actor, line.service or "-", line.rollout or "-", line.text)


def _since(text: str | None) -> float:
    """A point in time: so long ago (`7d`), or a date (`2026-11-01`, `2026-11-01T10:00`) in this machine's time zone."""
    if text is None:
        return 0.0
    try:
        return max(0.0, dt.datetime.fromisoformat(text).astimezone().timestamp())
    except ValueError:
        seconds = timeout_seconds(text, "--since")
        return max(0.0, time.time() - (seconds or 0.0))


def _verify(reader: PastReader, context: Context) -> int:
    found = reader.chains()
    for chain in found.chains:
        links = plural(chain.count, "event") if chain.kind == "service" else f"entries: {chain.count}"
        name = chain.stream if chain.kind == "service" else f"journal {chain.stream}"
        context.out.say(f"{name}: {chain.problem or f'{links}, the chain is intact'}")
    if not found.chains:
        context.out.say("there is no log yet")
    context.out.emit(found)
    return OK if found.intact else NOT_DONE
