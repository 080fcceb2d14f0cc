"""Several candidates against one stable side, each before a judge of its own: the variants of a flag.

    line["candidates"] = {"blue": arm, "red": arm}        beside line["arms"], where the candidate is all of them together

The worst of their words counts: one that fails takes the release back, and all must pass. The risk of a wrong fail (`alpha`
of the judge `betting`) is shared out among them, by Bonferroni's inequality, so that it is that of one comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from ferryman.analysis.betting.settings import OPTIONS
from ferryman.analysis.registry import DEFAULT
from ferryman.analysis.session import JudgeSession, StateError
from ferryman.model.evidence import Answer, Header, Verdict

ALONE = ""
"""The name of a candidate that is the only one."""

BY_WEIGHT = (Verdict.FAIL, Verdict.ERROR, Verdict.INSUFFICIENT, Verdict.CONTINUE, Verdict.PASS)
"""From the word that decides over all others to the one that all must say."""


class Panel:
    """One session for each candidate. With one candidate it is that session, to the bit."""

    def __init__(self, sessions: dict[str, JudgeSession]) -> None:
        self._sessions = sessions

    @classmethod
    def begin(cls, header: Header, names: tuple[str, ...] = ()) -> Panel:
        """Before the first line; without names there is one candidate. Raises `HeaderError`."""
        if len(names) < 2:
            return cls({ALONE: JudgeSession.begin(header)})
        shared = replace(header, spec=_shared(header.spec, len(names)))
        return cls({name: JudgeSession.begin(shared) for name in names})

    @classmethod
    def load(cls, text: str | bytes) -> Panel:
        """What was dumped as `text`. Raises `StateError`."""
        try:
            stored = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise StateError(f"the state is damaged: {problem}") from None
        if "candidates" not in stored:
            return cls({ALONE: JudgeSession.load(text)})
        try:
            states = msgspec.json.decode(stored["candidates"], type=dict[str, str])
        except msgspec.DecodeError as problem:
            raise StateError(f"the state is damaged: {problem}") from None
        return cls({name: JudgeSession.load(state) for name, state in states.items()})

    def dump(self) -> str:
        """Everything that is remembered, as one line of JSON."""
        if ALONE in self._sessions:
            return self._sessions[ALONE].dump()
        states = {name: session.dump() for name, session in self._sessions.items()}
        return msgspec.json.encode({"candidates": states}).decode()

    def observe(self, line: Mapping[str, Any]) -> Answer:
        """Answer one line; never raises on what the line holds."""
        if ALONE in self._sessions:
            return self._sessions[ALONE].observe(line)
        answers = {name: session.observe(_of(line, name)) for name, session in self._sessions.items()}
        worst = min(answers, key=lambda name: BY_WEIGHT.index(answers[name].verdict))
        return replace(answers[worst], evidence=self._named(worst, answers[worst].evidence))

    def record(self) -> dict[str, Any]:
        """The full record of the candidate that decides, and what is said of each."""
        if ALONE in self._sessions:
            return self._sessions[ALONE].record()
        worst = min(self._sessions, key=lambda name: BY_WEIGHT.index(self._word(name)))
        return self._named(worst, self._sessions[worst].record())

    def _word(self, name: str) -> Verdict:
        return self._sessions[name].verdict or Verdict.CONTINUE

    def _named(self, worst: str, evidence: dict[str, Any]) -> dict[str, Any]:
        said = {name: self._word(name).value for name in self._sessions}
        return {**evidence, "reason": f"{worst}: {evidence['reason']}", "candidate": worst, "candidates": said}


def _of(line: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The line as if that candidate were alone."""
    arms, candidates = line.get("arms"), line.get("candidates")
    if not isinstance(arms, dict) or not isinstance(candidates, dict):
        return dict(line)
    both = {**cast("dict[str, Any]", arms), "candidate": cast("dict[str, Any]", candidates).get(name)}
    return {**line, "arms": both}


def _shared(spec: Mapping[str, Any], count: int) -> dict[str, Any]:
    if spec.get("judge", DEFAULT) != DEFAULT:
        return dict(spec)
    alpha = spec.get("alpha", OPTIONS["alpha"].default)
    return {**spec, "alpha": alpha / count if isinstance(alpha, int | float) else alpha}
