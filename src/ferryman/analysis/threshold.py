"""`threshold`: fixed conditions, looked at once per interval, in the manner of Flagger and Argo Rollouts.

It knows no chance and no control unless a condition names a ratio. In simulation one failed check rolls back every
release that meets a common outage of a dependency, five checks 23-74 % of them; and what stays inside the limits is not
seen at all.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ferryman.analysis.conditions import Condition, parse_conditions
from ferryman.analysis.judge import Finding
from ferryman.analysis.options import Option, option_values
from ferryman.analysis.window import Window
from ferryman.model.evidence import Block, Gap, Header, Verdict

DEFAULT_SUCCESS = "success_rate >= 0.99"

OPTIONS = {
    "success": Option(
        default=None, none=True, kind="conditions", about=f"a check succeeds when all hold; alone: {DEFAULT_SUCCESS}"
    ),
    "failure": Option(default=None, none=True, kind="conditions", about="a check fails when any holds"),
    "interval_seconds": Option(default=60.0, low=1.0, high=86400.0, about="length of a check"),
    "failure_limit": Option(default=0, low=0, high=1e6, about="failed checks beyond this many roll back"),
    "consecutive_error_limit": Option(
        default=4, low=0, high=1e6, about="provider errors in a row, beyond which they count as a check without data"
    ),
    "error_retry_seconds": Option(default=10.0, low=0.1, high=3600.0, about="errors sooner than this are one error"),
    "on_no_data": Option(
        default="hold",
        kind="choice",
        choices=("hold", "fail", "pass"),
        about="what a check without data is: nothing, a failed one, or a successful one",
    ),
}


class Settings(msgspec.Struct, frozen=True, array_like=True):
    """The options, with conditions parsed."""

    success: tuple[Condition, ...]
    failure: tuple[Condition, ...]
    interval_seconds: float
    failure_limit: float
    consecutive_error_limit: float
    error_retry_seconds: float
    on_no_data: str


class State(msgspec.Struct, array_like=True):
    """`failed` counts checks of the rollout; `errors` are provider errors in a row, `error_t` when the last counted one
    was. `verdict` and `reason` are those of the last check in this stage; `values` its figures."""

    settings: Settings
    bounds: tuple[float, ...]
    stage: int = -1
    stage_t: float = 0.0
    open: Window = msgspec.field(default_factory=Window)
    failed: int = 0
    errors: int = 0
    error_t: float | None = None
    verdict: Verdict = Verdict.CONTINUE
    reason: str = "the first check is not complete"
    values: dict[str, float | None] = {}


class Threshold:
    """See the module. With only one kind of condition, what does not succeed fails, or what does not fail succeeds;
    with both, a check may be neither, and then nothing changes."""

    name = "threshold"
    options = OPTIONS
    state_type = State

    def start(self, header: Header) -> State:
        values = option_values(OPTIONS, header.spec)
        if not values["success"] and not values["failure"]:
            values["success"] = DEFAULT_SUCCESS
        values["success"], values["failure"] = parse_conditions(values["success"]), parse_conditions(values["failure"])
        return State(Settings(**values), header.bounds_ms)

    def observe(self, state: State, block: Block) -> Finding:
        state.errors, state.error_t = 0, None
        if not 0.0 < block.weight_percent < 100.0:
            return Finding(Verdict.INSUFFICIENT, f"at weight {block.weight_percent:g} there is no concurrent control")
        if block.stage != state.stage or block.stage_t < state.stage_t:
            state.stage, state.open = block.stage, Window()
            state.verdict, state.reason = Verdict.CONTINUE, "the first check of this stage is not complete"
        state.stage_t = block.stage_t
        state.open.add(block)
        if state.open.seconds >= state.settings.interval_seconds:
            self._check(state, state.open)
            state.open = Window()
        return Finding(state.verdict, state.reason)

    def _check(self, state: State, window: Window) -> None:
        settings = state.settings
        everything = (*settings.success, *settings.failure)
        state.values = {str(condition): condition.value(window, state.bounds) for condition in everything}
        succeeds = [condition.holds(window, state.bounds) for condition in settings.success]
        fails = [condition.holds(window, state.bounds) for condition in settings.failure]
        said = ", ".join(
            f"{name}: {'no data' if value is None else f'{value:.4g}'}" for name, value in state.values.items()
        )
        if True in fails or (not settings.failure and False in succeeds):
            self._failed(state, said)
        elif not window.candidate.requests or None in succeeds or None in fails:
            self._no_data(state, said)
        elif all(succeeds):
            state.verdict, state.reason = Verdict.PASS, f"check succeeded; {said}"
        else:
            state.verdict, state.reason = Verdict.CONTINUE, f"check neither succeeded nor failed; {said}"

    def _failed(self, state: State, said: str) -> None:
        state.failed += 1
        limit = state.settings.failure_limit
        state.verdict = Verdict.FAIL if state.failed > limit else Verdict.CONTINUE
        state.reason = f"{state.failed} failed checks, limit {limit:g}; {said}"

    def _no_data(self, state: State, said: str) -> None:
        match state.settings.on_no_data:
            case "fail":
                self._failed(state, said)
            case "pass":
                state.verdict, state.reason = Verdict.PASS, f"no data, which counts as success; {said}"
            case _:
                state.verdict, state.reason = Verdict.INSUFFICIENT, said

    def silent(self, state: State, gap: Gap) -> Finding:
        settings = state.settings
        if state.error_t is None or gap.t - state.error_t >= settings.error_retry_seconds:
            state.error_t = gap.t
            state.errors += 1
            # Once, when the limit is crossed: more errors are the same outage.
            if settings.on_no_data == "fail" and state.errors == int(settings.consecutive_error_limit) + 1:
                self._failed(state, f"{state.errors} provider errors in a row: {gap.error}")
                if state.verdict is Verdict.FAIL:
                    return Finding(state.verdict, state.reason)
        limit = settings.consecutive_error_limit
        return Finding(Verdict.ERROR, f"no data, {state.errors} errors in a row, limit {limit:g}: {gap.error}")

    def record(self, state: State, *, full: bool) -> dict[str, Any]:
        return {"failed": state.failed, "values": state.values} if full else {}
