"""`ferry init`: a commented release file for a command, with guesses that `ferry check` and a reader can judge."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ferryman.cli.context import OK, Context, shown
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
    """Write the file; refuses to replace one without `--force`."""
    args = context.args
    words = [word for word in args.command_words if word != "--"]
    if len(words) == 1:
        words = shlex.split(words[0])
    if not words:
        raise UsageError(
            "no_command",
            "which command starts an instance of your service?",
            "ferry init -- python3 app.py --port {port}",
        )
    path = context.release_file if args.file else Path.cwd() / "ferryman.yaml"
    if path.exists() and not args.force:
        raise UsageError("file_exists", f"{shown(path)} is there already", "`--force` replaces it, `-f` names another")
    folder = path.absolute().parent
    files = files_named(words, folder)
    health, seen = (args.health, True) if args.health else guess_health(files, folder)
    port = args.port if args.port is not None else free_port()
    service = args.service or folder.name
    text = init_template(service, words, port=port, health_path=health, files=files, replicas=args.replicas)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError("cannot_write", f"cannot write {shown(path)}: {problem.strerror}") from None
    _tell(context, Written(shown(path), service, port, health, files), words, seen=seen)
    return OK


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
