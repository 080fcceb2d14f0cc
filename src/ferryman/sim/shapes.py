"""Releases in a few words, small enough to be read in a story: what a deploy of a simulation asks for."""

from __future__ import annotations

import msgspec

from ferryman.model.calendar import Window, Windows
from ferryman.model.release import (
    Amount,
    Analysis,
    Approval,
    Approvals,
    Audience,
    BlueGreen,
    Canary,
    CanaryStep,
    Check,
    Deadlines,
    FlagExposure,
    FlagStep,
    Limits,
    Pause,
    Recreate,
    Release,
    Rolling,
    Routing,
    RunCheck,
    SetWeight,
    Strategy,
)
from ferryman.model.revision import Health, Revision, Run
from ferryman.sim.fleet import Nature
from ferryman.sim.kernel import EPOCH
from ferryman.sim.traffic import Quality

PORT = 8080
APPROVAL_SECONDS = 15.0
WINDOW_MINUTES = 20
FLAG = "new-checkout"
ENVIRONMENT = "prod"
AUDIENCES = (Audience("staff", hold_seconds=2.0), Audience(allow=("ann", "bob"), hold_seconds=1.0))


def _every_other_minute() -> Windows:
    """Shut in every other minute of the first twenty of a simulation, then open for good."""
    first = int(EPOCH / 60) % 1440
    minutes = [first + n for n in range(0, WINDOW_MINUTES, 2)]
    open_minutes = tuple(Window(from_minute=m, to_minute=m + 1) for m in minutes)
    return Windows(open=(*open_minutes, Window(from_minute=first + WINDOW_MINUTES, to_minute=first)))


EVERY_OTHER_MINUTE = _every_other_minute()


class Shape(msgspec.Struct, frozen=True, omit_defaults=True):
    """`label` names the content. `weights` are the steps of a canary, each held for `hold` seconds and, when `judged`,
    until the judge passes; after the first `pause` of them a person is waited for (0: nobody), after the first of all
    there is a pause of `wait` seconds (0: none). `check`: a function check before the first weight, or before the
    switch. `delay` None keeps the old side. So many people must `approve` the promotion; with `windows` it may grow
    in every other minute only. A `flag` release lets that many audiences of `people` in before its first weight, and so
    many people must `begin` it."""

    label: str
    strategy: str = "canary"
    replicas: int = 3
    weights: tuple[float, ...] = (10.0, 50.0)
    hold: float = 3.0
    judged: bool = True
    pause: int = 0
    wait: float = 0.0
    check: bool = False
    bake: float = 2.0
    delay: float | None = 1.0
    routed: bool = True
    dynamic: bool = False
    surge: int = 1
    unavailable: int = 0
    floor: float = 1.0
    automatic: bool = True
    analysed: bool = True
    judge: str = "betting"
    deadline: float = 30.0
    on_deadline: str = "rollback"
    on_fail: str = "rollback"
    on_inconclusive: str = "pause"
    on_insufficient: str = "extend"
    on_error: str = "pause"
    nature: Nature = Nature()
    quality: Quality = Quality()
    failing_check: bool = False
    approve: int = 0
    windows: bool = False
    people: int = 0
    begin: int = 0

    @property
    def of_flag(self) -> bool:
        """Whether a flag is released, not code."""
        return self.strategy == "flag"

    def release(self, service: str) -> Release:
        """The release file's content."""
        return Release(
            service=service,
            label=self.label,
            command=("run", self.label),
            replicas=0 if self.of_flag else self.replicas,
            health_http_path="/" if self.routed and not self.of_flag else None,
            stop_seconds=4.0,
            drain_timeout_seconds=3.0,
            capacity_floor=self.floor,
            strategy=self._strategy(),
            routing=Routing(router="none")
            if self.of_flag
            else Routing(router="envoy" if self.routed else "none", port=PORT),
            analysis=Analysis(
                enabled=self.analysed,
                judge=self.judge,
                min_wait_seconds=8.0,
                on_fail=self.on_fail,
                on_inconclusive=self.on_inconclusive,
                on_insufficient=self.on_insufficient,
                on_error=self.on_error,
                limits=Limits(min_samples=50),
            ),
            deadlines=Deadlines(
                progress_seconds=self.deadline,
                on_deadline=self.on_deadline,
                abort_scale_down_seconds=2.0,
                provider_timeout_seconds=4.0,
            ),
            approvals=Approvals(start=_asked(self.begin), promotion=_asked(self.approve)),
            windows=EVERY_OTHER_MINUTE if self.windows else None,
        )

    def revision(self) -> Revision:
        """The content; its id is its label."""
        run = Run(command=("run", self.label), directory=".", stop_seconds=4.0)
        return Revision(id=self.label, label=self.label, digest=self.label, run=run, health=Health())

    def _strategy(self) -> Strategy:
        surge, unavailable = Amount(self.surge), Amount(self.unavailable)
        checks = (Check(name="smoke", http_path="/smoke"),) if self.check else ()
        match self.strategy:
            case "canary":
                return Canary(
                    steps=self._steps(checks),
                    stable="dynamic" if self.dynamic else "full",
                    max_surge=surge,
                    max_unavailable=unavailable,
                    bake_seconds=self.bake,
                    scale_down_delay_seconds=self.delay,
                )
            case "blue-green":
                return BlueGreen(
                    auto_promote=self.automatic,
                    checks_before=checks,
                    bake_seconds=self.bake,
                    scale_down_delay_seconds=self.delay,
                )
            case "rolling":
                return Rolling(max_surge=surge, max_unavailable=unavailable, bake_seconds=self.bake)
            case "flag":
                return FlagExposure(
                    key=FLAG, steps=(*AUDIENCES[: self.people], *self._flag_steps(checks)), bake_seconds=self.bake
                )
            case _:
                return Recreate()

    def _flag_steps(self, checks: tuple[Check, ...]) -> tuple[FlagStep, ...]:
        return tuple(step for step in self._steps(checks) if isinstance(step, FlagStep))

    def _steps(self, checks: tuple[Check, ...]) -> tuple[CanaryStep, ...]:
        steps: list[CanaryStep] = [RunCheck(check) for check in checks]
        for number, weight in enumerate(self.weights, 1):
            steps.append(SetWeight(weight, self.hold, analyse=self.judged))
            if number == 1 and self.wait:
                steps.append(Pause(self.wait))
            if number == self.pause:
                steps.append(Pause())
        return tuple(steps)


def _asked(people: int) -> Approval | None:
    return Approval(people, "operator", APPROVAL_SECONDS) if people else None
