"""`ferry drill`: rehearse the way back, and say how long it would take."""

from __future__ import annotations

from ferryman.cli.commands.verbs import about_to_ask
from ferryman.cli.context import NOT_DONE, OK, TIMED_OUT, Context
from ferryman.cli.durations import share, timeout_seconds
from ferryman.cli.follow import follow
from ferryman.cli.services import acting_client, one_service
from ferryman.cli.views.outcome import drill_line, drill_passed
from ferryman.cli.views.text import duration
from ferryman.cli.waiting import Ending, goes_on, tell_answer


def run(context: Context) -> int:
    """Exit code: 0 the drill passed, 1 it did not, 2 refused, 3 not within `--timeout`."""
    args = context.args
    seconds = timeout_seconds(args.timeout)
    traffic_percent = 100.0 * share(args.traffic) if args.traffic else 0.0
    hold_seconds = timeout_seconds(args.hold, "--hold") or 0.0
    client = acting_client(context)
    service = one_service(client, context)
    position = client.view(service).position
    about_to_ask(context, service)
    answer = client.drill(
        service,
        actor=context.actor,
        reason=args.reason,
        traffic_percent=traffic_percent,
        hold_seconds=hold_seconds,
    )
    context.interrupted = goes_on(service)
    tell_answer(context, answer)
    if args.no_wait or answer.rollout is None:
        context.out.emit(answer)
        return OK
    followed = follow(client, context, service, answer.rollout, after=position, seconds=seconds)
    summary = followed.summary
    if summary is None:
        code, line = TIMED_OUT, f"Still drilling after {duration(seconds or 0.0)}: {goes_on(service)}"
    else:
        code, line = OK if drill_passed(summary) else NOT_DONE, drill_line(summary)
    context.out.say(line)
    outcome = "running" if summary is None else "passed" if code == OK else "failed"
    context.out.emit(Ending(service, answer, outcome, line, code, summary, followed.view))
    return code
