"""`ferry deploy`: carry the service to what the release file says, and stay until it is done."""

from __future__ import annotations

from ferryman.api.problems import to_document
from ferryman.cli.client import Client
from ferryman.cli.context import NOT_DONE, Context
from ferryman.cli.durations import timeout_seconds
from ferryman.cli.services import running_rollout, started_client
from ferryman.cli.views.problems import problem_text
from ferryman.cli.waiting import goes_on, tell_answer, wait_for
from ferryman.core.lint import plan_findings
from ferryman.model.errors import FerrymanError, SpecError
from ferryman.model.view import ServiceView
from ferryman.spec.parse import parse_release, placed


def run(context: Context) -> int:
    """Exit code: 0 promoted and healthy, 1 not promoted or degraded, 2 refused, 3 not within `--timeout`."""
    args = context.args
    seconds = timeout_seconds(args.timeout)
    document, name = context.read_release_file()
    release = parse_release(document, name)  # a file with errors starts no controller
    if wrong := plan_findings(release):
        return _unfit(context, SpecError(placed(wrong, document, name)))
    client = started_client(context)
    before = view_or_none(client, release.service)
    base = None if args.over else running_rollout(before)
    context.interrupted = "the release was being handed over: `ferry status` tells whether it was taken"
    context.undo.clear()
    answer = client.deploy(document, name, actor=context.actor, base=base, reason=args.reason, emergency=args.emergency)
    context.interrupted = goes_on(answer.service)
    after = before.position if before is not None else 0
    view = client.view(answer.service)
    label = release.label or (view.rollout.candidate if view.rollout and view.rollout.id == answer.rollout else "")
    tell_answer(context, answer, label)
    if args.no_wait or answer.rollout is None:
        context.out.emit(answer)
        return 0
    return wait_for(client, context, answer, after=after, seconds=seconds)


def _unfit(context: Context, problem: SpecError) -> int:
    """The file is well-formed, but what it asks for cannot be had."""
    context.out.emit(to_document(problem))
    if not context.out.as_json:
        print(problem_text(problem.problems), file=context.out.stderr, flush=True)
    return NOT_DONE


def view_or_none(client: Client, service: str) -> ServiceView | None:
    """The service, or None when the controller does not know it yet."""
    try:
        return client.view(service)
    except FerrymanError as problem:
        if problem.code == "unknown_service":
            return None
        raise
