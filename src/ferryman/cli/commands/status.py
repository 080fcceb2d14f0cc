"""`ferry status`: what serves, what moves, why it waits and what comes next."""

from __future__ import annotations

from ferryman.cli.client import Client
from ferryman.cli.context import NOT_DONE, OK, TIMED_OUT, Context
from ferryman.cli.durations import timeout_seconds
from ferryman.cli.follow import follow
from ferryman.cli.services import one_service, reading_client, running_rollout
from ferryman.cli.views.outcome import end_line
from ferryman.cli.views.text import duration
from ferryman.cli.views.tree import status_tree
from ferryman.model.view import ServiceView


def run(context: Context) -> int:
    """Exit code: 0 healthy, 1 not (or, with `-w`, the rollout was not promoted), 3 still running after `--timeout`."""
    context.interrupted = ""
    seconds = timeout_seconds(context.args.timeout)
    client = reading_client(context)
    if not context.args.service and not context.args.watch and seconds is None:
        views = client.views()
        if len(views) > 1:
            return _several(context, views)
    view = client.view(one_service(client, context))
    if context.args.watch or seconds is not None:
        return _watch(client, context, view, seconds)
    context.out.say(status_tree(view))
    context.out.emit(view)
    return _code(view)


def _several(context: Context, views: tuple[ServiceView, ...]) -> int:
    for view in views:
        context.out.say(status_tree(view))
    context.out.emit(views)
    return OK if all(view.healthy or view.down for view in views) else NOT_DONE


def _watch(client: Client, context: Context, view: ServiceView, seconds: float | None) -> int:
    rollout = running_rollout(view)
    if not context.out.live:
        context.out.say(status_tree(view))
    if not rollout:
        if context.out.live:
            context.out.say(status_tree(view))
        context.out.emit(view)
        return _code(view)
    context.interrupted = (
        f"the rollout goes on; watch it with `ferry status {view.service} -w`, "
        f"take it back with `ferry abort {view.service}`"
    )
    followed = follow(client, context, view.service, rollout, after=view.position, seconds=seconds)
    context.out.emit(followed.view)
    if followed.summary is None:
        phase = followed.view.rollout.phase if followed.view.rollout else "gone"
        context.out.say(f"Still {phase} after {duration(seconds or 0.0)}")
        return TIMED_OUT
    context.out.say(end_line(followed.view, followed.summary, followed.cause_kind))
    return OK if followed.summary.outcome == "promoted" and followed.view.healthy else NOT_DONE


def _code(view: ServiceView) -> int:
    return OK if view.healthy or view.down else NOT_DONE
