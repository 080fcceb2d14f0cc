"""`ferry postmortem`: what happened, as a page to keep; and the mark that it was written about."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from ferryman.cli.client import connect
from ferryman.cli.context import OK, Context
from ferryman.cli.logreader import PastReader, past_reader
from ferryman.cli.postmortem.case import POINTS, Case
from ferryman.cli.postmortem.markdown import markdown_page
from ferryman.cli.postmortem.page import html_page
from ferryman.cli.waiting import tell_answer
from ferryman.model.errors import FerrymanError, UsageError
from ferryman.model.view import EventView

PAGE = 500
HISTORY = 1000
MAKERS = {"html": html_page, "md": markdown_page}


class Written(msgspec.Struct, frozen=True):
    """Where the report went, and how many bytes it has."""

    rollout: str
    path: str
    bytes: int


def run(context: Context) -> int:
    """Exit code 0; 2 for a rollout that is not known."""
    args = context.args
    if args.done is not None:
        return _done(context)
    case = case_of(past_reader(context.project), args.rollout)
    page = MAKERS[args.format](case)
    if args.out == "-":
        sys.stdout.write(page)
        return OK
    path = Path(args.out or ".") / f"postmortem-{case.summary.id}.{args.format}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as problem:
        raise UsageError(
            "not_written", f"cannot write {path}: {problem.strerror or problem}", "--out names a folder"
        ) from None
    context.out.say(f"wrote {path}: {case.service} {case.summary.candidate} {case.outcome}")
    context.out.emit(Written(case.summary.id, str(path), len(page.encode())))
    return OK


def _done(context: Context) -> int:
    args = context.args
    client = connect(context.project)
    answer = client.postmortem(
        service_of(args.rollout), args.rollout, args.done, actor=context.actor, reason=args.reason
    )
    tell_answer(context, answer)
    context.out.emit(answer)
    return OK


def case_of(reader: PastReader, rollout: str) -> Case:
    """Everything there is about a rollout. Raises `FerrymanError` (``unknown_rollout``)."""
    service = service_of(rollout)
    summary = next((each for each in reader.history(service, HISTORY) if each.id == rollout), None)
    if summary is None:
        raise _unknown(rollout)
    events: list[EventView] = []
    position = 0
    while True:
        page = reader.events(service, rollout=rollout, after=position, limit=PAGE)
        events += page.events
        position = page.position
        if len(page.events) < PAGE:
            return Case(service, summary, tuple(events), reader.measurements(rollout, POINTS))


def service_of(rollout: str) -> str:
    """The service in the id of a rollout, ``<service>-<number>``. Raises `FerrymanError` (``unknown_rollout``)."""
    service, dash, number = rollout.rpartition("-")
    if not (service and dash and number.isascii() and number.isdigit()):
        raise _unknown(rollout)
    return service


def _unknown(rollout: str) -> FerrymanError:
    return UsageError("unknown_rollout", f"there is no rollout {rollout!r} here", "`ferry history` lists them")
