"""What commands that set a rollout in motion have in common: the answer, the wait, the last line, the exit code."""

from __future__ import annotations

import msgspec

from ferryman.cli.client import Client
from ferryman.cli.context import NOT_DONE, OK, TIMED_OUT, Context
from ferryman.cli.follow import Followed, follow
from ferryman.cli.views.outcome import NOT_UP, end_line
from ferryman.cli.views.text import duration
from ferryman.model.errors import FerrymanError
from ferryman.model.view import AnswerView, RolloutSummary, ServiceView

LAST_WORDS_LINES = 12


class Ending(msgspec.Struct, frozen=True):
    """What a command that waited answers with `--json`. `exit` is its exit code; `logs` are the last lines of
    instances that did not come up."""

    service: str
    answer: AnswerView
    outcome: str
    line: str
    exit: int
    rollout: RolloutSummary | None
    view: ServiceView
    logs: dict[str, str] = {}


def goes_on(service: str) -> str:
    """What to tell somebody who stops watching."""
    return (
        f"the rollout of {service} goes on; watch it with `ferry status {service} -w`, "
        f"take it back with `ferry abort {service}`"
    )


def tell_answer(context: Context, answer: AnswerView, label: str = "") -> None:
    """`checkout v42: supersedes v41`; and in a line of its own what holds it all the same."""
    if context.out.quiet:
        return
    context.out.say(f"{answer.service}{' ' + label if label else ''}: {answer.text}")
    if answer.held:
        context.out.say(f"  is held {answer.held}")


def wait_for(client: Client, context: Context, answer: AnswerView, *, after: int, seconds: float | None) -> int:
    """Follow the rollout of `answer` to its end, say how it ended, and give the exit code."""
    assert answer.rollout is not None
    followed = follow(client, context, answer.service, answer.rollout, after=after, seconds=seconds)
    code, line = judged(followed, answer, seconds)
    logs = last_words(client, followed)
    for instance, text in list(logs.items())[-1:]:
        context.out.say(f"--- last lines of {instance}:\n{text}\n---")
    context.out.say(line)
    outcome = followed.summary.outcome if followed.summary else "running"
    context.out.emit(Ending(answer.service, answer, outcome, line, code, followed.summary, followed.view, logs=logs))
    return code


def judged(followed: Followed, answer: AnswerView, seconds: float | None) -> tuple[int, str]:
    """The exit code and the last line."""
    view, summary = followed.view, followed.summary
    if summary is None:
        phase = view.rollout.phase if view.rollout else "gone"
        return TIMED_OUT, f"Still {phase} after {duration(seconds or 0.0)}: {goes_on(answer.service)}"
    promoted = summary.outcome == "promoted" and view.healthy and not view.down
    return OK if promoted else NOT_DONE, end_line(view, summary, followed.cause_kind)


def last_words(client: Client, followed: Followed) -> dict[str, str]:
    """The last lines of the instances of a version that did not come up; empty otherwise."""
    if followed.summary is None or followed.cause_kind not in NOT_UP:
        return {}
    try:
        found = client.logs(followed.view.service, label=followed.summary.candidate, lines=LAST_WORDS_LINES)
    except FerrymanError:
        return {}
    return {instance: text.rstrip() for instance, text in found.items() if text.strip()}
