"""Keeps one Envoy running: adopts one that serves, starts one from the acknowledged files, brings it back when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable
from pathlib import Path

from ferryman.model.errors import AdapterError, FerrymanError, Unreachable
from ferryman.model.generation import Generation
from ferryman.routers.envoy import names, probe, process
from ferryman.routers.envoy.admin import Admin
from ferryman.routers.envoy.boot import bootstrap
from ferryman.routers.envoy.files import Files, replace
from ferryman.routers.envoy.listeners import DRAIN_SECONDS, address_in
from ferryman.routers.envoy.process import Paths, Running
from ferryman.routers.envoy.records import exclusive

START_LIMIT_SECONDS = 5.0
START_POLL_SECONDS = 0.01
LOCK_LIMIT_SECONDS = 10.0
CHECK_SECONDS = 2.0
SILENCE_LIMIT_SECONDS = 10.0
LONG_LIFE_SECONDS = 30.0
BACK_OFF_SECONDS = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
TERM_LIMIT_SECONDS = 2.0
DRAIN_POLL_SECONDS = 0.05
BASE_ID_TRIES = 8
LOG_LIMIT_BYTES = 8 * 1024 * 1024
OWN_REQUESTS = "http.admin.downstream_rq_active"
ACTIVE_REQUESTS = r"^http\.[^.]+\.downstream_rq_active$"

Tell = Callable[[str | None, str, str, dict[str, object]], None]
"""(service or None for all, topic, text, detail)"""


class Supervisor:
    """`starts` grows whenever the live files are put back to the acknowledged ones for another Envoy: what was written
    and not acknowledged before is gone then."""

    def __init__(self, paths: Paths, files: Files, binary: Path, *, concurrency: int, tell: Tell) -> None:
        self._paths = paths
        self._files = files
        self._binary = binary
        self._concurrency = concurrency
        self._tell = tell
        self._watch: asyncio.Task[None] | None = None
        self._running: Running | None = None
        self.admin = Admin(paths.admin())
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process id of the Envoy in charge."""
        return self._running.pid if self._running else None

    async def start(self) -> None:
        """Have an Envoy, and keep having one. Raises `AdapterError`."""
        await self._ensure()
        if self._watch is None:
            self._watch = asyncio.create_task(self._keep(), name="envoy supervisor")

    async def close(self) -> None:
        """Stop watching; Envoy runs on."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def shutdown(self) -> None:
        """Let running requests end (at most 5 s), then end Envoy. Idempotent."""
        await self.close()
        running = self._running or self._paths.load()
        if running is not None and process.is_alive(running):
            with contextlib.suppress(Unreachable):
                await self.admin.post("/drain_listeners?graceful&skip_exit")
                await process.poll_until(self._quiet, limit_seconds=DRAIN_SECONDS, every_seconds=DRAIN_POLL_SECONDS)
            await self._end(running)
        self._running = None
        self._paths.record.unlink(missing_ok=True)
        self.admin.socket.unlink(missing_ok=True)
        if running is not None:
            Path(f"/dev/shm/envoy_shared_memory_{running.base_id}0").unlink(missing_ok=True)  # noqa: S108 - Envoy's own

    async def _quiet(self) -> bool:
        active = await self.admin.counts(ACTIVE_REQUESTS)
        return not any(count for name, count in active.items() if name != OWN_REQUESTS)

    async def _end(self, running: Running) -> None:
        process.send(running, signal.SIGTERM)
        if not await process.until_dead(running.pid, TERM_LIMIT_SECONDS):
            process.send(running, signal.SIGKILL)
            await process.until_dead(running.pid, TERM_LIMIT_SECONDS)

    async def _ensure(self) -> None:
        """Adopt or start, one controller at a time."""
        with exclusive(self._paths.lock) as take:

            async def taken() -> bool:
                return take()

            if not await process.poll_until(taken, limit_seconds=LOCK_LIMIT_SECONDS, every_seconds=START_POLL_SECONDS):
                raise AdapterError(
                    "envoy_busy", "another controller is starting Envoy", "stop one of the two controllers"
                )
            if not await self._adopt():
                await self._begin()

    async def _adopt(self) -> bool:
        """Take over an Envoy that runs: the one on record, or whoever listens on our admin socket."""
        running = self._paths.load()
        if running is None or not process.is_alive(running):
            running = self._found()
        if running is None:
            return False
        if not await process.poll_until(
            self.admin.answers, limit_seconds=SILENCE_LIMIT_SECONDS, every_seconds=CHECK_SECONDS / 10
        ):
            self._tell(None, "envoy_silent", "an Envoy that does not answer was ended", {"pid": running.pid})
            process.send(running, signal.SIGKILL)
            await process.until_dead(running.pid, TERM_LIMIT_SECONDS)
            return False
        self._take(running)
        if not self._paths.boot.exists() or self._paths.boot.read_bytes() != self._boot():
            text = "Envoy runs with the settings of another version of Ferryman until it is started again"
            self._tell(None, "envoy_outdated", text, {"pid": running.pid})
        return True

    def _boot(self) -> bytes:
        return json.dumps(bootstrap(self._files.live, self.admin.socket), indent=1).encode()

    def _found(self) -> Running | None:
        pid = process.listener_pid(self.admin.socket)
        ticks = process.start_ticks(pid) if pid else None
        if pid is None or ticks is None:
            return None
        base_id = self._base_id()
        return Running(pid, ticks, process.boot_id(), base_id, 0, str(self.admin.socket))

    def _take(self, running: Running) -> None:
        self._running = running
        self._paths.save(running)

    def _base_id(self) -> int:
        try:
            return int(self._paths.base_id.read_text())
        except (FileNotFoundError, ValueError):
            return process.first_base_id(self._paths.folder)

    async def _begin(self) -> None:
        """Start an Envoy from the acknowledged files. Raises `AdapterError` with the end of its log."""
        self.starts += 1
        self._files.reset()
        self._leave_out_taken_ports()
        replace(self._paths.boot, self._boot())
        base_id, text = self._base_id(), ""
        for _ in range(BASE_ID_TRIES):
            log_start = self._log_size()
            pid = process.spawn(self._binary, self._paths, base_id, self._concurrency)
            ticks = process.start_ticks(pid)
            up = await process.poll_until(
                lambda pid=pid: self._up_or_dead(pid),
                limit_seconds=START_LIMIT_SECONDS,
                every_seconds=START_POLL_SECONDS,
            )
            running = Running(pid, ticks or 0, process.boot_id(), base_id, 0, str(self.admin.socket))
            if up and process.is_alive(running):
                replace(self._paths.base_id, str(base_id).encode())
                self._take(running)
                return
            await self._end(running)
            text = self.log_since(log_start)
            if "domain socket" not in text:
                break
            base_id += 1  # the Envoy of another folder has this one
        raise AdapterError("envoy_not_started", f"Envoy did not start: {text[-500:].strip()}", f"see {self._paths.log}")

    async def _up_or_dead(self, pid: int) -> bool:
        return process.start_ticks(pid) is None or await self.admin.answers()

    def _leave_out_taken_ports(self) -> None:
        """One port that somebody else took must not make Envoy refuse the listeners of all services."""
        document = self._files.read(names.LISTENERS)
        if document is None:
            return
        problems = {entry["name"]: probe.port_problem(*address_in(entry)) for entry in document.resources}
        kept = [entry for entry in document.resources if not problems[entry["name"]]]
        if len(kept) == len(document.resources):
            return
        version = names.version_text(Generation.parse(document.version.partition("-")[0]), kept)
        self._files.write(names.LISTENERS, version, kept)
        for name, problem in problems.items():
            if problem:
                self._tell(names.owner_of(name), "port_taken", f"not listening: {problem}", {"listener": name})

    async def _keep(self) -> None:
        """Bring Envoy back for as long as we watch; quickly at first, slower if it keeps dying."""
        loop = asyncio.get_running_loop()
        failures, silent_since, began = 0, None, loop.time()
        while True:
            running = self._running
            if running is not None and not await process.until_dead(running.pid, CHECK_SECONDS):
                silent_since = await self._check(running, silent_since)
                continue
            silent_since = None
            if running is not None:
                self._running = None
                failures = 0 if loop.time() - began > LONG_LIFE_SECONDS else failures
                self._tell(None, "envoy_died", "Envoy ended and is started again", {"pid": running.pid})
            await asyncio.sleep(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
            failures += 1
            try:
                await self._ensure()
                began = loop.time()
                self._tell(None, "envoy_started", "Envoy serves what it last acknowledged", {"pid": self.pid})
            except (FerrymanError, OSError) as error:
                self._tell(None, "envoy_not_started", str(error), {})

    async def _check(self, running: Running, silent_since: float | None) -> float | None:
        """What is due every few seconds. Returns since when the admin interface has been silent, None when it is not."""
        self._rotate_log()
        now = asyncio.get_running_loop().time()
        if await self.admin.answers():
            with contextlib.suppress(Unreachable, OSError):
                await self._reopen_log()
            return None
        if silent_since is None:
            return now
        if now - silent_since >= SILENCE_LIMIT_SECONDS and not await self._data_path_answers():
            self._tell(None, "envoy_silent", "neither Envoy's admin nor its ports answer: ended", {"pid": running.pid})
            process.send(running, signal.SIGKILL)
        return silent_since

    async def _data_path_answers(self) -> bool:
        document = self._files.read(names.LISTENERS, acked=True)
        addresses = [address_in(entry) for entry in document.resources] if document else []
        return bool(addresses) and await probe.answers(*addresses[0])

    def _log_size(self) -> int:
        return self._paths.log.stat().st_size if self._paths.log.exists() else 0

    def _rotate_log(self) -> None:
        if self._log_size() > LOG_LIMIT_BYTES:
            self._paths.log.replace(self._paths.log.with_suffix(".log.1"))

    async def _reopen_log(self) -> None:
        if not self._paths.log.exists():
            await self.admin.post("/reopen_logs")

    def log_mark(self) -> int:
        """Where the log ends now, for `log_since`."""
        return self._log_size()

    def log_since(self, mark: int) -> str:
        """What was logged after `mark`; bounded."""
        try:
            with self._paths.log.open("rb") as log:
                log.seek(mark)
                return log.read(64 * 1024).decode(errors="replace")
        except OSError:
            return ""
