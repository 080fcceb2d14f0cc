"""Runs a scenario on a stage: `given` settles the release and what serves, `when` does things, `then` tells what
came of it. The `then` parts are written by the interpreter itself and compared with the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ferryman.core.approving import approve, deny
from ferryman.core.freezing import freeze, unfreeze
from ferryman.core.phases import Verb
from ferryman.core.verbs import Answer, command, deploy, drill, undo
from ferryman.model.errors import Refused
from ferryman.model.event import Noted
from ferryman.model.plan import Phase
from ferryman.model.rollout import Service
from scenes.language import Wish, seconds
from scenes.stage import ACTOR, Stage, rollout_of
from scenes.telling import state, told
from unit.playbook import revision

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
    """One file being run on one stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.wish = Wish()
        self.said: list[str] = []
        self.told = 0
        self.began = stage.now()

    def given(self, line: str) -> None:
        """A setting, or what serves already."""
        word, _, value = line.partition(":")
        value = value.strip()
        if word != "serving":
            self.wish.settings[word] = value
            return
        for label in value.split(", then "):
            self.stage.serve(self.wish.release(label))
        self.began, self.told = self.stage.now(), len(self.stage.events())
        self.stage.marks()

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
        events = self.stage.events()
        lines = [*self.said, *(told(e, self.began) for e in events[self.told :] if not isinstance(e.body, Noted))]
        lines += state(self.stage.service(), self.stage.look(), self.began)
        marks = self.stage.marks()
        if marks is not None:
            lines.append(f"    meanwhile never fewer than {marks[0]} ready, never more than {marks[1]}")
        self.said, self.told = [], len(events)
        return lines

    def answer(self, ask: Callable[[], Answer]) -> None:
        """Ask, and keep what was said; a refusal leaves everything as it was."""
        before = self.stage.service()
        try:
            self.said.append(f"  > {ask().text}")
        except Refused as refusal:
            assert self.stage.service().seq == before.seq
            self.said.append(f"  > refused !{refusal.code}: {refusal.message}")
            self.said.append(f"    legal: {', '.join(refusal.legal)}")


def _deploy(run: Scenario, label: str, more: str | None, base: str | None) -> None:
    wish = run.wish.with_text(more or "")
    seen = None if base is None else "" if base == "nothing" else base
    run.answer(lambda: run.stage.deploy(wish.release(label), seen))


def _verb(run: Scenario, word: str) -> None:
    run.answer(lambda: run.stage.verb(VERBS[word]))


def _undo(run: Scenario, label: str | None) -> None:
    run.answer(lambda: run.stage.undo(label))


def _drill(run: Scenario, percent: str | None, hold: str | None) -> None:
    share, held = float(percent or 0.0), seconds(hold) if hold else 10.0
    run.answer(
        lambda: run.stage.ask(
            lambda service, now: drill(service, actor=ACTOR, traffic_percent=share, hold_seconds=held)
        )
    )


def _answer(run: Scenario, who: str, word: str, role: str | None, reason: str | None) -> None:
    said = approve if word == "approves" else deny
    run.answer(
        lambda: run.stage.ask(
            lambda service, now: said(service, actor=who, role=role or "operator", now=now, reason=reason or "")
        )
    )


def _freeze(run: Scenario, time: str | None, back: str | None, reason: str) -> None:
    def question(service: Service, now: float) -> Answer:
        until = None if time is None else now + seconds(time)
        return freeze(service, actor=ACTOR, now=now, reason=reason, until=until, rollback=bool(back))

    run.answer(lambda: run.stage.ask(question))


def _unfreeze(run: Scenario) -> None:
    run.answer(lambda: run.stage.ask(lambda service, now: unfreeze(service, actor=ACTOR)))


def _emergency(run: Scenario, what: str, label: str | None, reason: str | None) -> None:
    why = reason or ""

    def question(service: Service, now: float) -> Answer:
        match what:
            case "promote":
                return command(service, Verb.PROMOTE, actor=ACTOR, now=now, reason=why, emergency=True)
            case "undo":
                return undo(service, actor=ACTOR, now=now, to=label, reason=why, emergency=True)
            case _:
                of = run.wish.release(label or "")
                return deploy(service, of, revision(of), actor=ACTOR, now=now, reason=why, emergency=True)

    run.answer(lambda: run.stage.ask(question))


def _until_phase(run: Scenario, phase: str) -> None:
    wanted = Phase(phase.replace(" ", "_"))
    run.stage.until(lambda: (r := rollout_of(run.stage)) is not None and r.phase is wanted, phase)


def _until_step(run: Scenario, name: str) -> None:
    def there() -> bool:
        rollout = rollout_of(run.stage)
        return rollout is not None and rollout.current.name == name and rollout.reached_at is not None

    run.stage.until(there, name)


def _until_entered(run: Scenario, name: str) -> None:
    run.stage.until(lambda: (r := rollout_of(run.stage)) is not None and r.current.name == name, name)


def _until_ended(run: Scenario) -> None:
    def ended() -> bool:
        rollout = rollout_of(run.stage)
        return rollout is not None and rollout.phase.terminal and not run.stage.service().queue

    run.stage.until(ended, "ended")


def _wait(run: Scenario, time: str) -> None:
    run.stage.wait(seconds(time))


def _nature(run: Scenario, label: str, how: str) -> None:
    run.stage.nature(label, how)


def _lose(run: Scenario, count: str, label: str) -> None:
    run.stage.lose(label, int(count), die=True)


def _unready(run: Scenario, count: str, label: str) -> None:
    run.stage.lose(label, int(count), die=False)


def _limit(run: Scenario, count: str, label: str) -> None:
    run.stage.limit(label, int(count))


def _judge(run: Scenario, always: str | None, verdict: str) -> None:
    run.stage.judge(verdict, always=bool(always))


def _override(run: Scenario, how: str) -> None:
    run.stage.override("" if how.startswith("no more") else how)


def _missing(run: Scenario) -> None:
    run.stage.evidence(missing=True)


def _back(run: Scenario) -> None:
    run.stage.evidence(missing=False)


def _down(run: Scenario) -> None:
    run.answer(run.stage.down)


def _checks(run: Scenario, outcome: str) -> None:
    run.stage.checks({"fail": "failed", "pass": "passed"}[outcome])


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
    (r"(\S+) (never becomes ready|crashes when started|is well again)", _nature),
    (r"(\d+) of (\S+) die", _lose),
    (r"(\d+) of (\S+) stop answering", _unready),
    (r"at most (\d+) of (\S+) become ready", _limit),
    (r"the judge (always )?says (\w+)", _judge),
    (r"checks (fail|pass)", _checks),
    (r"the flag is (killed|tripped|no more killed|no more tripped)", _override),
    (r"evidence is missing", _missing),
    (r"evidence is back", _back),
    (r"down", _down),
]


def run_scenario(path: Path, stage: Stage) -> str:
    """The text of the file with its `then` parts as they come out on this stage."""
    run, out, part = Scenario(stage), list[str](), ""
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
