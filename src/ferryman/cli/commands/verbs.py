"""The verbs on what runs: each asks the controller, tells its answer, and waits where waiting is meant."""

from __future__ import annotations

from ferryman.cli.client import Client
from ferryman.cli.context import NOT_DONE, OK, Context
from ferryman.cli.durations import timeout_seconds
from ferryman.cli.follow import follow
from ferryman.cli.services import acting_client, one_service
from ferryman.cli.views.outcome import end_line
from ferryman.cli.waiting import goes_on, judged, tell_answer, wait_for
from ferryman.model.view import AnswerView


def promote(context: Context) -> int:
    """Go on now."""
    return _simple(context, "promote")


def pause(context: Context) -> int:
    """Stay here."""
    return _simple(context, "pause")


def resume(context: Context) -> int:
    """Go on after a pause."""
    return _simple(context, "resume")


def approve(context: Context) -> int:
    """Agree to what waits for it."""
    return _simple(context, "approve")


def deny(context: Context) -> int:
    """Refuse it."""
    return _simple(context, "deny")


def restart(context: Context) -> int:
    """Replace every instance."""
    return _simple(context, "restart")


def abort(context: Context) -> int:
    """Take the new version back. With `-w` the exit code is 0 once the old one serves everybody, healthy."""
    seconds = timeout_seconds(context.args.timeout)
    client, answer, position = _ask(context, "abort")
    if answer.rollout is None or not (context.args.watch or seconds is not None):
        context.out.emit(answer)
        return OK
    followed = follow(client, context, answer.service, answer.rollout, after=position, seconds=seconds)
    if followed.summary is None:
        code, line = judged(followed, answer, seconds)
    else:
        back = followed.summary.outcome != "failed" and followed.view.healthy
        code, line = OK if back else NOT_DONE, end_line(followed.view, followed.summary, "abort")
    context.out.say(line)
    context.out.emit(followed.view)
    return code


def retry(context: Context) -> int:
    """Begin again what was taken back."""
    seconds = timeout_seconds(context.args.timeout)
    client, answer, position = _ask(context, "retry")
    return _finish(context, client, answer, position, seconds)


def undo(context: Context) -> int:
    """Back to an earlier version."""
    args = context.args
    seconds = timeout_seconds(args.timeout)
    client = acting_client(context)
    service = one_service(client, context)
    position = client.view(service).position
    about_to_ask(context, service)
    answer = client.undo(
        service,
        actor=context.actor,
        reason=args.reason,
        to=args.to,
        with_steps=args.with_steps,
        force=args.force,
        emergency=args.emergency,
    )
    context.interrupted = goes_on(service)
    tell_answer(context, answer)
    return _finish(context, client, answer, position, seconds)


def _simple(context: Context, verb: str) -> int:
    _, answer, _ = _ask(context, verb)
    context.out.emit(answer)
    return OK


def _ask(context: Context, verb: str) -> tuple[Client, AnswerView, int]:
    """(client, its answer, the newest event before)."""
    client = acting_client(context)
    service = one_service(client, context)
    position = client.view(service).position
    about_to_ask(context, service)
    full = bool(getattr(context.args, "full", False))
    urgent = bool(getattr(context.args, "emergency", False))
    answer = client.verb(service, verb, actor=context.actor, reason=context.args.reason, full=full, emergency=urgent)
    context.interrupted = goes_on(service)
    tell_answer(context, answer)
    return client, answer, position


def about_to_ask(context: Context, service: str) -> None:
    """From here on an interrupt leaves open whether it was done."""
    context.interrupted = f"it was being asked for: `ferry status {service}` tells whether it happened"
    context.undo.clear()


def _finish(context: Context, client: Client, answer: AnswerView, position: int, seconds: float | None) -> int:
    if context.args.no_wait or answer.rollout is None:
        context.out.emit(answer)
        return OK
    return wait_for(client, context, answer, after=position, seconds=seconds)
