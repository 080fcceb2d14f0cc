"""The users of this machine: who is at the other end of a unix socket, and what they are called."""

from __future__ import annotations

import pwd
import socket
import struct

_CREDENTIALS = struct.Struct("3i")
"""`struct ucred` of unix(7): pid, uid, gid."""


def peer_uid(connected: socket.socket) -> int:
    """The user whose process opened the other end (SO_PEERCRED): the kernel says so, and no request can say otherwise."""
    _, uid, _ = _CREDENTIALS.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)


def account_name(uid: int) -> str:
    """What the user is called here; ``uid 1234`` where nobody knows."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
