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
SUFFIXES = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md"}


class Written(msgspec.Struct, frozen=True):
    """Where a report went, and how many bytes it has."""

    rollout: str
    path: str
    bytes: int


def run(context: Context) -> int:
    """Exit code 0; 2 for a rollout that is not known."""
    args = context.args
    if args.done is not None:
        return _done(context)
    formats = report_formats(args.out, args.format)
    case = case_of(past_reader(context.project), args.rollout)
    if args.out == "-":
        sys.stdout.write(MAKERS[formats[0]](case))
        return OK
    written = [_write(case, report_path(args.out, args.rollout, each), each) for each in formats]
    context.out.say(
        f"wrote {' and '.join(each.path for each in written)}: {case.service} {case.summary.candidate} {case.outcome}"
    )
    context.out.emit(written)
    return OK


def report_formats(out: str | None, asked: str | None) -> tuple[str, ...]:
    """Both, unless one was asked for: by name, by the ending of a file, or (Markdown) by standard output."""
    named = SUFFIXES.get(Path(out).suffix.lower()) if out is not None else None
    if asked is not None and named not in (None, asked):
        raise UsageError("bad_usage", f"--format {asked} and --out {out} do not agree", "leave one of them out")
    if asked is not None or named is not None:
        return (asked or named or "",)
    return ("md",) if out == "-" else tuple(MAKERS)


def report_path(out: str | None, rollout: str, kind: str) -> Path:
    """A file with the ending of a report is that very file, anything else a folder."""
    path = Path(out or ".")
    return path if path.suffix.lower() in SUFFIXES else path / f"postmortem-{rollout}.{kind}"


def _write(case: Case, path: Path, kind: str) -> Written:
    page = MAKERS[kind](case)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as problem:
        raise UsageError(
            "not_written", f"cannot write {path}: {problem.strerror or problem}", "--out names a folder, a file or -"
        ) from None
    return Written(case.summary.id, str(path), len(page.encode()))


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
