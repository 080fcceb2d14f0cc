"""A controller that remembers what it was asked, behind the real API on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ferryman.api.place import ControllerRecord
from ferryman.api.serve import serve
from ferryman.cli.client import Client
from ferryman.core.evolve import evolve
from ferryman.core.phases import Verb
from ferryman.engine.flags.service import FlagService
from ferryman.engine.telemetry import Pulse, Readiness, Telemetry
from ferryman.model.checklist import QUESTIONS, ChecklistItem, ChecklistView, Stand
from ferryman.model.errors import FerrymanError, Refused, UsageError
from ferryman.model.link import LinkView
from ferryman.model.notice import ChannelView, Lost
from ferryman.model.plan import Plan
from ferryman.model.revision import Revision
from ferryman.model.rollout import Service
from ferryman.model.settings import Listen, Settings
from ferryman.model.view import AnswerView, EventView, MeasurementSeries, RolloutDetail, RolloutSummary, ServiceView
from ferryman.spec.parse import parse_release
from ferryman.spec.revision import make_revision
from ferryman.store.memory import MemoryStore
from ferryman.strategies.compile import compile_plan
from support import eventually
from unit.cli.samples import CANARY, EVENTS

CHANNEL = ChannelView(
    name="ops", kind="webhook", target="https://ops.example.org", queued=2, oldest_at=1_700_000_000.0, failures=3,
    next_at=1_700_000_060.0, last_at=1_700_000_030.0, last="waiting", said="https://ops.example.org answers 503",
    last_sent_at=1_699_999_000.0, sent=4, given_up=1, dropped=0,
    trouble="ops: 3 attempts failed, 2 notices wait: https://ops.example.org answers 503",
    lost=Lost(count=1, at=1_699_999_500.0, id="shop/7/ops", outcome="given_up", said="answers 410"),
)  # fmt: skip

GOOD_LINK = "0123abcd.good.link"


@dataclass
class FakeNotifier:
    """One channel; what it was asked to try is in `tested`."""

    channels: tuple[ChannelView, ...] = (CHANNEL,)
    tested: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def views(self) -> tuple[ChannelView, ...]:
        return self.channels

    def trouble(self, service: str | None = None) -> tuple[str, ...]:
        return tuple(channel.trouble for channel in self.channels if channel.trouble)

    async def rotate_key(self, actor: str) -> None:
        self.tested.append(("rotate-key", actor))

    async def test(self, channel: str, actor: str) -> str:
        if channel != "ops":
            raise UsageError("unknown_channel", f"there is no channel {channel!r}", "channels are ops")
        self.tested.append((channel, actor))
        return "200 from https://ops.example.org"


@dataclass
class FakeLinks:
    """One good link, which is used up by an answer."""

    link: LinkView | None = None
    answers: list[tuple[bool, str]] = field(default_factory=list[tuple[bool, str]])
    answer_view: AnswerView = field(default_factory=lambda: AnswerView("shop", "approved 1/1", "shop-2", changed=True))

    async def look(self, token: str) -> LinkView:
        if token != GOOD_LINK or self.link is None:
            raise Refused("link_forged", "this link was not made here, or it was changed on its way")
        if self.answers:
            raise Refused("link_used", "this link was used already: ana agreed by it")
        return self.link

    async def answer(self, token: str, *, agree: bool, reason: str) -> AnswerView:
        await self.look(token)
        self.answers.append((agree, reason))
        return self.answer_view


def opened_store() -> MemoryStore:
    """Open, whether or not a loop runs."""
    store = MemoryStore(evolve)
    store._is_open = True
    return store


class FakeVitals:
    """As healthy as it is told."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()
        self.problems: tuple[str, ...] = ()

    def pulse(self) -> Pulse:
        return Pulse(
            services=2,
            phases={"paused": 1, "promoted": 1},
            leases=2,
            queued=1,
            store_waiting=4,
            troubles={"shop": "smoke"},
        )

    async def readiness(self) -> Readiness:
        return Readiness(not self.problems, self.problems)


@dataclass
class FakeController:
    """Serves the views it is given; `script` replaces the view of `shop` one by one at each look. `fails` are raised by
    name of the call; `accounts` are those that deployed."""

    services: dict[str, ServiceView] = field(default_factory=lambda: {"shop": CANARY})
    log: list[EventView] = field(default_factory=lambda: list(EVENTS))
    vitals: FakeVitals = field(default_factory=FakeVitals)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    fails: dict[str, BaseException] = field(default_factory=dict)
    script: list[ServiceView] = field(default_factory=list)
    store: MemoryStore = field(default_factory=opened_store)
    notifier: FakeNotifier = field(default_factory=FakeNotifier)
    links: FakeLinks = field(default_factory=FakeLinks)
    flags: FlagService = field(default_factory=lambda: FlagService(time.time))
    summaries: tuple[RolloutSummary, ...] = ()
    answer: AnswerView = field(default_factory=lambda: AnswerView("shop", "supersedes v1", "shop-2", changed=True))

    def __post_init__(self) -> None:
        self.flags._journal = self.store

    def _call(self, *call: Any) -> None:
        self.calls.append(call)
        if call[0] in self.fails:
            raise self.fails[call[0]]

    def _known(self, service: str) -> None:
        if service not in self.services:
            raise FerrymanError("unknown_service", f"there is no service {service!r} here", "did you mean 'shop'?")

    async def start(self) -> None:
        self._call("start")

    async def close(self) -> None:
        self._call("close")

    async def shutdown(self) -> None:
        self._call("shutdown")

    async def view(self, service: str) -> ServiceView:
        self._known(service)
        if self.script:
            self.services[service] = self.script.pop(0)
        return self.services[service]

    async def views(self) -> tuple[ServiceView, ...]:
        self._call("views")
        return tuple(self.services.values())

    async def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.services))

    async def measurements(self, service: str, rollout: str, points: int = 600) -> MeasurementSeries:
        self._known(service)
        self._call("measurements", service, rollout, points)
        return MeasurementSeries(rollout, 0)

    async def history(
        self, service: str | None, *, after: str = "", limit: int = 50, wanted: Callable[[str], bool] = bool
    ) -> tuple[RolloutSummary, ...]:
        if service is not None:
            self._known(service)
        self._call("history", service, limit)
        ids = [each.id for each in self.summaries]
        if after and after not in ids:
            raise FerrymanError("unknown_rollout", f"there is no rollout {after!r}")
        rest = self.summaries[ids.index(after) + 1 :] if after else self.summaries
        return tuple(each for each in rest if wanted(each.id.rpartition("-")[0]))[:limit]

    async def events(
        self,
        service: str | None,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        rollout: str | None = None,
    ) -> tuple[EventView, ...]:
        if service is not None:
            self._known(service)
        wanted = [e for e in self.log if e.position > after and rollout in {None, e.rollout}]
        if before is not None:
            return tuple([e for e in wanted if e.position < before][-limit:])
        return tuple(wanted[:limit])

    async def wait(self, after: int, timeout_seconds: float) -> int:
        newest = max((e.position for e in self.log), default=0)
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while newest <= after and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.005)
            newest = max((e.position for e in self.log), default=0)
        return newest

    async def postmortem(
        self, service: str, rollout: str, url: str, *, actor: str, reason: str = "", standing: str = ""
    ) -> AnswerView:
        return self._ask(service, standing, "postmortem", rollout, url, actor, reason)

    async def checklist(self, service: str) -> ChecklistView:
        self._known(service)
        self._call("checklist", service)
        items = tuple(ChecklistItem(name, phase, asks, Stand.PASS, "seen") for name, (phase, asks) in QUESTIONS.items())
        return ChecklistView(service, 1_700_000_000.0, None, items)

    async def logs(
        self, service: str, *, instance: str | None = None, label: str | None = None, lines: int = 100
    ) -> dict[str, str]:
        self._known(service)
        self._call("logs", service, instance, label, lines)
        return {"v2-1": "listening\nTraceback: no database"}

    async def verify(self, service: str) -> int:
        self._known(service)
        self._call("verify", service)
        return len(self.log)

    async def plan(self, document: str, file: str) -> tuple[Service, Plan, Revision]:
        release = parse_release(document, file)
        revision = make_revision(release, None, 1)
        return Service(name=release.service), compile_plan(release, revision.id, None), revision

    async def deploy(
        self,
        document: str,
        file: str,
        *,
        actor: str,
        base: str | None,
        reason: str,
        emergency: bool = False,
        account: str = "",
    ) -> AnswerView:
        parse_release(document, file)
        self.accounts.append(account)
        self._call("deploy", file, actor, base, reason, *(["emergency"] if emergency else []))
        return self.answer

    async def rollout(self, service: str, rollout: str) -> RolloutDetail:
        self._known(service)
        self._call("rollout", service, rollout)
        raise FerrymanError("unknown_rollout", f"there is no rollout {rollout!r}")

    @property
    def verbs(self) -> FakeController:
        return self

    def _ask(self, service: str, standing: str, *call: Any) -> AnswerView:
        self._known(service)
        if standing not in {"", self.services[service].standing}:
            raise Refused("moved_on", "ana was first: paused (3 s ago)", ("resume",), "look again, then decide")
        self._call(call[0], service, *call[1:])
        return self.answer

    async def verb(
        self,
        service: str,
        verb: Verb,
        *,
        actor: str,
        reason: str = "",
        full: bool = False,
        standing: str = "",
        emergency: bool = False,
    ) -> AnswerView:
        return self._ask(service, standing, "verb", verb, actor, reason, full, *(["emergency"] if emergency else []))

    async def freeze(
        self,
        service: str,
        *,
        actor: str,
        reason: str,
        until: float | None = None,
        rollback: bool = False,
        standing: str = "",
    ) -> AnswerView:
        return self._ask(service, standing, "freeze", actor, reason, until, rollback)

    async def unfreeze(self, service: str, *, actor: str, reason: str = "", standing: str = "") -> AnswerView:
        return self._ask(service, standing, "unfreeze", actor, reason)

    async def approve(
        self, service: str, *, actor: str, role: str, reason: str = "", gate: str | None = None, standing: str = ""
    ) -> AnswerView:
        return self._ask(service, standing, "approve", actor, role, reason, gate)

    async def deny(
        self, service: str, *, actor: str, role: str, reason: str = "", gate: str | None = None, standing: str = ""
    ) -> AnswerView:
        return self._ask(service, standing, "deny", actor, role, reason, gate)

    async def undo(
        self,
        service: str,
        *,
        actor: str,
        reason: str = "",
        to: str | None = None,
        with_steps: bool = False,
        force: bool = False,
        standing: str = "",
        emergency: bool = False,
        account: str = "",
    ) -> AnswerView:
        return self._ask(
            service, standing, "undo", actor, reason, to, with_steps, force, *(["emergency"] if emergency else [])
        )

    async def drill(
        self,
        service: str,
        *,
        actor: str,
        reason: str = "",
        traffic_percent: float = 0.0,
        hold_seconds: float = 10.0,
        standing: str = "",
    ) -> AnswerView:
        return self._ask(service, standing, "drill", actor, reason, traffic_percent, hold_seconds)

    async def down(self, service: str, *, actor: str, reason: str = "", standing: str = "") -> AnswerView:
        self._ask(service, standing, "down", actor, reason)
        return AnswerView(service, f"stopping {service}", None, changed=True)


@contextlib.contextmanager
def serving(
    fake: FakeController, project: Path, listen: Listen | None = None, settings: Settings | None = None
) -> Iterator[ControllerRecord]:
    """The real server over `fake`, in a thread of its own; ended by its own API."""
    ready: list[ControllerRecord] = []
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            given = settings or Settings(str(project))
            given = msgspec.structs.replace(given, listen=listen) if listen is not None else given
            asyncio.run(serve(fake, project, settings=given, on_ready=ready.append))
            ended.append(None)
        except BaseException as error:  # noqa: BLE001 -- told to the test below
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        eventually(lambda: ready or ended, what="the server")
        if ended:
            assert ended[0] is not None
            raise ended[0]
        yield ready[0]
    finally:
        if ready and not ended:
            with Client(Path(ready[0].socket)) as client, contextlib.suppress(FerrymanError):
                client.shutdown()
        thread.join(20)
        assert not thread.is_alive()
