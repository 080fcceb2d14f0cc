"""Where the counters of a rollout come from: the proxy, a flag's programs, or the Prometheus server that its release names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from ferryman.engine.flags.port import Outcomes
from ferryman.engine.flags.side import FlagSide, by_flag, sides_of
from ferryman.metrics.base import Counters, MetricsSource
from ferryman.model.errors import AdapterError
from ferryman.model.evidence_source import PrometheusSource
from ferryman.model.release import FlagExposure
from ferryman.model.rollout import Rollout, Service


class Reading(NamedTuple):
    """Counters by revision; and by name those of several candidates, that together are the candidate (see `Sample`)."""

    counters: dict[str, Counters]
    candidates: dict[str, Counters]


class ArmSource(Protocol):
    """What tells arms apart by labels, as `ferryman.metrics.prometheus.PrometheusMetrics` does."""

    async def read(self, arms: Mapping[str, Mapping[str, str]]) -> dict[str, Counters]:
        """Counters by arm; `arms` are the values of placeholders for each. Raises `AdapterError`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


MakeSource = Callable[[PrometheusSource], ArmSource]


def no_source(source: PrometheusSource) -> ArmSource:
    """Where there is nobody to ask."""
    raise AdapterError("no_prometheus", f"nobody here can ask {source.server.url}", "run it by `ferry serve`")


class Sources:
    """Of one loop."""

    def __init__(self, proxy: MetricsSource, flags: FlagSide, make: MakeSource) -> None:
        self._proxy, self._flags, self._make = proxy, flags, make
        self._named: tuple[PrometheusSource, str] | None = None
        self._asked: ArmSource | None = None

    async def read(self, service: Service) -> Reading:
        """What was counted until now. Raises `AdapterError`."""
        rollout = service.current
        if rollout is None:
            return Reading(await self._proxy.read(service.name), {})
        source = rollout.release.analysis.source
        if source is not None and rollout.running:
            return await self._ask(source, service, rollout)
        if by_flag(rollout):
            told = self._flags.outcomes(rollout)
            return Reading(*sides_of(rollout, told)) if told is not None else Reading({}, {})
        return Reading(await self._proxy.read(service.name), {})

    async def close(self) -> None:
        """Let go of connections."""
        asked, self._asked, self._named = self._asked, None, None
        if asked is not None:
            await asked.close()

    async def _ask(self, source: PrometheusSource, service: Service, rollout: Rollout) -> Reading:
        # Counted anew for every attempt: what an arm is told by its labels may be another thing now.
        named = source, f"{rollout.id}/{rollout.attempt}"
        if self._asked is None or named != self._named:
            await self.close()
            self._asked, self._named = self._make(source), named
        if isinstance(rollout.release.strategy, FlagExposure):
            return await self._variants(self._asked, rollout.release.strategy, rollout)
        sides = [revision for revision in (rollout.stable, rollout.candidate) if revision is not None]
        arms = {side: {**_NOTHING, "revision": service.label(side)} for side in sides}
        return Reading(await self._asked.read(arms), {})

    async def _variants(self, asked: ArmSource, strategy: FlagExposure, rollout: Rollout) -> Reading:
        told = self._flags.outcomes(rollout)
        if told is None:
            return Reading({}, {})
        about = {**_NOTHING, "flag": strategy.key, "environment": strategy.environment}
        found = await asked.read({name: {**about, "variant": name} for name in (told.name, *told.exposed)})
        none = Counters(0, 0, (0,) * len(told.off.buckets))
        exposed = {name: found.get(name, none) for name in told.exposed}
        return Reading(*sides_of(rollout, Outcomes(found.get(told.name, none), exposed)))


_NOTHING = {"variant": "", "revision": "", "flag": "", "environment": ""}
