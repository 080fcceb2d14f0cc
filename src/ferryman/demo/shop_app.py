"""What the sample shop answers: a request in, an answer and how long it takes out. No sockets, no waiting."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from ferryman.demo.shop_options import ShopOptions

LATENCY_SIGMA = 0.35
"""Spread of the log-normal latency: p95 is 1.8 times and p99 2.3 times the median."""

METHODS = (b"GET", b"HEAD", b"POST")

_WITHHELD_FIELDS = frozenset((b"x-api-key", b"x-auth-token", b"x-csrf-token"))
_ECHOED_FIELDS = frozenset((b"host", b"cookie", b"user-agent", b"accept-language", b"baggage", b"traceparent"))

_CATALOG = (
    {"sku": "rope-12", "name": "Mooring rope, 12 m", "price_cents": 2490},
    {"sku": "lamp-3", "name": "Deck lamp", "price_cents": 5900},
    {"sku": "bell-1", "name": "Brass bell", "price_cents": 11900},
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request without its body. ``path`` has no query; ``fields`` are in lower case."""

    method: bytes
    path: bytes
    fields: Mapping[bytes, bytes]
    close: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer that is due ``delay_seconds`` from now. ``allow`` is the Allow field of a 405."""

    status: int
    body: bytes
    delay_seconds: float = 0.0
    allow: bytes = b""


class Shop:
    """The shop of one instance: its endpoints, its chance, its counters.

    ``ready`` and ``draining`` are set by the process around it. Before it is ready every page answers 503, so that
    traffic that comes too early is seen by whoever sent it.
    """

    def __init__(self, options: ShopOptions, *, instance: str = "", revision: str = "") -> None:
        self.options = options
        self.instance = _printable(instance)
        self.revision = _printable(revision)
        self.ready = False
        self.healthy = True
        self.draining = False
        self.served = 0
        self.errors = 0
        self._random = random.Random(options.seed)
        self._identity = (
            f"X-Version: {options.version}\r\n" + (f"X-Instance: {self.instance}\r\n" if self.instance else "")
        ).encode("latin-1")
        self._pages = {
            b"/": self._json(shop="open"),
            b"/catalog": self._json(items=_CATALOG),
            b"/checkout": self._json(order="accepted", total_cents=20290),
        }
        self._failed = self._json(error="the shop failed to answer")
        self._starting = self._json(error="not ready")

    def answer(self, request: Request) -> Answer:
        """Choose the answer to a request, and by chance whether it fails or is slow."""
        page = self._pages.get(request.path)
        if page is None:
            return self._other(request)
        if request.method not in METHODS:
            return Answer(405, self._json(error="method not allowed"), allow=b", ".join(METHODS))
        if not self.ready:
            return Answer(503, self._starting)
        options = self.options
        chance = self._random
        delay_seconds = 0.0
        if options.latency_ms:
            delay_seconds = options.latency_ms / 1000 * chance.lognormvariate(0.0, LATENCY_SIGMA)
        if options.slow_percent and chance.random() * 100 < options.slow_percent:
            delay_seconds += options.slow_ms / 1000
        if options.error_percent and chance.random() * 100 < options.error_percent:
            return Answer(500, self._failed, delay_seconds)
        return Answer(200, page, delay_seconds)

    def refuse(self, status: int, text: str) -> Answer:
        """The answer to a request that cannot be read."""
        return Answer(status, self._json(error=text))

    def render(self, answer: Answer, *, close: bool, head_only: bool) -> bytes:
        """The bytes of an answer on the wire; ``head_only`` leaves the body out, as HEAD asks."""
        return b"".join(
            (
                _STATUS_LINES[answer.status],
                self._identity,
                b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(answer.body),
                b"Allow: %s\r\n" % answer.allow if answer.allow else b"",
                b"Connection: close\r\n\r\n" if close else b"\r\n",
                b"" if head_only else answer.body,
            )
        )

    def _other(self, request: Request) -> Answer:
        if request.path == b"/healthz":
            good = self.ready and self.healthy and not (self.draining and self.options.unready_while_draining)
            return Answer(200 if good else 503, self._json(ready=good))
        if request.path == b"/whoami":
            shown = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in request.fields.items()
                if name in _ECHOED_FIELDS or (name.startswith(b"x-") and name not in _WITHHELD_FIELDS)
            }
            return Answer(200, self._json(revision=self.revision, method=request.method.decode(), headers=shown))
        return Answer(404, self._json(error="no such page"))

    def _json(self, **content: object) -> bytes:
        whole = {"version": self.options.version, "instance": self.instance, **content}
        return json.dumps(whole, separators=(",", ":")).encode() + b"\n"


def _printable(text: str) -> str:
    """Only what may stand in a header field, at most 128 characters of it."""
    return "".join(letter for letter in text if " " < letter <= "~")[:128]


_STATUS_LINES = {
    status: f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nServer: ferryman-shop\r\n".encode()
    for status in (200, 400, 404, 405, 408, 413, 431, 500, 501, 503, 505)
}
