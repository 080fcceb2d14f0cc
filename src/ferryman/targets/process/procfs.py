"""Reading /proc: who lives, in which session, with what environment, and with which sockets. Linux only.

Formats: proc(5), section /proc/pid/stat. Every function treats a process that ends meanwhile as
absent; none changes anything.
"""

# ruff: noqa: PTH115, PTH123, PTH208 -- these run over every process of the machine, where paths as objects cost more than the reading

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

PROC = Path("/proc")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_SOCKET_LINK = re.compile(r"socket:\[(\d+)\]")


class Stat(msgspec.Struct, frozen=True):
    """One process. `start_ticks` are clock ticks after boot and never change; `cpu_ticks` are user and system time;
    `resident_bytes` counts pages shared with others too. `dead`: a zombie, or gone; `stopped`: by a signal
    or a debugger."""

    pid: int
    session: int
    start_ticks: int
    cpu_ticks: int
    resident_bytes: int
    dead: bool
    stopped: bool = False


def boot_id() -> str:
    """Changes with every boot of the machine."""
    return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def stat(pid: int) -> Stat | None:
    """One process, or None if there is none (any more)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The name in parentheses may itself hold blanks and parentheses; after the last one everything is regular.
    fields = text.rpartition(b")")[2].split()
    return Stat(
        pid=pid,
        session=int(fields[3]),
        start_ticks=int(fields[19]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        resident_bytes=int(fields[21]) * PAGE_BYTES,
        dead=fields[0] in (b"Z", b"X"),
        stopped=fields[0] in (b"T", b"t"),
    )


def pids() -> list[int]:
    """All process ids of this moment."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def processes() -> Iterator[Stat]:
    """All live processes, zombies left out."""
    for pid in pids():
        found = stat(pid)
        if found is not None and not found.dead:
            yield found


def session_members(session: int) -> list[Stat]:
    """The live processes of one session."""
    return [one for one in processes() if one.session == session]


def environment(pid: int) -> dict[str, str]:
    """The environment that a process was started with; empty if it is not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            text = file.read()
    except OSError:
        return {}
    pairs = (os.fsdecode(item).partition("=") for item in text.split(b"\0") if b"=" in item)
    return {name: value for name, _, value in pairs}


def carrying(variable: str, value: str) -> list[tuple[Stat, dict[str, str]]]:
    """Live processes whose environment has `variable` set to `value`, with that environment."""
    wanted = f"{variable}={value}".encode()
    found: list[tuple[Stat, dict[str, str]]] = []
    for pid in pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if wanted not in file.read():
                    continue
        except OSError:
            continue
        here, variables = stat(pid), environment(pid)
        if here is not None and not here.dead and variables.get(variable) == value:
            found.append((here, variables))
    return found


def socket_inodes(pid: int) -> set[int] | None:
    """The sockets that a process has open; None if it is not ours to read."""
    folder = f"/proc/{pid}/fd"
    inodes: set[int] = set()
    try:
        names = os.listdir(folder)
    except PermissionError:
        return None
    except OSError:
        return inodes
    for name in names:
        try:
            match = _SOCKET_LINK.fullmatch(os.readlink(f"{folder}/{name}"))
        except OSError:
            continue
        if match:
            inodes.add(int(match[1]))
    return inodes


def holders(inodes: Iterable[int]) -> list[int]:
    """The processes that have one of these sockets open, as far as they are ours to read."""
    wanted = set(inodes)
    return [pid for pid in pids() if wanted & (socket_inodes(pid) or set())]


def command_line(pid: int) -> str:
    """The command line of a process in one line of at most 80 characters; empty if unknown."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return text.replace(b"\0", b" ").decode(errors="replace").strip()[:80]
