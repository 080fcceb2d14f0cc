"""The webhook check: somebody else's program decides whether a release goes on.

One POST of JSON: 2xx is yes, 202 means "ask again", any other answer is no. Silence is asked again until the check's time
is over, and then counts as a failure of the check. The header ``Idempotency-Key`` is the check's key: the same for every
try, also after a restart of the controller, and another one for every attempt of the release.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from ferryman.model.release import Check
from ferryman.model.rollout import Rollout, Service
from ferryman.model.seen import AnalysisSeen

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
TRY_SECONDS = 10.0
DETAIL_MAX = 400
ASK_AGAIN = 202


def question(service: Service, rollout: Rollout, name: str, analysis: AnalysisSeen | None) -> dict[str, Any]:
    """The body: which release asks at which step, and the numbers that its judge has. Times are epoch seconds."""
    found: dict[str, Any] = {
        "check": name,
        "service": service.name,
        "rollout": rollout.id,
        "attempt": rollout.attempt,
        "strategy": rollout.plan.strategy,
        "candidate": service.label(rollout.candidate),
        "stable": service.label(rollout.stable) if rollout.stable else None,
        "step": {"number": rollout.step + 1, "of": len(rollout.steps), "name": rollout.current.name},
        "exposure_percent": rollout.exposure_percent,
        "started_at": rollout.started_at,
        "started_by": rollout.created_by,
        "analysis": None,
    }
    if analysis is not None and (analysis.rollout, analysis.attempt) == (rollout.id, rollout.attempt):
        found["analysis"] = {
            "verdict": analysis.verdict,
            "reason": analysis.reason,
            "candidate_requests": analysis.candidate_requests,
            "evidence": analysis.evidence,
        }
    return found


async def ask_webhook(check: Check, key: str, body: dict[str, Any]) -> tuple[bool, str]:
    """(passed, what was answered). Goes on asking until there is an answer or the check's time is over; raises nothing."""
    url, last = check.webhook or "", "no answer"
    wait = FIRST_WAIT_SECONDS
    headers = {"Idempotency-Key": key, "X-Ferryman-Check": check.name}
    try:
        async with (
            asyncio.timeout(check.timeout_seconds),
            httpx2.AsyncClient(timeout=TRY_SECONDS, trust_env=False) as client,
        ):
            while True:
                try:
                    answer = await client.post(url, json=body, headers=headers)
                except httpx2.HTTPError as problem:
                    last = f"{problem or type(problem).__name__}"
                else:
                    if answer.status_code != ASK_AGAIN:
                        return answer.is_success, _told(answer)
                    last = _told(answer)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
    except TimeoutError:
        return False, f"POST {url}: no decision within {check.timeout_seconds:g} s, at last: {last}"


def _told(answer: httpx2.Response) -> str:
    text = " ".join(answer.text[:DETAIL_MAX].split())
    return f"POST {answer.request.url}: {answer.status_code}" + (f": {text}" if text else "")
