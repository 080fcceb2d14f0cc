"""The load client as a process: ``python -m ferryman.demo.load --url http://127.0.0.1:8080 --rate 300``.

It stops after ``--seconds``, or at SIGTERM or SIGINT, waits for the answers under way and writes its last report.
Exit codes: 0 when it has stopped as told, 2 on a wrong call. Failures of requests do not change the code.

The report file is JSON, replaced as a whole each second: ``report`` is everything since the start, ``snapshot`` is for
``read_snapshot`` and ``report_between``, ``finished`` is true in the last one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from ferryman.demo.load_client import DEFAULT_PATHS, LoadClient
from ferryman.demo.load_report import (
    FailureExample,
    LoadReport,
    LoadSnapshot,
    VersionReport,
    report_between,
    snapshot_from_dict,
)
from ferryman.demo.load_users import UserTrail

__all__ = [
    "FailureExample",
    "LoadClient",
    "LoadReport",
    "LoadSnapshot",
    "UserTrail",
    "VersionReport",
    "main",
    "read_snapshot",
    "report_between",
]

REPORT_INTERVAL_SECONDS = 1.0
MAX_TRAILS = 20


def read_snapshot(path: Path) -> LoadSnapshot:
    """The snapshot in the report file of a running or finished load process.

    Raises OSError if there is none, ValueError or KeyError if it is no report file.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    return snapshot_from_dict(cast(Mapping[str, object], content["snapshot"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load until told to stop; returns the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    headers: dict[str, str] = {}
    for text in cast(list[str], given.header):
        name, colon, value = text.partition(":")
        if not colon:
            parser.error(f"--header {text!r} is not of the form 'Name: value'")
        headers[name.strip()] = value.strip()
    try:
        client = LoadClient(
            given.url,
            rate_per_second=given.rate,
            connections=given.connections,
            paths=tuple(given.path) or DEFAULT_PATHS,
            headers=headers,
            users=given.users,
            timeout_seconds=given.timeout_seconds,
            seed=given.seed,
        )
    except ValueError as error:
        parser.error(str(error))
    report_path = Path(given.report) if given.report else None
    if report_path is not None and not report_path.parent.is_dir():
        parser.error(f"--report {given.report}: the folder {report_path.parent} does not exist")
    report = asyncio.run(_run(client, given.seconds, report_path))
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(report.to_dict()) if given.json else _summary(report), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ferryman.demo.load", description="A steady stream of requests to a service on this machine."
    )
    add = parser.add_argument
    add("--url", required=True, help="base URL, such as http://127.0.0.1:8080")
    add("--rate", type=float, default=300.0, help="requests a second (default: %(default)s)")
    add("--connections", type=int, default=8, help="keep-alive connections (default: %(default)s)")
    add("--seconds", type=float, default=None, help="stop after this long (default: at SIGTERM or SIGINT)")
    add("--path", action="append", default=[], help="'/path' or 'POST /path'; may be repeated")
    add("--header", action="append", default=[], help="'Name: value'; may be repeated")
    add("--users", type=int, default=0, help="virtual users with a cookie jar each (default: none)")
    add("--timeout-seconds", type=float, default=10.0, help="when a request has failed (default: %(default)s)")
    add("--report", metavar="FILE", default=None, help="write the report there, each second")
    add("--json", action="store_true", help="print the report as JSON at the end")
    add("--seed", type=int, default=None, help="seed of the order of paths")
    return parser


async def _run(client: LoadClient, seconds: float | None, report_path: Path | None) -> LoadReport:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    await client.start()
    while not stop.is_set():
        if report_path is not None:
            _write_report(report_path, client, finished=False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPORT_INTERVAL_SECONDS):
                await stop.wait()
    report = await client.stop()
    if report_path is not None:
        _write_report(report_path, client, finished=True)
    return report


def _write_report(path: Path, client: LoadClient, *, finished: bool) -> None:
    """Replace the report file. A failure to write is said and does not stop the stream."""
    snapshot = client.snapshot()
    moved = [trail for trail in client.user_trails() if trail.moved_back]
    content = {
        "finished": finished,
        "report": report_between(None, snapshot).to_dict(),
        "moved_back_users": [{"user": trail.user, "versions": trail.versions} for trail in moved[:MAX_TRAILS]],
        "snapshot": snapshot.to_dict(),
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        print(f"cannot write {path}: {error.strerror or error}", file=sys.stderr)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _summary(report: LoadReport) -> str:
    total = (
        f"{report.requests} requests in {report.seconds:.1f} s ({report.requests_per_second:.0f}/s), "
        f"{report.client_failures} failed, {report.app_errors} answered 5xx by the service, "
        f"{report.retried} retried, {report.skipped} skipped"
    )
    lines = [total]
    for name, seen in sorted(report.versions.items()):
        lines.append(
            f"  {name}: {seen.requests} ({seen.share_percent:g} %), 5xx {seen.app_errors}, "
            f"p50 {seen.p50_ms} ms, p95 {seen.p95_ms} ms, p99 {seen.p99_ms} ms"
        )
    lines.extend(f"  failure {one.kind}: {one.text}" for one in report.examples[:5])
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
