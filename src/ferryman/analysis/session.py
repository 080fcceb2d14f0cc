"""One rollout before a judge: lines in, answers out, and a state that can be written down after any of them.

    session = JudgeSession.begin(header)
    answer = session.observe(line)
    text = session.dump()
    session = JudgeSession.load(text)   # goes on to the bit

This is where late and invalid lines end, counters become increments and a `fail` becomes final; a judge only ever sees
well-formed blocks in rising order of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ferryman.analysis.counters import Counted, counted, since
from ferryman.analysis.header import parse_header
from ferryman.analysis.judge import Finding, Judge
from ferryman.analysis.lines import InvalidLine, Place, read_arms, read_place, time_of
from ferryman.analysis.registry import judge_for, judge_named
from ferryman.model.errors import FerrymanError
from ferryman.model.evidence import Answer, Arm, Block, Gap, Header, Verdict

STATE_VERSION = 1
RECORD_SECONDS = 60.0
ORIGIN = "first line: the origin of the counters, not counted"


class StateError(FerrymanError):
    """A stored state that cannot be continued."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__("judge_state", message, "remove the state to begin the rollout anew")


class Progress(msgspec.Struct, array_like=True):
    """Where the session stands.

    `t`, `stage`, `stage_t` are those of the last line with data. `shown` is the verdict last answered, `reason` its
    reason, `recorded` the t of the last full record. `late`, `invalid`, `resets` count what was dropped or began anew.
    """

    t: float | None = None
    stage: int = -1
    stage_t: float = 0.0
    shown: Verdict | None = None
    reason: str = ""
    recorded: float = 0.0
    late: int = 0
    invalid: int = 0
    resets: int = 0
    stable: Counted | None = None
    candidate: Counted | None = None


class Stored(msgspec.Struct):
    """A session as it is written down. `judge_state` is the judge's own."""

    version: int
    judge: str
    rollout: str
    cumulative: bool
    buckets: int
    stages: list[tuple[float, float | None]]
    progress: Progress
    judge_state: msgspec.Raw


class JudgeSession:
    """See the module. `warnings` name options of the header that its judge does not know."""

    def __init__(self, judge: Judge, stored: Stored, judge_state: Any, warnings: list[str]) -> None:
        self._judge = judge
        self._stored = stored
        self._state = judge_state
        self._progress = progress = stored.progress
        self._counters: tuple[Counted | Arm, Counted | Arm] | None = None
        if progress.stable and progress.candidate:
            self._counters = progress.stable, progress.candidate
        self.warnings = warnings

    @classmethod
    def begin(cls, header: Header | Mapping[str, Any]) -> JudgeSession:
        """A session before its first line. Raises `HeaderError`."""
        if not isinstance(header, Header):
            header = parse_header(header)
        judge, warnings = judge_for(header.spec)
        stored = Stored(
            STATE_VERSION,
            judge.name,
            header.rollout,
            header.counters == "cumulative",
            len(header.bounds_ms) + 1,
            [(stage.weight, stage.seconds) for stage in header.stages],
            Progress(),
            msgspec.Raw(b"null"),
        )
        return cls(judge, stored, judge.start(header), warnings)

    @classmethod
    def load(cls, text: str | bytes) -> JudgeSession:
        """The session that was dumped as `text`. Raises `StateError`."""
        try:
            stored = msgspec.json.decode(text, type=Stored)
            if stored.version != STATE_VERSION:
                raise StateError(f"the state is of version {stored.version}, this program reads {STATE_VERSION}")
            judge = judge_named(stored.judge)
            state = msgspec.json.decode(stored.judge_state, type=judge.state_type)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise StateError(f"the state is damaged: {problem}") from None
        return cls(judge, stored, state, [])

    def dump(self) -> str:
        """Everything that is remembered, as one line of JSON; floats are in shortest round-trip form."""
        if self._counters:
            self._progress.stable, self._progress.candidate = map(counted, self._counters)
        self._stored.judge_state = msgspec.Raw(msgspec.json.encode(self._state))
        return msgspec.json.encode(self._stored).decode()

    @property
    def rollout(self) -> str:
        return self._stored.rollout

    @property
    def judge_name(self) -> str:
        return self._stored.judge

    @property
    def verdict(self) -> Verdict | None:
        """The present verdict; None before the first line."""
        return self._progress.shown

    @property
    def reason(self) -> str:
        return self._progress.reason

    @property
    def last_t(self) -> float | None:
        """When the last line with data ended; seconds since the rollout began."""
        return self._progress.t

    def record(self) -> dict[str, Any]:
        """The full record as it stands now, with `reason` and `dropped`."""
        return self._evidence(self._progress.reason, full=True)

    def observe(self, line: Mapping[str, Any]) -> Answer:
        """Answer one line; never raises on what the line holds."""
        progress = self._progress
        t = time_of(line)
        try:
            place = read_place(line)
        except InvalidLine as problem:
            return self._dropped(t, str(problem))
        assert t is not None
        if progress.t is not None and place.t <= progress.t:
            progress.late += 1
            return self._unchanged(t, f"late or repeated line dropped: t is {t:g}, the last was {progress.t:g}")
        if "arms" in line and line["arms"] is None:
            return self._gap(t, place, line.get("error"))
        try:
            readings = read_arms(line, self._stored.buckets)
        except InvalidLine as problem:
            return self._dropped(t, str(problem))
        block = self._block(place, readings)
        if progress.shown is Verdict.FAIL:
            return self._settled(t, place, Finding(Verdict.FAIL, progress.reason), stage_end=False)
        if block is None:
            return self._settled(t, place, Finding(Verdict.CONTINUE, ORIGIN), stage_end=False)
        return self._settled(t, place, self._judge.observe(self._state, block), stage_end=block.stage_end)

    def drop(self, reason: str) -> Answer:
        """Answer something that is no line at all."""
        self._progress.invalid += 1
        return Answer(None, Verdict.ERROR, self._evidence(reason, full=False))

    def _dropped(self, t: float | None, reason: str) -> Answer:
        """Answer a line that cannot be used, leaving everything as it was."""
        progress = self._progress
        progress.invalid += 1
        if progress.shown is Verdict.FAIL:
            return Answer(t, Verdict.FAIL, self._evidence(progress.reason, full=False))
        return Answer(t, Verdict.ERROR, self._evidence(reason, full=False))

    def _unchanged(self, t: float, reason: str) -> Answer:
        """Answer with the present verdict."""
        shown = self._progress.shown or Verdict.CONTINUE
        said = self._progress.reason if shown is Verdict.FAIL else reason
        return Answer(t, shown, self._evidence(said, full=False))

    def _gap(self, t: float, place: Place, error: object) -> Answer:
        """Answer a line without data. It takes no time: the next block is longer."""
        progress = self._progress
        if progress.shown is Verdict.FAIL:
            return self._unchanged(t, progress.reason)
        text = error if isinstance(error, str) and error else "the provider gave no reason"
        gap = Gap(t=place.t, stage=place.stage, stage_t=place.stage_t, error=text[:500])
        return self._answer(t, place.t, self._judge.silent(self._state, gap), stage_end=False)

    def _settled(self, t: float, place: Place, finding: Finding, *, stage_end: bool) -> Answer:
        """Move on to `place` and answer with `finding`."""
        progress = self._progress
        progress.t, progress.stage, progress.stage_t = place.t, place.stage, place.stage_t
        return self._answer(t, place.t, finding, stage_end=stage_end)

    def _answer(self, t: float, now: float, finding: Finding, *, stage_end: bool) -> Answer:
        progress = self._progress
        full = finding.verdict is not progress.shown or stage_end or now - progress.recorded >= RECORD_SECONDS
        progress.shown, progress.reason = finding.verdict, finding.reason
        if full:
            progress.recorded = now
        return Answer(t, finding.verdict, self._evidence(finding.reason, full=full))

    def _evidence(self, reason: str, *, full: bool) -> dict[str, Any]:
        progress = self._progress
        dropped = {"late": progress.late, "invalid": progress.invalid, "resets": progress.resets}
        return {"reason": reason, "dropped": dropped, **self._judge.record(self._state, full=full)}

    def _block(self, place: Place, readings: tuple[Arm, Arm]) -> Block | None:
        """What happened since the line before; None for the origin of cumulative counters."""
        arms = self._increments(readings)
        if arms is None:
            return None
        progress, stages = self._progress, self._stored.stages
        # A first line has no line before it: it reaches back to the beginning of its stage.
        seconds = place.stage_t if progress.t is None else place.t - progress.t
        if place.stage == progress.stage and place.stage_t >= progress.stage_t:
            begin = progress.stage_t
        else:
            begin = max(place.stage_t - seconds, 0.0)
        weight = place.weight if place.weight is not None else stages[min(place.stage, len(stages) - 1)][0]
        planned = stages[place.stage][1] if place.stage < len(stages) else None
        return Block(
            t=place.t,
            seconds=seconds,
            stage=place.stage,
            stage_t=place.stage_t,
            begin=begin,
            weight_percent=weight,
            stage_end=planned is not None and begin < planned <= place.stage_t,
            stable=arms[0],
            candidate=arms[1],
        )

    def _increments(self, readings: tuple[Arm, Arm]) -> tuple[Arm, Arm] | None:
        stable, candidate = readings
        if not self._stored.cumulative:
            return readings
        before, self._counters = self._counters, readings
        if before is None:
            return None
        stable_arm, stable_fell = since(stable, before[0])
        candidate_arm, candidate_fell = since(candidate, before[1])
        self._progress.resets += stable_fell + candidate_fell
        return stable_arm, candidate_arm
