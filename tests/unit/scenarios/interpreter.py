"""Runs a scenario on the playbook: `given` settles the release and what serves, `when` does things, `then` tells what
came of it. The `then` parts are written by the interpreter itself and compared with the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ferryman.core.approving import approve, deny
from ferryman.core.freezing import freeze, unfreeze
from ferryman.core.phases import Verb
from ferryman.core.verbs import Answer
from ferryman.model.errors import Refused
from ferryman.model.plan import Phase
from ferryman.model.seen import InstanceState
from unit.playbook import Book
from unit.scenarios.language import Wish, seconds
from unit.scenarios.telling import state, told

TICKS_MAX = 800
VERBS = {
    "promote": Verb.PROMOTE,
    "promote in full": Verb.FULL,
    "pause": Verb.PAUSE,
    "resume": Verb.RESUME,
    "abort": Verb.ABORT,
    "retry": Verb.RETRY,
    "restart": Verb.RESTART,
}


class Scenario:
    """One file being run."""

    def __init__(self) -> None:
        self.book = Book()
        self.wish = Wish()
        self.said: list[str] = []
        self.told = 0
        self.began = self.book.now

    def given(self, line: str) -> None:
        """A setting, or what serves already."""
        word, _, value = line.partition(":")
        value = value.strip()
        if word != "serving":
            self.wish.settings[word] = value
            return
        for label in value.split(", then "):
            self.book.deploy(self.wish.release(label))
            self.book.run()
        self.began, self.told = self.book.now, len(self.book.events)
        self._fresh_marks()

    def when(self, line: str) -> None:
        """One thing to do."""
        for pattern, act in DEEDS:
            found = re.fullmatch(pattern, line)
            if found:
                act(self, *found.groups())
                return
        raise AssertionError(f"nobody knows how to do {line!r}")

    def then(self) -> list[str]:
        """What came of it since the last time."""
        book = self.book
        lines = [*self.said, *(told(e, self.began) for e in book.events[self.told :]), *state(book, self.began)]
        if book.low_available < 10**6:
            lines.append(
                f"    meanwhile never fewer than {book.low_available} ready, never more than {book.high_total}"
            )
        self.said, self.told = [], len(book.events)
        self._fresh_marks()
        return lines

    def answer(self, ask: Callable[[], Answer]) -> None:
        """Ask, and keep what was said; a refusal leaves everything as it was."""
        before = self.book.service
        try:
            self.said.append(f"  > {ask().text}")
        except Refused as refusal:
            assert self.book.service == before
            self.said.append(f"  > refused !{refusal.code}: {refusal.message}")
            self.said.append(f"    legal: {', '.join(refusal.legal)}")

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Let time pass until something is so."""
        for _ in range(TICKS_MAX):
            self.book.tick()
            if done():
                return
        raise AssertionError(f"never {what}: {self.book.story()}")

    def _fresh_marks(self) -> None:
        self.book.low_available, self.book.high_total = 10**6, 0


def _deploy(run: Scenario, label: str, more: str | None, base: str | None) -> None:
    wish = run.wish.with_text(more or "")
    seen = None if base is None else "" if base == "nothing" else base
    run.answer(lambda: run.book.deploy(wish.release(label), base=seen))


def _verb(run: Scenario, word: str) -> None:
    run.answer(lambda: run.book.verb(VERBS[word]))


def _undo(run: Scenario, label: str | None) -> None:
    run.answer(lambda: run.book.undo(to=label))


def _drill(run: Scenario, percent: str | None, hold: str | None) -> None:
    share = float(percent or 0.0)
    run.answer(lambda: run.book.drill(traffic_percent=share, hold_seconds=seconds(hold) if hold else 10.0))


def _answer(run: Scenario, who: str, word: str, role: str | None, reason: str | None) -> None:
    ask = approve if word == "approves" else deny
    book = run.book
    run.answer(
        lambda: book.take(ask(book.service, actor=who, role=role or "operator", now=book.now, reason=reason or ""))
    )


def _freeze(run: Scenario, time: str | None, back: str | None, reason: str) -> None:
    book = run.book
    until = None if time is None else book.now + seconds(time)
    run.answer(
        lambda: book.take(
            freeze(book.service, actor="ana", now=book.now, reason=reason, until=until, rollback=bool(back))
        )
    )


def _unfreeze(run: Scenario) -> None:
    run.answer(lambda: run.book.take(unfreeze(run.book.service, actor="ana")))


def _emergency(run: Scenario, what: str, label: str | None, reason: str | None) -> None:
    book, why = run.book, reason or ""
    match what:
        case "promote":
            run.answer(lambda: book.verb(Verb.PROMOTE, reason=why, emergency=True))
        case "undo":
            run.answer(lambda: book.undo(to=label, reason=why, emergency=True))
        case _:
            run.answer(lambda: book.deploy(run.wish.release(label or ""), reason=why, emergency=True))


def _until_phase(run: Scenario, phase: str) -> None:
    wanted = Phase(phase.replace(" ", "_"))
    run.until(lambda: run.book.rollout.phase is wanted, phase)


def _until_step(run: Scenario, name: str) -> None:
    run.until(lambda: run.book.rollout.current.name == name and run.book.rollout.reached_at is not None, name)


def _until_entered(run: Scenario, name: str) -> None:
    run.until(lambda: run.book.rollout.current.name == name, name)


def _until_ended(run: Scenario) -> None:
    run.until(lambda: run.book.rollout.phase.terminal and not run.book.service.queue, "ended")


def _wait(run: Scenario, time: str) -> None:
    for _ in range(int(seconds(time))):
        run.book.tick()


def _ready(run: Scenario, label: str, how: str) -> None:
    sets = {"never becomes ready": run.book.never_ready, "crashes when started": run.book.crashing}
    for known in sets.values():
        known.discard(label)
    if how in sets:
        sets[how].add(label)


def _lose(run: Scenario, count: str, label: str) -> None:
    run.book.crash(label, int(count))


def _unready(run: Scenario, count: str, label: str) -> None:
    run.book.crash(label, int(count), InstanceState.UNREADY)


def _limit(run: Scenario, count: str, label: str) -> None:
    run.book.ready_limit[label] = int(count)


def _judge(run: Scenario, always: str | None, verdict: str) -> None:
    run.book.judge(verdict, follows=bool(always))


def _missing(run: Scenario) -> None:
    run.book.evidence_is_missing()


def _back(run: Scenario) -> None:
    run.book.evidence_is_back()


def _down(run: Scenario) -> None:
    run.answer(run.book.down)


def _checks(run: Scenario, outcome: str) -> None:
    run.book.check_outcome = {"fail": "failed", "pass": "passed"}[outcome]


DEEDS: list[tuple[str, Callable[..., None]]] = [
    (r"deploy (\S+)(?: with (.+?))?(?:, having seen (\S+))?", _deploy),
    (f"({'|'.join(VERBS)})", _verb),
    (r"undo(?: to (\S+))?", _undo),
    (r"drill(?: with (\S+)%(?: for (\S+))?)?", _drill),
    (r"freeze(?: for (\S+))?( with rollback)?: ?(.*)", _freeze),
    (r"unfreeze", _unfreeze),
    (r"in an emergency (promote|undo|deploy)(?: (\S+))?(?:: (.+))?", _emergency),
    (r"(\w+) (approves|denies)(?: as (\w+))?(?:: (.+))?", _answer),
    (r"until ended", _until_ended),
    (r"until step '(.+)'", _until_step),
    (r"until it enters '(.+)'", _until_entered),
    (r"until (.+)", _until_phase),
    (r"wait (\S+)", _wait),
    (r"(\S+) (never becomes ready|crashes when started|is well again)", _ready),
    (r"(\d+) of (\S+) die", _lose),
    (r"(\d+) of (\S+) stop answering", _unready),
    (r"at most (\d+) of (\S+) become ready", _limit),
    (r"the judge (always )?says (\w+)", _judge),
    (r"checks (fail|pass)", _checks),
    (r"evidence is missing", _missing),
    (r"evidence is back", _back),
    (r"down", _down),
]


def run_scenario(path: Path) -> str:
    """The text of the file with its `then` parts as they come out."""
    run, out, part = Scenario(), list[str](), ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            part = line
        if part == "then":
            if line == "then":
                out += ["then", *run.then(), ""]
            continue
        out.append(line)
        if line.startswith("  "):
            (run.given if part == "given" else run.when)(line.strip())
    return "\n".join(out).rstrip() + "\n"
