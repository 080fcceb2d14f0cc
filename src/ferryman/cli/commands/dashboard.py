"""`ferry dashboard`: a link that opens the controller's page in a browser, signed in."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import msgspec

from ferryman.api.access.links import LINK_SECONDS
from ferryman.api.place import ControllerRecord, read_record, state_folder
from ferryman.cli.client import Client, find
from ferryman.cli.commands.serve import usual_address
from ferryman.cli.context import OK, Context
from ferryman.cli.processes import await_end
from ferryman.cli.views.text import duration
from ferryman.model.errors import ControllerError

END_SECONDS = 20.0


class Link(msgspec.Struct, frozen=True):
    """Where the page is; `link` signs in whoever opens it first."""

    url: str
    link: str
    expires_at: float


def run(context: Context) -> int:
    """Print the link. A controller is started if none runs; one that listens on no port is started again with one, which
    leaves everything serving. Only the owner of the controller can ask for a link: by its socket."""
    client = find(context.project)
    made = make_link(context.project, client) if client is not None else None
    if made is None:
        made = make_link(context.project, _listening(context, client))
    if made is None:
        raise ControllerError("no_dashboard", "the controller listens on no port", "see `listen` in ferry.yaml")
    context.out.emit(made)
    context.out.say(made.link)
    context.out.remark(f"it signs in once, within {duration(LINK_SECONDS)}; without signing in: {made.url}")
    return OK


def make_link(project: Path, client: Client) -> Link | None:
    """A link to the page of the controller behind `client`; None when it listens on no port."""
    record = read_record(state_folder(project))
    if record is None or record.url is None:
        return None
    code = client.make_link()
    return Link(record.url, f"{record.url}/sign-in#{code.code}", code.expires_at)


def _listening(context: Context, running: Client | None) -> Client:
    from ferryman.cli.launch import ensure_controller

    record = read_record(state_folder(context.project))
    if running is not None and record is not None:
        running.close()
        context.out.remark("the controller listens on no port: starting it again with one; services go on serving")
        _end(record)
    return ensure_controller(context.project, announce=context.out.remark, listen=usual_address()).client


def _end(record: ControllerRecord) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGTERM)
    if not await_end(record.pid, END_SECONDS):
        raise ControllerError("controller_stays", f"the controller (pid {record.pid}) does not end", "see its log")
