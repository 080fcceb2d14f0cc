"""One way to drive every target: real processes with real time, or memory with a clock that is moved."""

import asyncio
import itertools
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ferryman.model.generation import Generation
from ferryman.model.revision import Health, Revision, Run
from ferryman.model.seen import Instance, InstanceState
from ferryman.model.world import Orders
from ferryman.targets.base import Action, Target
from ferryman.targets.memory import Behaviour, MemoryTarget
from ferryman.targets.process import ProcessSettings, ProcessTarget

TINY_APP = Path(__file__).with_name("tiny_app.py")
PATIENCE_SECONDS = 15.0
BACKOFF_SECONDS = 0.4
SETTINGS = ProcessSettings(
    port_reuse_seconds=1.0,
    tick_seconds=0.1,
    orphan_scan_seconds=0.1,
    orphan_seconds=0.5,
    orphan_kill_seconds=0.5,
    backoff_first_seconds=BACKOFF_SECONDS,
)


def tiny(*options: str) -> tuple[str, ...]:
    """The command of the tiny program."""
    return (sys.executable, "-I", "-S", str(TINY_APP), *options)


def revision(
    label: str,
    command: tuple[str, ...] | None = None,
    *,
    health: Health | None = None,
    traffic: bool = True,
    **run: Any,
) -> Revision:
    """A revision of the tiny program, quick to become ready."""
    quick = Health(http_path="/healthz", interval_seconds=0.05, timeout_seconds=1.0, min_ready_seconds=0.1)
    run.setdefault("directory", "/")
    run.setdefault("stop_seconds", 5.0)
    content = Run(command=tiny() if command is None else command, **run)
    return Revision(f"r-{label}", label, "0" * 64, content, health or quick, traffic=traffic)


class Rig:
    """A target with the revisions known so far and the generation to use next; every rig is a new holder of the lease."""

    fences = itertools.count(1)

    def __init__(self, target: Target, service: str = "shop") -> None:
        self.target = target
        self.service = service
        self.revisions: dict[str, Revision] = {}
        self.fence = next(self.fences)
        self.rev = 0

    def add(self, made: Revision) -> str:
        self.revisions[made.id] = made
        return made.id

    async def apply(
        self,
        instances: dict[str, int],
        *,
        drain: Iterable[str] = (),
        stop: Iterable[str] = (),
        generation: Generation | None = None,
        service: str | None = None,
    ) -> tuple[Action, ...]:
        self.rev += 1
        orders = Orders(instances=instances, drain=frozenset(drain), stop=frozenset(stop), routes=None)
        asked = generation or Generation(self.fence, self.rev)
        return await self.target.apply(service or self.service, orders, self.revisions, asked)

    async def seen(self, service: str | None = None) -> tuple[Instance, ...]:
        return await self.target.observe(service or self.service)

    async def in_state(self, *states: InstanceState) -> list[Instance]:
        return [one for one in await self.seen() if one.state in states]

    async def one(self, instance: str) -> Instance:
        return next(one for one in await self.seen() if one.id == instance)

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, probe: Callable[[tuple[Instance, ...]], Any], what: str) -> tuple[Instance, ...]:
        """Look until `probe` likes what is seen, and return that."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not probe(seen := await self.seen()):
            if time.monotonic() > deadline:
                pytest.fail(f"still waiting for {what}; seen: {seen}")
            await self.pass_time(0.02)
        return seen

    async def retried(self, instances: dict[str, int]) -> tuple[Action, ...]:
        """Ask until something is begun."""
        actions: tuple[Action, ...] = ()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not actions and time.monotonic() < deadline:
            await self.pass_time(0.02)
            actions = await self.apply(instances)
        return actions

    async def ready(self, count: int, of: str | None = None) -> list[Instance]:
        """Wait until exactly `count` instances are ready."""
        seen = await self.until(lambda seen: len(_ready(seen, of)) == count, f"{count} ready instances")
        return _ready(seen, of)

    async def gone(self, *instances: str) -> None:
        """Wait until these have ended."""
        ended = {InstanceState.GONE, InstanceState.FAILED}
        await self.until(
            lambda seen: all(one.state in ended for one in seen if one.id in instances), f"the end of {instances}"
        )


class MemoryRig(Rig):
    """Time passes only when somebody waits for it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.memory = MemoryTarget(lambda: self.now)
        super().__init__(self.memory)

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def memory_behaviour(made: Revision) -> Behaviour:
    """What the tiny program with these options does, told to the memory target."""
    options = {name: value for name, _, value in (item.partition("=") for item in made.run.command[4:])}
    return Behaviour(
        ready_seconds=None if "unhealthy" in options else 0.15,
        crash_seconds=0.05 if "exit" in options else float(options["exit_after"]) if "exit_after" in options else None,
        crash_reason=f"exited with status {options.get('exit', '7')}",
        stop_seconds=60.0 if "ignore_term" in options else 0.05,
    )


def _ready(seen: tuple[Instance, ...], of: str | None) -> list[Instance]:
    return [one for one in seen if one.state is InstanceState.READY and of in (None, one.revision)]


def run_process(
    state: Path,
    scenario: Callable[[Rig], Any],
    settings: ProcessSettings = SETTINGS,
    now: Callable[[], float] = time.time,
) -> None:
    """Run a scenario against a process target on `state`, and let go of what runs."""

    async def whole() -> None:
        target = ProcessTarget(state, owner="test", settings=settings, now=now)
        await target.start()
        try:
            await scenario(Rig(target))
        finally:
            await target.close()

    asyncio.run(whole())


def run_memory(scenario: Callable[[Rig], Any]) -> None:
    """Run a scenario against a memory target; revisions of the tiny program behave as the program would."""

    class Told(MemoryRig):
        def add(self, made: Revision) -> str:
            self.memory.behave(made.id, memory_behaviour(made))
            return super().add(made)

    async def whole() -> None:
        rig = Told()
        await rig.target.start()
        await scenario(rig)
        await rig.target.close()

    asyncio.run(whole())
