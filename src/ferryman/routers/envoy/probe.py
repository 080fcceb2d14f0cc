"""Two questions to a TCP port: may we bind it, and does the proxy behind it still answer."""

from __future__ import annotations

import asyncio
import socket

from ferryman.model.errors import Rejected

CONNECT_LIMIT_SECONDS = 0.5
ANSWER_LIMIT_SECONDS = 1.0
NO_HOST = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n"
"""Malformed on purpose: Envoy refuses it itself, so no instance and no counter of a version sees it."""


def port_problem(host: str, port: int) -> str:
    """Why the port cannot be bound; empty when it can. `SO_REUSEADDR` (without `SO_REUSEPORT`) forgives connections
    that linger after their listener, but no other listener."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return f"port {port} on {host}: {error.strerror or error}"
    return ""


def refuse_taken(service: str, host: str, port: int) -> None:
    """Raises `Rejected` (code ``port_taken``) if the port cannot be bound."""
    if problem := port_problem(host, port):
        raise Rejected(
            "port_taken",
            f"{service} cannot listen: {problem}",
            f"find what holds it with `ss -ltnp sport = :{port}`, stop it, or give {service} another port",
        )


async def accepts(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        async with asyncio.timeout(CONNECT_LIMIT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def answers(host: str, port: int) -> bool:
    """Whether the proxy itself answers HTTP there; a stopped process still accepts connections, but is silent."""
    try:
        async with asyncio.timeout(ANSWER_LIMIT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(NO_HOST)
                return (await reader.read(5)).startswith(b"HTTP/")
            finally:
                writer.close()
    except OSError:
        return False
