"""`ferry init`: a commented release file for a command, with guesses that `ferry check` and a reader can judge."""

from __future__ import annotations

import contextlib
import re
import shlex
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ferryman.cli.context import OK, RELEASE_FILE, Context, shown
from ferryman.model.errors import UsageError
from ferryman.spec.template import init_template

FIRST_PORT = 8080
PORTS_TRIED = 100
SOURCE_BYTES_MAX = 200_000
HEALTH_PATHS = ("/healthz", "/health", "/readyz", "/ready", "/livez", "/ping", "/status")
DEFAULT_HEALTH = "/healthz"


class Written(msgspec.Struct, frozen=True):
    """What was written, and what was guessed."""

    file: str
    service: str
    port: int
    health: str
    files: tuple[str, ...]


def run(context: Context) -> int:
    """Write the file; refuses to replace one without `--force`. `-f -` prints it instead."""
    args = context.args
    words = list(args.command_words)
    words = _words(words[0]) if len(words) == 1 else words
    printed = args.file == "-"
    path = Path(args.file) if args.file else (context.project if args.project else Path.cwd()) / RELEASE_FILE
    if path.exists() and not args.force and not printed:
        raise UsageError("file_exists", f"{shown(path)} is there already", "`--force` replaces it, `-f` names another")
    folder = path.absolute().parent
    words = words or _asked_command(context)
    files = files_named(words, folder)
    health, seen = (args.health, True) if args.health else guess_health(files, folder)
    port = args.port if args.port is not None else free_port()
    service = args.service or folder.name
    text = init_template(service, words, port=port, health_path=health, files=files, replicas=args.replicas)
    if printed:
        context.out.say(text.rstrip("\n"))
        context.out.emit({"text": text})
        return OK
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError("cannot_write", f"cannot write {shown(path)}: {problem.strerror}") from None
    _tell(context, Written(shown(path), service, port, health, files), words, seen=seen)
    return OK


def _asked_command(context: Context) -> list[str]:
    """The command that a person at a terminal types; nobody else is asked."""
    words: list[str] = []
    if sys.stdin.isatty() and context.out.live:
        context.out.say("Which command starts one instance? Write {port} where it takes the port to listen on;")
        context.out.say("without that it finds its port in the variable PORT.")
        with contextlib.suppress(EOFError):
            words = _words(input("command: "))
    if words:
        return words
    raise UsageError(
        "no_command",
        "which command starts an instance of your service?",
        "ferry init -- python3 app.py --port {port}",
    )


def _words(text: str) -> list[str]:
    """The words of a command in one text, as a shell would split it."""
    try:
        return shlex.split(text)
    except ValueError as problem:
        raise UsageError("bad_command", f"{text!r} cannot be split into words: {problem}") from None


def _tell(context: Context, written: Written, words: Sequence[str], *, seen: bool) -> None:
    out = context.out
    out.say(f"wrote {written.file}: users connect to port {written.port}, health is asked at {written.health}")
    if not seen:
        out.say(f"  {written.health} is a guess: it must answer 2xx when an instance can serve (else: --health PATH)")
    if not any("{port}" in word for word in words):
        out.say("  the command must listen on the port in its environment variable PORT; or write {port} where it goes")
    if not written.files:
        out.say("  no file of the command was found here: name under `files` what going back must bring back")
    out.say()
    out.say("next:")
    out.say("  ferry check    what may be wrong with it, and how long the judge will need")
    out.say("  ferry plan     every step that a deploy would take")
    out.say("  ferry deploy   start it; then change something, and deploy again")
    out.emit(written)


def files_named(words: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Files and folders inside of `folder` that the command names: `app.py`, `./bin/server`, `-m shop` as `shop`."""
    found: list[str] = []
    for number, word in enumerate(words):
        named = [word, word.partition("=")[2]]
        if number and words[number - 1] == "-m":
            module = word.split(".")[0]
            named = [module, f"{module}.py"]
        found += [str(Path(name)) for name in named if name and _inside(folder, name)]
    return tuple(dict.fromkeys(found))


def _inside(folder: Path, name: str) -> bool:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or name in {".", "/"}:
        return False
    return (folder / path).exists()


def guess_health(files: Sequence[str], folder: Path) -> tuple[str, bool]:
    """(path, whether it was seen): a well-known health path that one of the named files speaks of."""
    for name in files:
        path = folder / name
        if not path.is_file() or path.stat().st_size > SOURCE_BYTES_MAX:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        for health in HEALTH_PATHS:
            if re.search(rf"""["'`]{re.escape(health)}["'`/?]""", text):
                return health, True
    return DEFAULT_HEALTH, False


def free_port() -> int:
    """8080, or the next loopback port that nothing listens on."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return FIRST_PORT
