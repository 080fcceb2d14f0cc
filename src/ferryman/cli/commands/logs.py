"""`ferry logs`: what instances wrote to standard output and error."""

from __future__ import annotations

import time
from functools import partial

from ferryman.cli.context import OK, Context
from ferryman.cli.follow import patient
from ferryman.cli.services import one_service, reading_client
from ferryman.model.errors import UsageError

LINES_MAX = 10_000
FOLLOW_LINES = 1000
FOLLOW_SECONDS = 0.5


def run(context: Context) -> int:
    """The last lines of every instance; with `-f` also those to come, each with the name of its instance."""
    args = context.args
    if not 1 <= args.lines <= LINES_MAX:
        raise UsageError("bad_limit", f"-n {args.lines} is not from 1 to {LINES_MAX}")
    context.interrupted = ""
    client = reading_client(context)
    service = one_service(client, context)
    found = client.logs(service, instance=args.instance, label=args.label, lines=args.lines)
    if not found:
        context.out.remark(f"{service} has no such instance; `ferry status {service} --json` names them")
    known: dict[str, list[str]] = {}
    for instance, text in found.items():
        known[instance] = text.splitlines()
        _tell(context, instance, known[instance], several=len(found) > 1 or args.follow)
    if not args.follow:
        context.out.emit(found)
    while args.follow:
        time.sleep(FOLLOW_SECONDS)
        found = patient(partial(client.logs, service, instance=args.instance, label=args.label, lines=FOLLOW_LINES))
        for instance, text in found.items():
            lines = text.splitlines()
            _tell(context, instance, new_lines(known.get(instance, []), lines), several=True)
            known[instance] = lines
    return OK


def _tell(context: Context, instance: str, lines: list[str], *, several: bool) -> None:
    for line in lines:
        context.out.say(f"{instance}  {line}" if several else line)
    if context.args.follow:
        for line in lines:
            context.out.emit({"instance": instance, "line": line})


def new_lines(before: list[str], now: list[str]) -> list[str]:
    """The end of `now` that `before` does not have: both are ends of one growing text."""
    if before == now:
        return []
    for overlap in range(min(len(before), len(now)), 0, -1):
        if before[-overlap:] == now[:overlap]:
            return now[overlap:]
    return now
