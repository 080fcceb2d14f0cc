"""What tests and benchmarks of the data plane share: upstreams in this process, tables, and clients that count failures."""

import asyncio
import contextlib
import os
import random
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from ferryman.model.generation import Generation
from ferryman.model.seen import RoutesSeen, RouteStatus
from ferryman.model.world import Endpoint, Listener, Match, RouteTable
from ferryman.routers.envoy import EnvoyRouter

HOST = "127.0.0.1"
PORTS = range(21_000, 32_000)
"""Below the range from which the kernel takes ports for outgoing connections."""
ANSWER_LIMIT_SECONDS = 5.0


def outside_ports(count: int) -> list[int]:
    """Free loopback ports outside the ephemeral range; each process looks somewhere else first."""
    found: list[int] = []
    chance = random.Random(os.getpid() ^ random.getrandbits(32))
    while len(found) < count:
        port = chance.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            if port not in found:
                found.append(port)
    return found


class Upstream:
    """An HTTP/1.1 instance in this process. It answers its `tag`; `/slow` after `slow_seconds`, `/fail` with 500,
    `/hang` never, `/break` closes the connection, `/headers` with what it was sent."""

    def __init__(self, tag: str, *, slow_seconds: float = 0.3) -> None:
        self.tag = tag
        self.slow_seconds = slow_seconds
        self.port = 0
        self.requests = 0
        self._retired = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> "Upstream":
        (self.port,) = outside_ports(1)
        self._server = await asyncio.start_server(self._serve, HOST, self.port, backlog=512)
        return self

    def retire(self) -> None:
        """Accept no more, and end each connection with its next answer."""
        self._retired = True
        if self._server is not None:
            self._server.close()

    async def stop(self) -> None:
        """Stop at once: running requests break."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    @property
    def connections(self) -> int:
        return len(self._writers)

    def endpoint(self) -> Endpoint:
        return Endpoint(f"{self.tag}-{self.port}", HOST, self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                path = head.split(b" ", 2)[1].decode()
                if path == "/break":
                    return
                if path == "/hang":
                    await asyncio.sleep(3600)
                if path == "/slow":
                    await asyncio.sleep(self.slow_seconds)
                body = head if path == "/headers" else self.tag.encode()
                status = b"500 Bad" if path == "/fail" else b"200 OK"
                last = b"connection: close\r\n" if self._retired else b""
                writer.write(b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, last, len(body), body))
                await writer.drain()
                if last:
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


class Answer:
    """What a client got: `status`, `headers` (lower case, last of a name) and `body`."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines[1:])}
        self.body = body.decode("latin-1")


class Client:
    """One keep-alive connection, opened anew when it was closed between requests."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str = "/", **headers: str) -> Answer:
        """Raises OSError or asyncio.IncompleteReadError when the request failed."""
        async with asyncio.timeout(ANSWER_LIMIT_SECONDS):
            if self._streams is None or self._streams[0].at_eof():
                self.close()
                self._streams = await asyncio.open_connection(HOST, self.port)
            reader, writer = self._streams
            fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
            writer.write(f"GET {path} HTTP/1.1\r\nhost: shop\r\n{fields}\r\n".encode("latin-1"))
            head = await reader.readuntil(b"\r\n\r\n")
            answer = Answer(head.strip(), b"")
            answer.body = (await reader.readexactly(int(answer.headers["content-length"]))).decode("latin-1")
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Load:
    """Keep-alive clients that ask on and on; `bodies` counts good answers, `failures` lists everything else."""

    def __init__(self, port: int, *, clients: int = 8, pause_seconds: float = 0.002, path: str = "/") -> None:
        self.port = port
        self.bodies: Counter[str] = Counter()
        self.failures: list[str] = []
        self._going = True
        self._path = path
        self._pause_seconds = pause_seconds
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(clients)]

    @property
    def requests(self) -> int:
        return self.bodies.total() + len(self.failures)

    async def stop(self) -> None:
        self._going = False
        await asyncio.gather(*self._tasks)

    async def reach(self, requests: int) -> None:
        """Wait until so many requests have been made in all."""
        await until(lambda: self.requests >= requests, what=f"{requests} requests")

    async def _ask(self) -> None:
        client = Client(self.port)
        while self._going:
            try:
                answer = await client.get(self._path)
                if answer.status == 200:
                    self.bodies[answer.body] += 1
                else:
                    self.failures.append(f"{answer.status} {answer.body[:80]}")
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failures.append(repr(error))
                client.close()
            await asyncio.sleep(self._pause_seconds)
        client.close()


async def until(probe: Callable[[], bool], *, what: str, seconds: float = 20.0) -> None:
    """Wait until `probe` is true; fail, saying what was awaited, when it does not become so in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not probe():
        assert asyncio.get_running_loop().time() < deadline, f"after {seconds:g} s still waiting for {what}"
        await asyncio.sleep(0.005)


async def observed(router: EnvoyRouter, service: str, status: RouteStatus, *, seconds: float = 20.0) -> RoutesSeen:
    """Wait until a service is seen with this status."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (seen := await router.observe(service)).status != status:
        assert asyncio.get_running_loop().time() < deadline, f"{service} is still {seen.status}: {seen.reason}"
        await asyncio.sleep(0.01)
    return seen


class Shop:
    """A service of up to three revisions behind one router; `apply` counts generations by itself."""

    def __init__(self, router: EnvoyRouter, service: str = "shop") -> None:
        self.router = router
        self.service = service
        self.port, self.preview_port = outside_ports(2)
        self.instances: dict[str, list[Upstream]] = {}
        self.rev = 0

    async def add(self, revision: str, count: int = 1) -> list[Upstream]:
        fresh = [await Upstream(revision).start() for _ in range(count)]
        self.instances.setdefault(revision, []).extend(fresh)
        return fresh

    def table(
        self,
        weights: dict[str, float],
        *,
        sticky_key: str | None = None,
        matches: tuple[Match, ...] = (),
        preview: str | None = None,
        first: str | None = "r2",
        port: int | None = None,
        instances: dict[str, list[Upstream]] | None = None,
    ) -> RouteTable:
        running = self.instances if instances is None else instances
        return RouteTable(
            service=self.service,
            listener=Listener(port or self.port, self.preview_port, sticky_key),
            weights=weights,
            endpoints={name: tuple(up.endpoint() for up in found) for name, found in running.items()},
            matches=matches,
            preview=preview,
            sticky_id="release-1",
            first=first,
        )

    def generation(self) -> Generation:
        self.rev += 1
        return Generation(1, self.rev)

    async def apply(self, weights: dict[str, float], **options: object) -> RoutesSeen:
        seen = await self.router.apply(self.table(weights, **options), self.generation())  # type: ignore[arg-type]
        assert seen.status == RouteStatus.APPLIED, seen
        return seen


@contextlib.asynccontextmanager
async def envoy(folder: Path, *, start: bool = True) -> AsyncGenerator[EnvoyRouter]:
    """A router with its own Envoy, which is ended with the block whatever happens in it."""
    router = EnvoyRouter(folder)
    try:
        if start:
            await router.start()
        yield router
    finally:
        await router.shutdown()


@contextlib.asynccontextmanager
async def shop(folder: Path, **counts: int) -> AsyncGenerator[Shop]:
    """A shop with `counts` instances per revision, and an Envoy."""
    async with envoy(folder) as router:
        made = Shop(router)
        try:
            for revision, count in (counts or {"r1": 1, "r2": 1}).items():
                await made.add(revision, count)
            yield made
        finally:
            for up in [up for found in made.instances.values() for up in found]:
                await up.stop()


def run(test: Callable[[], Awaitable[None]], *, seconds: float = 60.0) -> None:
    """Run a coroutine to its end, with a limit."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await test()

    asyncio.run(bounded())
