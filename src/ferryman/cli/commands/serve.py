"""`ferry serve`: the controller in the foreground. `ferry deploy` runs the same, detached."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import msgspec

from ferryman.api.place import ControllerRecord, state_folder
from ferryman.api.problems import to_document
from ferryman.api.serve import serve
from ferryman.cli.context import OK, Context, Output
from ferryman.cli.launch import Word
from ferryman.cli.logformat import set_up_logging
from ferryman.model.errors import FerrymanError, UsageError
from ferryman.model.settings import Flagd, Listen, Settings

if TYPE_CHECKING:
    from ferryman.engine.controller import Controller

LOOPBACK = "127.0.0.1"
USUAL_PORT = 7300
PORT_MAX = 65_535


def run(context: Context) -> int:
    """Serve until SIGTERM, Ctrl-C or a shutdown by `ferry down`."""
    from ferryman.engine.controller import Controller

    set_up_logging(context.args.log_format)
    settings = settings_of(context)
    tell = _starter(context.args.ready_fd)
    context.interrupted = "the controller has ended; what it started goes on serving"

    def on_ready(record: ControllerRecord) -> None:
        tell(Word(ready=record))
        _greet(context.out, record)

    try:
        controller = Controller(context.project, settings=settings, take_over=context.args.take_over)
        with _traced(controller, wanted=context.args.trace):
            asyncio.run(serve(controller, context.project, settings=settings, on_ready=on_ready))
    except FerrymanError as problem:
        tell(Word(problem=to_document(problem)))
        raise
    context.out.remark("the controller has ended; what it started goes on serving")
    return OK


@contextlib.contextmanager
def _traced(controller: Controller, *, wanted: bool) -> Generator[None]:
    """With spans of every duty, if wanted."""
    if not wanted:
        yield
        return
    from ferryman.engine.tracing import start_tracing

    controller.vitals.telemetry.tracer, stop = start_tracing()
    try:
        yield
    finally:
        stop()


def settings_of(context: Context) -> Settings:
    """The settings file, and what the command line says instead. Raises `SpecError`, `UsageError`."""
    from pathlib import Path

    from msgspec.structs import replace

    from ferryman.engine.settings import load_settings
    from ferryman.spec.settings_table import parse_listen

    args = context.args
    settings = load_settings(context.project, Path(args.config) if args.config else None)
    if args.listen:
        listen = parse_listen(args.listen)
        if listen is None:
            raise UsageError("bad_address", f"{args.listen!r} is no address", "write 127.0.0.1:PORT, or 0.0.0.0:PORT")
        settings = replace(settings, listen=listen)
    elif settings.listen is None and args.ready_fd is None:
        settings = replace(settings, listen=parse_listen(usual_address()))
    settings = replace(settings, flagd=_flagd_of(args, settings.flagd))
    return replace(settings, insecure_http=True) if args.insecure_http else settings


def _flagd_of(args: argparse.Namespace, flagd: Flagd) -> Flagd:
    """What the command line says of clients of flagd. Raises `UsageError`."""
    from msgspec.structs import replace

    ports = {"evaluation": args.flagd_port, "sync": args.flagd_sync_port}
    for port in ports.values():
        if port is not None and not 0 <= port <= PORT_MAX:
            raise UsageError("bad_address", f"{port} is no port", f"0, a free one, to {PORT_MAX}")
    return replace(flagd, **{name: Listen(LOOPBACK, port) for name, port in ports.items() if port is not None})


def usual_address() -> str:
    """The usual port of loopback, or port 0, a free one, when somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, USUAL_PORT))
        except OSError:
            return f"{LOOPBACK}:0"
    return f"{LOOPBACK}:{USUAL_PORT}"


def _greet(out: Output, record: ControllerRecord) -> None:
    out.emit(record)
    if record.url:
        out.remark(f"dashboard: {record.url}  (`ferry dashboard` prints a link that signs you in)")
    places = {"evaluation": record.flagd.evaluation, "sync": record.flagd.sync}
    if any(places.values()):
        out.remark(f"flagd: {', '.join(f'{name} on {place}' for name, place in places.items() if place)}")
    out.remark(f"controller of {record.project} (pid {record.pid}), state in {state_folder_of(record)}")
    out.remark("Ctrl-C ends the controller only: services go on serving, and the next one takes them over")


def state_folder_of(record: ControllerRecord) -> str:
    """Where it keeps everything."""
    from pathlib import Path

    return str(state_folder(Path(record.project)))


def _starter(descriptor: int | None) -> Callable[[Word], None]:
    """Tells the command that started this process, once, through the pipe it left open; without one, nobody."""
    left = [descriptor] if descriptor is not None else []

    def tell(word: Word) -> None:
        while left:
            open_descriptor = left.pop()
            with contextlib.suppress(OSError):
                os.write(open_descriptor, msgspec.json.encode(word) + b"\n")
                os.close(open_descriptor)

    return tell
