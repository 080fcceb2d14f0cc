"""`ferry down`: stop the services of the project, then the router and the controller."""

from __future__ import annotations

import os
import time

import msgspec

from ferryman.api.place import read_record, state_folder
from ferryman.cli.client import Client, find
from ferryman.cli.context import NOT_DONE, OK, TIMED_OUT, Context
from ferryman.cli.durations import timeout_seconds
from ferryman.cli.processes import lives
from ferryman.cli.services import DATABASE_FILE, of_a_flag, started_client
from ferryman.cli.views.text import plural
from ferryman.cli.views.words import running
from ferryman.model.view import ServiceView

SETTLE_SECONDS = 120.0
POLL_SECONDS = 0.2
END_SECONDS = 15.0


class Downed(msgspec.Struct, frozen=True):
    """What was stopped."""

    services: tuple[str, ...]
    left: tuple[str, ...]
    controller_ended: bool


def run(context: Context) -> int:
    """Exit code: 0 nothing is left, 1 something is, 3 not within `--timeout`."""
    seconds = timeout_seconds(context.args.timeout)
    client = _client(context)
    if client is None:
        context.out.say(f"nothing runs in {context.project}")
        context.out.emit(Downed((), (), controller_ended=False))
        return OK
    named = context.args.service
    views = () if named else client.views()
    names = [named] if named else [view.service for view in views if not of_a_flag(view)]
    context.interrupted = "services that were asked to stop go on stopping; `ferry down` again finishes it"
    context.undo.clear()
    for name in names:
        answer = client.down(name, actor=context.actor, reason=context.args.reason)
        if not context.out.quiet:
            context.out.say(f"{name}: {answer.text}")
    for view in filter(of_a_flag, views):
        context.out.remark(_stays(view))
    left = _settle(client, names, seconds or SETTLE_SECONDS)
    if left:
        context.out.say("not stopped yet: " + ", ".join(left))
        context.out.emit(Downed(tuple(names), tuple(left), controller_ended=False))
        return TIMED_OUT if seconds is not None else NOT_DONE
    others = [view.service for view in client.views() if not view.down and not of_a_flag(view)]
    # One on another machine is ended beside it: nobody could start it again from here.
    end = not others and not context.args.keep_controller and client.remote is None
    if end:
        _end_controller(client, context)
    elif others and not context.args.keep_controller:
        context.out.remark(f"the controller stays for {', '.join(others)}")
    context.out.emit(Downed(tuple(names), (), controller_ended=end))
    return OK


def _stays(view: ServiceView) -> str:
    rollout = view.rollout
    if rollout is None or not running(rollout):
        return f"{view.service}: the flag stays as it is"
    shown = f"{rollout.exposure_percent:g}% of the users"
    return f"{view.service}: the flag stays at {shown} until a controller runs again; `ferry abort` takes it back"


def _client(context: Context) -> Client | None:
    """The running controller; where a dead one may have left services behind, a new one to stop them with."""
    found = find(context.project)
    if found is not None or not (state_folder(context.project) / DATABASE_FILE).exists():
        return found
    return started_client(context)


def _settle(client: Client, names: list[str], seconds: float) -> list[str]:
    """What is left of the services after at most `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        views = {view.service: view for view in client.views()}
        left = [
            f"{name} ({plural(len(views[name].instances), 'instance')})"
            for name in names
            if name in views and any(i.state not in {"failed", "gone"} for i in views[name].instances)
        ]
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(POLL_SECONDS)


def _end_controller(client: Client, context: Context) -> None:
    """Ask it to end and wait until its record and its process are gone."""
    folder = state_folder(context.project)
    record = read_record(folder)
    client.shutdown()
    deadline = time.monotonic() + END_SECONDS
    while record is not None and time.monotonic() < deadline:
        if read_record(folder) != record and (record.pid == os.getpid() or not lives(record.pid)):
            break
        time.sleep(POLL_SECONDS / 4)
    if not context.out.quiet:
        context.out.say("the router and the controller have ended")
