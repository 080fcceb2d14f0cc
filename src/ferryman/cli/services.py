"""Which controller and which service a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ferryman.api.place import state_folder
from ferryman.cli.client import Client, connect, find
from ferryman.cli.context import Context
from ferryman.model.errors import UsageError
from ferryman.model.view import ServiceView

DATABASE_FILE = "state.db"


def reading_client(context: Context) -> Client:
    """The running controller. Raises `ControllerError` (``no_controller``)."""
    return connect(context.project)


def acting_client(context: Context) -> Client:
    """The running controller; one is started where a dead one left services behind. Raises `ControllerError`
    (``no_controller``) where nothing was ever deployed."""
    if not (state_folder(context.project) / DATABASE_FILE).exists():
        return connect(context.project)
    return started_client(context)


def of_a_flag(view: ServiceView) -> bool:
    """Whether it is the rollout of a flag, which runs nothing that could be stopped."""
    return view.rollout is not None and view.rollout.strategy == "flag"


def started_client(context: Context) -> Client:
    """The running controller; one is started if none runs, and ended again if the command is interrupted before it
    asked for anything."""
    found = find(context.project)
    if found is not None:
        return found
    from ferryman.cli.launch import Starting, ensure_controller

    begun: list[Starting] = []

    def take_back() -> str:
        running = [starting for starting in begun if starting.process.poll() is None]
        for starting in running:
            starting.stop()
        return "the controller that was started for it has ended again" if running else ""

    context.undo.append(take_back)
    return ensure_controller(context.project, announce=context.out.remark, begun=begun).client


class Named(Protocol):
    """What is enough to tell services apart."""

    @property
    def service(self) -> str:
        """Its name."""
        ...

    @property
    def down(self) -> bool:
        """Whether it was taken down."""
        ...


class Naming(Protocol):
    """Who knows the services of a project."""

    def views(self) -> Sequence[Named]:
        """All of them."""
        ...


def one_service(client: Naming, context: Context) -> str:
    """SERVICE, or the only one there is (among those that are not down, if need be). Raises `UsageError`."""
    given: str | None = getattr(context.args, "service", None)
    if given:
        return given
    views = client.views()
    names = [view.service for view in views]
    if not names:
        raise UsageError("no_service", "nothing was deployed in this project yet", "`ferry deploy` does it")
    up = [view.service for view in views if not view.down]
    if len(names) == 1 or len(up) == 1:
        return names[0] if len(names) == 1 else up[0]
    raise UsageError("which_service", f"there are several services: {', '.join(names)}", "name the one you mean")


def running_rollout(view: ServiceView | None) -> str:
    """The id of the rollout that runs in this view; "" for none."""
    from ferryman.cli.views.outcome import TERMINAL

    if view is None or view.down or view.rollout is None or view.rollout.phase in TERMINAL:
        return ""
    return view.rollout.id
