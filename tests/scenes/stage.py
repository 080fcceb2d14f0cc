"""What a scenario is played on: a world that takes a person's wishes, lets time pass and can be looked at.

There are three: the playbook of the pure rooms (`pure`), the simulator's world with the real loop (`simulated`), and
real processes behind Envoy (`real`). Scenarios and the telling of them know this protocol only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ferryman.core.phases import Verb
from ferryman.core.verbs import Answer
from ferryman.model.event import Event
from ferryman.model.release import Release
from ferryman.model.rollout import Rollout, Service
from ferryman.model.world import FlagShare

ACTOR = "ana"


@dataclass
class Side:
    """Instances of one version: `oldest` is when the first of them began (epoch seconds)."""

    ready: int = 0
    live: int = 0
    weight: float = 0.0
    oldest: float = 0.0


@dataclass
class Look:
    """What is there, by label; `flag` is how far one is exposed, "" where there is none. `matches` are (kind, name, value, label); `routed`: a data plane shares out the users."""

    sides: dict[str, Side] = field(default_factory=dict[str, Side])
    routed: bool = False
    preview: str | None = None
    flag: str = ""
    matches: list[tuple[str, str, str | None, str]] = field(default_factory=list[tuple[str, str, str | None, str]])


class Stage(Protocol):
    """One service and the world around it. Verbs raise `Refused`."""

    def now(self) -> float: ...
    def service(self) -> Service: ...
    def events(self) -> Sequence[Event]: ...
    def look(self) -> Look: ...

    def marks(self) -> tuple[int, int] | None:
        """The fewest that were ready while users were served and the most that lived, since this was last asked."""
        ...

    def serve(self, of: Release) -> None:
        """Let it serve before the story begins."""
        ...

    def deploy(self, of: Release, base: str | None) -> Answer: ...
    def verb(self, verb: Verb) -> Answer: ...
    def undo(self, to: str | None) -> Answer: ...
    def down(self) -> Answer: ...

    def ask(self, question: Callable[[Service, float], Answer]) -> Answer:
        """Anything else a person may ask, put to the service as it is now."""
        ...

    def wait(self, seconds: float) -> None: ...

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Let time pass until something is so."""
        ...

    def nature(self, label: str, how: str) -> None:
        """Instances of a version `never becomes ready`, `crashes when started` or `is well again`."""
        ...

    def lose(self, label: str, count: int, *, die: bool) -> None:
        """Ready instances end, or stop answering."""
        ...

    def limit(self, label: str, count: int) -> None:
        """No more of them become ready."""
        ...

    def judge(self, verdict: str, *, always: bool) -> None:
        """The judge says so about the present stage, or about each that comes."""
        ...

    def override(self, kind: str) -> None:
        """The flag is `killed` or `tripped`, or with "" neither any more. Where there are flags."""
        ...

    def evidence(self, *, missing: bool) -> None: ...

    def checks(self, outcome: str) -> None:
        """Checks end `passed` or `failed`."""
        ...


def exposed(share: FlagShare, override: str) -> str:
    """`10% and staff, killed`."""
    people = [*share.segments, *share.allow]
    text = " and ".join([f"{share.exposure_percent:g}%", *people])
    return f"{text}, {override}" if override else text


def rollout_of(stage: Stage) -> Rollout | None:
    """The current rollout, once there is one."""
    return stage.service().current
