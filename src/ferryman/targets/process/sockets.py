"""TCP sockets of this machine (one network namespace): connections per port, and who listens.

Asked from the kernel by netlink, sock_diag(7), which answers for one state only; where that is not to be had, read from
/proc/net/tcp, proc(5), which lists everything and takes a hundred times as long for a listener. Linux only, blocking.
"""

from __future__ import annotations

import re
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_ESTABLISHED, _LISTEN = 1, 10
_PROTOCOL_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_ERROR, _DONE = 2, 3
_REQUEST_DUMP = 0x301
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI48x")
_ANSWER_BYTES = 256 * 1024
_ANSWER_SECONDS = 2.0
# In an answer, counted from the start of its header: local port and inode.
_PORT_AT, _INODE_AT = _HEADER.size + 4, _HEADER.size + 68
_LINE = re.compile(
    rb"^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) \S+ \S+ \S+ +\d+ +\d+ +(\d+)", re.MULTILINE
)


def established() -> Counter[int]:
    """Established connections per local port."""
    return Counter(port for port, _ in _sockets(_ESTABLISHED))


def listening_inodes(port: int) -> set[int]:
    """The sockets that listen on a local port; several if they share it."""
    return {inode for local, inode in _sockets(_LISTEN) if local == port}


def _sockets(state: int) -> list[tuple[int, int]]:
    try:
        return list(ask_kernel(state))
    except OSError:
        return list(read_tables(state))


def ask_kernel(state: int) -> Iterator[tuple[int, int]]:
    """(local port, inode) of the sockets in one state, of both address families. Raises OSError."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _PROTOCOL_SOCK_DIAG) as link:
            link.settimeout(_ANSWER_SECONDS)
            body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << state)
            size = _HEADER.size + len(body)
            link.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + body)
            yield from _answers(link)


def _answers(link: socket.socket) -> Iterator[tuple[int, int]]:
    while True:
        data = link.recv(_ANSWER_BYTES)
        at = 0
        while at < len(data):
            size, kind = struct.unpack_from("=IH", data, at)
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError(-struct.unpack_from("=i", data, at + _HEADER.size)[0], "the kernel does not tell sockets")
            (port,) = struct.unpack_from(">H", data, at + _PORT_AT)
            (inode,) = struct.unpack_from("=I", data, at + _INODE_AT)
            yield port, inode
            at += (size + 3) & ~3


def read_tables(state: int) -> Iterator[tuple[int, int]]:
    """The same from /proc; a table that is not there counts as empty."""
    wanted = f"{state:02X}".encode()
    for table in ("tcp", "tcp6"):
        try:
            text = Path(f"/proc/net/{table}").read_bytes()
        except OSError:
            continue
        for port, found, inode in _LINE.findall(text):
            if found == wanted:
                yield int(port, 16), int(inode)
