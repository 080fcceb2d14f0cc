"""The shop with feature flags: ``PORT=18001 python -m ferryman.demo.flag_shop --flags URL --token-file FILE --changes DIR``.

An ASGI application with the library `ferryman-flags` and its middleware in it. Both ways to pay are deployed; two flags say
who meets which. A shopper is known by a cookie, given at the first visit. `X-Version` names the newest change that the answer
has, for the load client. What this process sees of flags that change goes into ``DIR/INSTANCE.jsonl``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from ferryman_flags.client import FlagClient
from ferryman_flags.middleware import AsgiFlags, Receive, Send

COOKIE = "shopper"
STAFF_EVERY, STAFF_FIRST = 500, 50
"""One new shopper in so many works here, beginning with that one. They meet each change first, on top of the percentage that
is exposed, so they must be few beside it: the judge takes a share that is half as large again for a fault."""

USUAL_ERROR_PERCENT = 0.1
BAD_ERROR_PERCENT, BAD_SLOW_PERCENT, BAD_SLOW_SECONDS = 12.0, 15.0, 0.25
LATENCY_SECONDS, LATENCY_SIGMA = 0.004, 0.35
REPORT_SECONDS = 1.0
"""Programs report every ten seconds. A demo is short, so this one asks its client to do it sooner."""

DRAIN_SECONDS = 3
GOOD, BAD = "new-checkout", "one-click"
STAFF: Mapping[str, Any] = {"targetingKey": "staff-probe", "staff": True}


class Checkout:
    """What the shop answers. `chance` decides about failures and slowness."""

    def __init__(self, flags: FlagClient, chance: random.Random) -> None:
        self._flags, self._chance = flags, chance

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["path"] == "/healthz":
            await _answer(send, 200, {"ready": True})
            return
        is_new = self._flags.bool(GOOD, default=False)
        is_one_click = self._flags.bool(BAD, default=False)
        chance = self._chance
        seconds = LATENCY_SECONDS * chance.lognormvariate(0.0, LATENCY_SIGMA)
        error_percent = USUAL_ERROR_PERCENT
        if is_one_click:
            error_percent = BAD_ERROR_PERCENT
            seconds += BAD_SLOW_SECONDS * (chance.random() * 100 < BAD_SLOW_PERCENT)
        await asyncio.sleep(seconds)
        met = BAD if is_one_click else GOOD if is_new else "v1"
        headers = [(b"x-version", met.encode())]
        if "shopper_is_new" in scope:
            headers.append((b"set-cookie", f"{COOKIE}={scope['shopper']}; Path=/; HttpOnly".encode()))
        if chance.random() * 100 < error_percent:
            await _answer(send, 500, {"error": "the shop failed to answer"}, headers)
        else:
            await _answer(send, 200, {"order": "accepted", "checkout": met}, headers)


class Shoppers:
    """Knows who asks, before anything else does: by their cookie, or by a new one."""

    def __init__(self, application: AsgiFlags) -> None:
        self._application, self._count = application, 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request."""
        known = shopper_of(scope)
        if not known:
            self._count += 1
            prefix = "staff" if self._count % STAFF_EVERY == STAFF_FIRST else "guest"
            known, scope["shopper_is_new"] = f"{prefix}-{secrets.token_hex(8)}", True
        scope["shopper"] = known
        await self._application(scope, receive, send)


def shopper_of(scope: Any) -> str:
    """The shopper that a cookie names; "" for none."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                morsel = SimpleCookie(value.decode("latin-1")).get(COOKIE)
            except CookieError:
                return ""
            return morsel.value[:64] if morsel is not None else ""
    return ""


def context(scope: Any) -> dict[str, Any]:
    """What the rules of flags know of a shopper."""
    shopper = str(scope["shopper"])
    return {"targetingKey": shopper, "staff": shopper.startswith("staff-")}


class Watch:
    """Writes down when this process saw a flag change, as those who work here meet it."""

    def __init__(self, flags: FlagClient, file: Path) -> None:
        self._flags, self._file = flags, file
        flags.on_change(self.changed)

    def changed(self, keys: frozenset[str]) -> None:
        """Called by the client."""
        seen = {key: self._flags.bool(key, default=False, context=STAFF) for key in sorted(keys & {GOOD, BAD})}
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"at": time.time(), "staff_meet": seen}) + "\n")


async def _answer(
    send: Send, status: int, content: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    body = json.dumps(content, separators=(",", ":")).encode() + b"\n"
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


async def _report(flags: FlagClient) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        await asyncio.to_thread(flags.flush)


async def _serve(flags: FlagClient, port: int) -> None:
    import uvicorn  # noqa: PLC0415 -- the other sample shop does without

    application = Shoppers(AsgiFlags(Checkout(flags, random.Random()), flags, context))
    config = uvicorn.Config(
        application, "127.0.0.1", port, lifespan="off", log_level="warning", access_log=False,
        timeout_keep_alive=3900, timeout_graceful_shutdown=DRAIN_SECONDS,
    )  # fmt: skip
    reporting = asyncio.create_task(_report(flags))
    try:
        await uvicorn.Server(config).serve()
    finally:
        reporting.cancel()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one instance until it is told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ferryman.demo.flag_shop", description=__doc__)
    parser.add_argument("--flags", metavar="URL", required=True, help="where the controller serves flags")
    parser.add_argument("--token-file", metavar="FILE", type=Path, required=True, help="a token of a program")
    parser.add_argument("--changes", metavar="DIR", type=Path, required=True, help="where to note what changes")
    given = parser.parse_args(arguments)
    port = os.environ.get("PORT", "")
    if not port.isascii() or not port.isdigit():
        parser.error("PORT must be a number from 1 to 65535; for example: PORT=18001")
    token = given.token_file.read_text(encoding="utf-8").strip()
    with FlagClient(given.flags, token) as flags:
        Watch(flags, given.changes / f"{os.environ.get('FERRYMAN_INSTANCE') or os.getpid()}.jsonl")
        asyncio.run(_serve(flags, int(port)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
