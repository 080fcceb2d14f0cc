"""The protocol of `ferry judge`: raw lines of JSON in, one answer out for each that is no header."""

from __future__ import annotations

import json
from typing import Any, cast

from ferryman.analysis.header import parse_header
from ferryman.analysis.lines import time_of
from ferryman.analysis.session import JudgeSession
from ferryman.model.evidence import Answer, Header, Verdict

HEADER_KEY = "judge_protocol"


class JudgeStream:
    """Rollouts one after the other.

    A header begins a rollout. Where the stream continues a stored session, the first header that names its rollout
    continues it. A header that names the rollout under way is a repetition if time goes on after it, and begins the
    rollout anew if time does.
    """

    def __init__(self, stored: str | None = None) -> None:
        """`stored` is what `dump` gave. Raises `StateError`."""
        self.session = JudgeSession.load(stored) if stored else None
        self._restored = self.session is not None
        self._repeated: Header | None = None
        self._warnings: list[str] = []

    def feed(self, line: str | bytes) -> Answer | None:
        """The answer to a line; None to a header. Raises `HeaderError`."""
        try:
            parsed: object = json.loads(line)
        except (ValueError, RecursionError):
            return self._unusable("not JSON")
        if not isinstance(parsed, dict):
            return self._unusable("not a JSON object")
        raw = cast("dict[str, Any]", parsed)
        if HEADER_KEY in raw:
            self._begin(parse_header(raw))
            return None
        return self._observe(raw)

    def dump(self) -> str | None:
        """The present session as text; None before the first header."""
        return self.session.dump() if self.session else None

    def take_warnings(self) -> list[str]:
        """What was worth saying about headers since the last call."""
        warnings, self._warnings = self._warnings, []
        return warnings

    def _begin(self, header: Header) -> None:
        if self.session is None or self.session.rollout != header.rollout:
            self._start(header)
        elif self._restored:
            self._repeated = None
        else:
            self._repeated = header
        self._restored = False

    def _start(self, header: Header) -> None:
        self.session = JudgeSession.begin(header)
        self._warnings += self.session.warnings
        self._repeated = None

    def _observe(self, line: dict[str, Any]) -> Answer:
        if self.session is None:
            dropped = {"late": 0, "invalid": 1, "resets": 0}
            return Answer(
                time_of(line), Verdict.ERROR, {"reason": "a line before the first header", "dropped": dropped}
            )
        t, last = time_of(line), self.session.last_t
        if self._repeated and t is not None:
            if last is not None and t <= last:
                self._start(self._repeated)
            self._repeated = None
        self._restored = False
        return self.session.observe(line)

    def _unusable(self, why: str) -> Answer:
        if self.session:
            return self.session.drop(f"unusable line: {why}")
        return Answer(
            None, Verdict.ERROR, {"reason": f"unusable line: {why}", "dropped": {"late": 0, "invalid": 1, "resets": 0}}
        )


def encode(answer: Answer) -> str:
    """An answer as one line of JSON, without the line end."""
    whole = {"t": answer.t, "verdict": answer.verdict.value, "evidence": answer.evidence}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
