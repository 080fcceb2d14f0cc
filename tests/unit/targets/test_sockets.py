"""Both ways to ask for sockets give the same answer about real ones."""

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from ferryman.targets.process import sockets


@pytest.fixture
def connected() -> Iterator[tuple[int, int]]:
    """A port with one listener and three connections to it; yields port and inode of the listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        accepted = [server.accept()[0] for _ in clients]
        yield port, os.fstat(server.fileno()).st_ino
        for one in (*clients, *accepted):
            one.close()


@pytest.mark.parametrize("way", ["netlink", "proc"])
def test_connections_are_counted_at_their_server_and_listeners_found(
    way: str, connected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(state: int) -> Iterator[tuple[int, int]]:
        raise OSError(errno.EPROTONOSUPPORT, "no netlink here")

    if way == "proc":
        monkeypatch.setattr(sockets, "ask_kernel", refuse)
    else:
        monkeypatch.setattr(sockets, "read_tables", refuse)
    port, inode = connected
    assert sockets.established()[port] == 3
    assert sockets.listening_inodes(port) == {inode}


def test_a_refusal_of_the_kernel_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_SOCK_DIAG_BY_FAMILY", 999)
    with pytest.raises(OSError, match="does not tell sockets"):
        list(sockets.ask_kernel(1))


def test_listeners_of_both_families_are_found() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        assert len(sockets.listening_inodes(port)) == 1
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
