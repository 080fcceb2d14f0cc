"""Function checks: run once, against the candidate itself, never through users' traffic."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import httpx2

from ferryman.model.plan import CheckGate
from ferryman.model.release import Check
from ferryman.model.rollout import Rollout
from ferryman.model.seen import Instance, InstanceState

DETAIL_MAX = 400


def gate_of(rollout: Rollout, key: str) -> CheckGate | None:
    """The gate that a key (`core.gates.check_key`) belongs to, if it is of the present step."""
    *_, step, number = key.split("/")
    if int(step) != rollout.step or int(number) >= len(rollout.current.gates):
        return None
    gate = rollout.current.gates[int(number)]
    return gate if isinstance(gate, CheckGate) else None


async def run_check(
    check: Check, revision: str, label: str, instances: tuple[Instance, ...], folder: str
) -> tuple[bool, str]:
    """(passed, what was seen). Bounded by the check's own timeout; raises nothing."""
    ready = [i for i in instances if i.revision == revision and i.state is InstanceState.READY and i.port]
    if not ready:
        return False, "no ready instance of the candidate to check"
    url = f"http://{ready[0].host}:{ready[0].port}"
    try:
        async with asyncio.timeout(check.timeout_seconds):
            if check.http_path is not None:
                return await _http(check, url)
            return await _command(check, url, label, folder)
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
