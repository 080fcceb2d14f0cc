"""`seed-rules`: three fixed limits, as many teams write them by hand.

The candidate's error rate must not exceed 1.5, 1.2, 1.1 times the stable one (stage 1, 2, 3 and later), its p95 not twice
the stable one, its cpu not 80 %. No noise model and no minimum sample. On healthy simulated rollouts it rolls back:
judged every minute 35-100 %, at the ends of stages 37-73 % at 1-50 requests per second and .5-64 % at 1000.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ferryman.analysis.judge import Finding
from ferryman.analysis.options import Option
from ferryman.analysis.window import Window
from ferryman.model.evidence import Block, Gap, Header, Verdict

ERROR_RATIOS = (1.5, 1.2, 1.1)
P95_RATIO = 2.0
CPU_PERCENT = 80.0
MINUTE_SECONDS = 60.0
LOOK_BACK_MINUTES = 5

OPTIONS = {
    "when": Option(
        default="stage-end",
        kind="choice",
        choices=("stage-end", "each-minute"),
        about="once on the whole stage, or every full minute on the last five",
    )
}


class State(msgspec.Struct, array_like=True):
    """`whole` sums the stage, `minutes` are its last full ones, `open` is the running one. `verdict` and `reason` are
    those of the last look in this stage."""

    bounds: tuple[float, ...]
    each_minute: bool
    stage: int = -1
    stage_t: float = 0.0
    whole: Window = msgspec.field(default_factory=Window)
    minutes: list[Window] = []
    open: Window = msgspec.field(default_factory=Window)
    verdict: Verdict = Verdict.CONTINUE
    reason: str = "collecting"

    def begin_stage(self, stage: int) -> None:
        self.stage, self.whole, self.minutes, self.open = stage, Window(), [], Window()
        self.verdict, self.reason = Verdict.CONTINUE, "collecting"


class SeedRules:
    """See the module."""

    name = "seed-rules"
    options = OPTIONS
    state_type = State

    def start(self, header: Header) -> State:
        return State(header.bounds_ms, header.spec.get("when") == "each-minute")

    def observe(self, state: State, block: Block) -> Finding:
        if not 0.0 < block.weight_percent < 100.0:
            return Finding(Verdict.INSUFFICIENT, f"at weight {block.weight_percent:g} there is no concurrent control")
        if block.stage != state.stage or block.stage_t < state.stage_t:
            state.begin_stage(block.stage)
        state.stage_t = block.stage_t
        state.open.add(block)
        if not state.each_minute:
            state.whole.add(block)
        full_minute = state.open.seconds >= MINUTE_SECONDS
        if full_minute and state.each_minute:
            state.minutes = [*state.minutes, state.open][-LOOK_BACK_MINUTES:]
        if full_minute or block.stage_end:
            self._look(state, stage_end=block.stage_end)
        if full_minute:
            state.open = Window()
        return Finding(state.verdict, state.reason)

    def _look(self, state: State, *, stage_end: bool) -> None:
        """Judge what there is; the verdict stands until the next look."""
        window = state.whole
        if state.each_minute:
            window = Window()
            for minute in state.minutes or [state.open]:
                window.join(minute)
        silent = window.silent()
        if silent:
            state.verdict, state.reason = Verdict.INSUFFICIENT, silent
            return
        over = stage_end or state.verdict is Verdict.PASS
        if not state.each_minute and not stage_end:
            if state.verdict is Verdict.INSUFFICIENT:
                state.verdict, state.reason = Verdict.CONTINUE, "collecting"
            return
        broken = broken_rule(window, state.stage, state.bounds)
        if broken:
            state.verdict, state.reason = Verdict.FAIL, broken
        else:
            state.verdict, state.reason = Verdict.PASS if over else Verdict.CONTINUE, "all rules hold"

    def silent(self, state: State, gap: Gap) -> Finding:
        return Finding(Verdict.ERROR, f"no data: {gap.error}")

    def record(self, state: State, *, full: bool) -> dict[str, Any]:
        if not full:
            return {}
        window = state.whole if not state.each_minute else (state.minutes or [state.open])[-1]
        figures = ("requests", "error_rate", "p95_ms", "cpu_percent")
        return {
            "metrics": {
                name: {
                    "stable": window.stable.figure(name, state.bounds),
                    "candidate": window.candidate.figure(name, state.bounds),
                }
                for name in figures
            }
        }


def broken_rule(window: Window, stage: int, bounds: tuple[float, ...]) -> str | None:
    """The first rule that the candidate breaks, with its figures; both versions must have served requests."""
    stable, candidate = window.stable, window.candidate
    ratio = ERROR_RATIOS[min(stage, len(ERROR_RATIOS) - 1)]
    if candidate.errors * stable.requests > ratio * stable.errors * candidate.requests:
        return (
            f"error rate {candidate.errors}/{candidate.requests} is above {ratio} times "
            f"the stable {stable.errors}/{stable.requests}"
        )
    slow, usual = candidate.figure("p95_ms", bounds), stable.figure("p95_ms", bounds)
    if slow is not None and usual is not None and slow > P95_RATIO * usual:
        return f"p95 of {slow:.0f} ms is above {P95_RATIO:g} times the stable {usual:.0f} ms"
    cpu = candidate.figure("cpu_percent", bounds)
    if cpu is not None and cpu > CPU_PERCENT:
        return f"cpu of {cpu:.0f} % is above {CPU_PERCENT:.0f} %"
    return None
