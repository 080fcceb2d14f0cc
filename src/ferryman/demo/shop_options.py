"""What the sample shop can be told on its command line: how it behaves, and how it misbehaves."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


@dataclass(frozen=True, slots=True)
class ShopOptions:
    """Behaviour of one instance. Percentages are 0 to 100, durations as their names say, None means never."""

    version: str = "v1"
    error_percent: float = 0.0
    slow_percent: float = 0.0
    slow_ms: float = 0.0
    latency_ms: float = 5.0
    start_seconds: float = 0.0
    drain_limit_seconds: float = 10.0
    slow_drain_seconds: float = 0.0
    unready_while_draining: bool = False
    exit_after_seconds: float | None = None
    exit_at_once_code: int | None = None
    ignore_sigterm: bool = False
    never_ready: bool = False
    unready_after_seconds: float | None = None
    leak_mb_per_second: float = 0.0
    burn_cpu_fraction: float = 0.0
    seed: int | None = None


def parse_options(arguments: Sequence[str] | None = None) -> ShopOptions:
    """Read the command line (``sys.argv`` if None). A wrong one ends the process with code 2, as argparse does."""
    given = _parser().parse_args(arguments)
    return ShopOptions(
        version=given.version,
        error_percent=given.error_percent,
        slow_percent=given.slow_percent,
        slow_ms=given.slow_ms,
        latency_ms=given.latency_ms,
        start_seconds=given.start_seconds,
        drain_limit_seconds=given.drain_limit_seconds,
        slow_drain_seconds=given.slow_drain_seconds,
        unready_while_draining=given.unready_while_draining,
        exit_after_seconds=given.exit_after,
        exit_at_once_code=given.exit_at_once,
        ignore_sigterm=given.ignore_sigterm,
        never_ready=given.never_ready,
        unready_after_seconds=given.unready_after,
        leak_mb_per_second=given.leak_mb_per_second,
        burn_cpu_fraction=given.burn_cpu,
        seed=given.seed,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ferryman.demo.shop",
        description="A small shop that listens on 127.0.0.1 at the port in the environment variable PORT.",
    )
    add = parser.add_argument
    add("--version", type=_version, default="v1", help="what X-Version says (default: %(default)s)")
    behaviour = parser.add_argument_group("behaviour")
    add = behaviour.add_argument
    add("--error-percent", type=_between(0, 100), default=0.0, help="share of requests answered 500")
    add("--slow-percent", type=_between(0, 100), default=0.0, help="share of requests that take --slow-ms longer")
    add("--slow-ms", type=_between(0, 600_000), default=0.0, help="what a slow request takes on top")
    add("--latency-ms", type=_between(0, 600_000), default=5.0, help="median time of an answer (default: %(default)s)")
    add("--start-seconds", type=_between(0, 3600), default=0.0, help="time from start to ready")
    add("--drain-limit-seconds", type=_between(0, 600), default=10.0, help="bound of the drain after SIGTERM")
    add("--unready-while-draining", action="store_true", help="/healthz answers 503 from SIGTERM on")
    add("--seed", type=int, default=None, help="seed of the chance for errors and latency")
    misbehaviour = parser.add_argument_group("misbehaviour, for tests")
    add = misbehaviour.add_argument
    add("--slow-drain-seconds", type=_between(0, 3600), default=0.0, help="serve on this long after SIGTERM")
    add("--exit-after", metavar="SECONDS", type=_between(0, 86_400), default=None, help="crash with code 1")
    add("--exit-at-once", metavar="CODE", type=_exit_code, default=None, help="exit before listening")
    add("--ignore-sigterm", action="store_true", help="serve on after SIGTERM")
    add("--never-ready", action="store_true", help="/healthz answers 503 for ever")
    add("--unready-after", metavar="SECONDS", type=_between(0, 86_400), default=None, help="/healthz turns to 503")
    add("--leak-mb-per-second", type=_between(0, 1024), default=0.0, help="memory that is never given back")
    add("--burn-cpu", metavar="FRACTION", type=_between(0, 1), default=0.0, help="share of one core to waste")
    return parser


def _between(low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g}")
        return value

    return number


def _exit_code(text: str) -> int:
    code = _between(0, 255)(text)
    if code != int(code):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(code)


def _version(text: str) -> str:
    if _VERSION.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no version; use letters, digits and . _ + - (at most 64)")
    return text
