"""The other sides that the tests of the demo programs talk to: a raw client, a shop in this loop, a scripted server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from ferryman.demo.shop_app import Shop
from ferryman.demo.shop_http import ShopServer
from ferryman.demo.shop_options import ShopOptions

LIMIT_SECONDS = 10.0

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


@asynccontextmanager
async def running_shop(**options: object) -> AsyncIterator[tuple[ShopServer, int]]:
    """A ready shop without latency, unless the options say otherwise."""
    chosen = replace(ShopOptions(latency_ms=0.0, seed=1), **options)
    server = ShopServer(Shop(chosen, instance="i-1", revision="r-1"))
    server.shop.ready = True
    port = await server.listen(0)
    try:
        yield server, port
    finally:
        await server.drain(0.2)


@asynccontextmanager
async def scripted_server(script: Script) -> AsyncIterator[int]:
    """A server that treats its n-th connection (from 0) as the script says, and closes it at the script's end."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        number = count
        count += 1
        try:
            await script(reader, writer, number)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has left, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The head of the next request."""
    return await reader.readuntil(b"\r\n\r\n")


async def send(port: int, *pieces: bytes, half_close: bool = False) -> bytes:
    """Send pieces one after the other and return all that comes back until the server closes."""
    async with asyncio.timeout(LIMIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.002)
        if half_close:
            writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition in this loop; fails after ten seconds."""
    deadline = asyncio.get_running_loop().time() + LIMIT_SECONDS
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"still waiting for {what}"
        await asyncio.sleep(0.005)
