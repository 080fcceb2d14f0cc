"""The pure rooms alone: the playbook as a stage. Its time goes in whole seconds, and its word is the golden one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ferryman.core.phases import Verb
from ferryman.core.verbs import Answer
from ferryman.model.event import Event
from ferryman.model.release import FlagExposure, Release
from ferryman.model.rollout import Service
from ferryman.model.seen import LIVE_STATES, FlagSeen, InstanceState
from ferryman.model.world import FlagShare
from scenes.language import KEY
from scenes.stage import Look, Side, exposed
from unit.playbook import Book

TICKS_MAX = 800
NOTHING_SEEN = 10**6


class PureStage:
    """See `Stage`."""

    def __init__(self) -> None:
        self.book = Book()

    def now(self) -> float:
        return self.book.now

    def service(self) -> Service:
        return self.book.service

    def events(self) -> Sequence[Event]:
        return self.book.events

    def look(self) -> Look:
        book = self.book
        labels = {i.revision for i in book.instances.values() if i.state in LIVE_STATES} | set(book.routes.weights)
        sides = {label: self._side(label) for label in labels}
        matches = [(m.kind, m.name, m.value, m.revision) for m in book.matches]
        flag = book.flags.get(("prod", KEY), FlagSeen(FlagShare("prod", KEY)))
        current = book.service.current
        of_flag = current is not None and isinstance(current.release.strategy, FlagExposure)
        told = exposed(flag.share, flag.override) if of_flag else ""
        return Look(sides, book.routed, book.routes.preview, told, matches)

    def _side(self, label: str) -> Side:
        book = self.book
        mine = [i for i in book.instances.values() if i.revision == label]
        live = sum(i.state in LIVE_STATES for i in mine)
        oldest = min((i.started_at for i in mine), default=book.now)
        return Side(book.ready(label), live, book.weight(label), oldest)

    def marks(self) -> tuple[int, int] | None:
        found = self.book.low_available, self.book.high_total
        self.book.low_available, self.book.high_total = NOTHING_SEEN, 0
        return found if found[0] < NOTHING_SEEN else None

    def serve(self, of: Release) -> None:
        self.book.deploy(of)
        self.book.run()

    def deploy(self, of: Release, base: str | None) -> Answer:
        return self.book.deploy(of, base=base)

    def verb(self, verb: Verb) -> Answer:
        return self.book.verb(verb)

    def undo(self, to: str | None) -> Answer:
        return self.book.undo(to=to)

    def down(self) -> Answer:
        return self.book.down()

    def ask(self, question: Callable[[Service, float], Answer]) -> Answer:
        return self.book.take(question(self.book.service, self.book.now))

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.book.tick()

    def until(self, done: Callable[[], bool], what: str) -> None:
        for _ in range(TICKS_MAX):
            self.book.tick()
            if done():
                return
        raise AssertionError(f"never {what}: {self.book.story()}")

    def nature(self, label: str, how: str) -> None:
        sets = {"never becomes ready": self.book.never_ready, "crashes when started": self.book.crashing}
        for known in sets.values():
            known.discard(label)
        if how in sets:
            sets[how].add(label)

    def lose(self, label: str, count: int, *, die: bool) -> None:
        self.book.crash(label, count, InstanceState.FAILED if die else InstanceState.UNREADY)

    def limit(self, label: str, count: int) -> None:
        self.book.ready_limit[label] = count

    def judge(self, verdict: str, *, always: bool) -> None:
        self.book.judge(verdict, follows=always)

    def override(self, kind: str) -> None:
        self.book.override(KEY, kind)

    def evidence(self, *, missing: bool) -> None:
        if missing:
            self.book.evidence_is_missing()
        else:
            self.book.evidence_is_back()

    def checks(self, outcome: str) -> None:
        self.book.check_outcome = outcome
