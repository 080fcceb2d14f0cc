"""Function checks: run once, against the candidate itself, never through users' traffic."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httpx2
import msgspec

from ferryman.engine.webhook import ask_webhook
from ferryman.model.errors import FerrymanError
from ferryman.model.plan import CheckGate
from ferryman.model.release import Check
from ferryman.model.rollout import Rollout
from ferryman.model.seen import Instance, InstanceState

DETAIL_MAX = 400


class CheckRun(msgspec.Struct, frozen=True):
    """One run of a check: its key (`core.approvals.gate_key`), what to do, and against whom. `about` is told to a webhook."""

    key: str
    service: str
    rollout: str
    check: Check
    revision: str
    label: str
    instances: tuple[Instance, ...]
    about: dict[str, Any] = {}


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended."""

    run: CheckRun
    passed: bool
    detail: str


class Checker(Protocol):
    """Runs checks in the background, each key once."""

    def begin(self, run: CheckRun) -> None:
        """Start it, unless that key runs already."""
        ...

    def take(self) -> list[Outcome]:
        """What has ended since the last call."""
        ...

    async def close(self) -> None:
        """Stop what runs; its outcome is never known."""
        ...


AskChecklist = Callable[[str, str], Awaitable[tuple[bool, str]]]
"""Given a service and the id of an item of its checklist: whether it holds, and what was seen."""


class Checks:
    """Checks as tasks of the event loop; `on_done` is called when one has ended. Commands run in `folder`; items of the
    checklist are asked of `checklist`."""

    def __init__(self, folder: str, on_done: Callable[[], None], checklist: AskChecklist) -> None:
        self._folder = folder
        self._checklist = checklist
        self._on_done = on_done
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended: list[Outcome] = []

    def begin(self, run: CheckRun) -> None:
        if run.key not in self._tasks:
            self._tasks[run.key] = asyncio.create_task(self._run(run), name=f"check {run.key}")

    def take(self) -> list[Outcome]:
        ended, self._ended = self._ended, []
        return ended

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, run: CheckRun) -> None:
        if run.check.checklist is not None:
            passed, detail = await self._item(run, run.check.checklist)
        else:
            passed, detail = await run_check(run, self._folder)
        self._ended.append(Outcome(run, passed, detail))
        self._tasks.pop(run.key, None)
        self._on_done()

    async def _item(self, run: CheckRun, name: str) -> tuple[bool, str]:
        try:
            async with asyncio.timeout(run.check.timeout_seconds):
                return await self._checklist(run.service, name)
        except TimeoutError:
            return False, f"{name}: not known within {run.check.timeout_seconds:g} s"
        except FerrymanError as problem:
            return False, problem.message


def gate_of(rollout: Rollout, key: str) -> CheckGate | None:
    """The gate that a key (`core.approvals.gate_key`) belongs to, if it is of the present step."""
    *_, step, number = key.split("/")
    if int(step) != rollout.step or int(number) >= len(rollout.current.gates):
        return None
    gate = rollout.current.gates[int(number)]
    return gate if isinstance(gate, CheckGate) else None


async def run_check(run: CheckRun, folder: str) -> tuple[bool, str]:
    """(passed, what was seen). Bounded by the check's own timeout; raises nothing."""
    check = run.check
    if check.webhook is not None:
        return await ask_webhook(check, run.key, run.about)
    ready = [i for i in run.instances if i.revision == run.revision and i.state is InstanceState.READY and i.port]
    if not ready:
        return False, "no ready instance of the candidate to check"
    url = f"http://{ready[0].host}:{ready[0].port}"
    try:
        async with asyncio.timeout(check.timeout_seconds):
            if check.http_path is not None:
                return await _http(check, url)
            return await _command(check, url, run.label, folder)
    except TimeoutError:
        return False, f"no answer within {check.timeout_seconds:g} s"


async def _http(check: Check, url: str) -> tuple[bool, str]:
    target = url + (check.http_path or "/")
    try:
        async with httpx2.AsyncClient(timeout=check.timeout_seconds, trust_env=False) as client:
            answer = await client.get(target, headers={"X-Ferryman-Check": check.name})
    except httpx2.HTTPError as problem:
        return False, f"GET {target}: {problem or type(problem).__name__}"
    wanted = check.expect_status
    right = answer.status_code == wanted if wanted is not None else 200 <= answer.status_code < 300
    if not right:
        return False, f"GET {target}: status {answer.status_code}, wanted {wanted or '2xx'}"
    if check.expect_text is not None and check.expect_text not in answer.text:
        return False, f"GET {target}: the answer does not hold {check.expect_text!r}"
    return True, f"GET {target}: {answer.status_code}"


async def _command(check: Check, url: str, label: str, folder: str) -> tuple[bool, str]:
    env = {**os.environ, "PREVIEW_URL": url, "FERRYMAN_REVISION": label}
    try:
        process = await asyncio.create_subprocess_exec(
            *check.command,
            cwd=folder,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as problem:
        return False, f"{check.command[0]}: {problem.strerror or problem}"
    try:
        output, _ = await process.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    tail = output.decode(errors="replace").strip()[-DETAIL_MAX:]
    return process.returncode == 0, f"exit {process.returncode}" + (f": {tail}" if tail else "")
