"""The sample shop as a process: ``PORT=18001 python -m ferryman.demo.shop --version v1``.

Environment: PORT (1 to 65535, needed), FERRYMAN_INSTANCE and FERRYMAN_REVISION (optional, shown in answers).
Exit codes: 0 after a drain, 1 if the port is taken or by ``--exit-after``, 2 on a wrong call.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from ferryman.demo.shop_app import Shop
from ferryman.demo.shop_http import ShopServer, log
from ferryman.demo.shop_options import ShopOptions, parse_options

LEAK_INTERVAL_SECONDS = 0.1
BURN_PERIOD_SECONDS = 0.05
CRASH_CODE = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one instance until it is told to stop; returns the exit code."""
    options = parse_options(arguments)
    if options.exit_at_once_code is not None:
        log(f"exit at once code={options.exit_at_once_code}")
        return options.exit_at_once_code
    port = _port(os.environ)
    if port is None:
        print("PORT must be a number from 1 to 65535; for example: PORT=18001", file=sys.stderr)
        return 2
    shop = Shop(
        options,
        instance=os.environ.get("FERRYMAN_INSTANCE", ""),
        revision=os.environ.get("FERRYMAN_REVISION", ""),
    )
    return asyncio.run(_serve(shop, port))


def _port(environment: Mapping[str, str]) -> int | None:
    text = environment.get("PORT", "")
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        return None
    return int(text) if 1 <= int(text) <= 65535 else None


async def _serve(shop: Shop, port: int) -> int:
    loop = asyncio.get_running_loop()
    options = shop.options
    began = loop.time()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        ignored = options.ignore_sigterm and number == signal.SIGTERM
        loop.add_signal_handler(number, _ignore_signal if ignored else stop.set)
    server = ShopServer(shop)
    try:
        await server.listen(port)
    except OSError as error:
        print(f"cannot listen on 127.0.0.1:{port}: {error.strerror or error}", file=sys.stderr)
        return 1
    log(f"start version={options.version} instance={shop.instance or '-'} port={port} pid={os.getpid()}")
    _arrange(loop, shop)
    await stop.wait()
    shop.draining = True
    if options.slow_drain_seconds:
        await asyncio.sleep(options.slow_drain_seconds)
    cut = await server.drain(options.drain_limit_seconds)
    seconds = loop.time() - began
    log(f"stop version={options.version} served={shop.served} errors={shop.errors} cut={cut} seconds={seconds:.1f}")
    return 0


def _arrange(loop: asyncio.AbstractEventLoop, shop: Shop) -> None:
    """Set the timers of start-up and of every misbehaviour that was asked for."""
    options = shop.options
    if not options.never_ready:
        if options.start_seconds:
            loop.call_later(options.start_seconds, _become_ready, shop)
        else:
            shop.ready = True
    if options.unready_after_seconds is not None:
        loop.call_later(options.unready_after_seconds, _become_unhealthy, shop)
    if options.exit_after_seconds is not None:
        loop.call_later(options.exit_after_seconds, _crash)
    if options.leak_mb_per_second:
        _leak(loop, options, [])
    if options.burn_cpu_fraction:
        threading.Thread(target=_burn, args=(options.burn_cpu_fraction,), daemon=True).start()


def _become_ready(shop: Shop) -> None:
    shop.ready = True


def _become_unhealthy(shop: Shop) -> None:
    shop.healthy = False
    log("unready")


def _ignore_signal() -> None:
    log("SIGTERM ignored")


def _crash() -> None:
    log(f"crash code={CRASH_CODE}")
    os._exit(CRASH_CODE)


def _leak(loop: asyncio.AbstractEventLoop, options: ShopOptions, kept: list[bytes]) -> None:
    """Keep another slice of memory; it is filled, because pages of zeros would not become resident."""
    kept.append(b"x" * int(options.leak_mb_per_second * LEAK_INTERVAL_SECONDS * 1024 * 1024))
    loop.call_later(LEAK_INTERVAL_SECONDS, _leak, loop, options, kept)


def _burn(fraction: float) -> None:
    """Waste this share of one core in a thread, hashing large blocks: that lets the interpreter's lock go."""
    block = bytes(256 * 1024)
    while True:
        began = time.perf_counter()
        while time.perf_counter() - began < fraction * BURN_PERIOD_SECONDS:
            hashlib.sha256(block).digest()
        time.sleep(max(0.0, BURN_PERIOD_SECONDS - (time.perf_counter() - began)))


if __name__ == "__main__":
    sys.exit(main())
