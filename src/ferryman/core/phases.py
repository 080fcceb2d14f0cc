"""The one phase table: what each verb does in each phase. The diagram in the docs is made from it."""

from __future__ import annotations

from enum import StrEnum

from ferryman.model.plan import Phase


class Verb(StrEnum):
    """What a person may ask for."""

    DEPLOY = "deploy"
    PROMOTE = "promote"
    FULL = "promote --full"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    RETRY = "retry"
    UNDO = "undo"
    RESTART = "restart"


class Act(StrEnum):
    """What then happens; `REFUSE` is the refusal of the verb's own code, the last three refuse by their own."""

    REFUSE = "-"
    START = "start"
    SUPERSEDE = "supersede"
    QUEUE = "queue"
    NEXT = "next"
    FULL = "full"
    END_BAKE = "end bake"
    HOLD = "hold"
    RESUME = "resume"
    ABORT = "abort"
    AGAIN = "again"
    BACK_ON = "back on"
    UNDO = "undo"
    UNDO_TO = "undo --to"
    ROLL = "roll"
    NOTHING = "no-op"
    ROLLING_BACK = "!rolling_back"
    SUPERSEDED = "!superseded_by"


REFUSAL = {
    Verb.PROMOTE: "no_candidate",
    Verb.FULL: "no_candidate",
    Verb.PAUSE: "not_running",
    Verb.RESUME: "not_paused",
    Verb.ABORT: "not_running",
    Verb.RETRY: "not_retryable",
    Verb.UNDO: "no_target",
    Verb.RESTART: "busy",
    Verb.DEPLOY: "busy",
}

_A = Act
_COLUMNS = (
    Verb.DEPLOY,
    Verb.PROMOTE,
    Verb.FULL,
    Verb.PAUSE,
    Verb.RESUME,
    Verb.ABORT,
    Verb.RETRY,
    Verb.UNDO,
    Verb.RESTART,
)
_REFUSE = _A.REFUSE
_EARLY = (_A.SUPERSEDE, _REFUSE, _A.FULL, _A.HOLD, _REFUSE, _A.ABORT, _REFUSE, _A.ABORT, _REFUSE)
_MOVING = (_A.SUPERSEDE, _A.NEXT, _A.FULL, _A.HOLD, _REFUSE, _A.ABORT, _REFUSE, _A.ABORT, _A.ROLL)
_BACK = _A.ROLLING_BACK
_GONE = _A.SUPERSEDED

_ROWS: dict[Phase, tuple[Act, ...]] = {
    Phase.PENDING: _EARLY,
    Phase.CHECKING: _EARLY,
    Phase.EXPANDING: _EARLY,
    Phase.STARTING: _EARLY,
    Phase.PROMOTING: _EARLY,
    Phase.PROGRESSING: _MOVING,
    Phase.ANALYSING: _MOVING,
    Phase.PAUSED: (_A.SUPERSEDE, _A.NEXT, _A.FULL, _A.HOLD, _A.RESUME, _A.ABORT, _REFUSE, _A.ABORT, _A.ROLL),
    Phase.BAKING: (
        _A.SUPERSEDE,
        _A.END_BAKE,
        _A.END_BAKE,
        _A.HOLD,
        _REFUSE,
        _A.ABORT,
        _REFUSE,
        _A.ABORT,
        _A.ROLL,
    ),
    Phase.FINISHING: (_A.QUEUE, _REFUSE, _REFUSE, _REFUSE, _REFUSE, _REFUSE, _REFUSE, _A.UNDO, _REFUSE),
    Phase.ABORTING: (_A.QUEUE, _BACK, _BACK, _REFUSE, _REFUSE, _A.NOTHING, _BACK, _A.NOTHING, _BACK),
    Phase.PROMOTED: (_A.START, _REFUSE, _REFUSE, _REFUSE, _REFUSE, _REFUSE, _REFUSE, _A.UNDO, _A.ROLL),
    Phase.ROLLED_BACK: (_A.START, _REFUSE, _A.AGAIN, _REFUSE, _REFUSE, _REFUSE, _A.AGAIN, _A.UNDO_TO, _A.ROLL),
    Phase.FAILED: (_A.START, _REFUSE, _REFUSE, _REFUSE, _REFUSE, _A.BACK_ON, _A.BACK_ON, _A.UNDO, _A.ROLL),
    Phase.SUPERSEDED: (_A.START, _GONE, _GONE, _GONE, _GONE, _GONE, _GONE, _GONE, _GONE),
}

TABLE: dict[Phase, dict[Verb, Act]] = {phase: dict(zip(_COLUMNS, row, strict=True)) for phase, row in _ROWS.items()}

_NO_ROLLOUT: dict[Verb, Act] = {verb: _A.START if verb is Verb.DEPLOY else _REFUSE for verb in _COLUMNS}
_REFUSED = frozenset({_A.REFUSE, _A.ROLLING_BACK, _A.SUPERSEDED})


def act(phase: Phase | None, verb: Verb) -> Act:
    """What `verb` does in `phase`; None: the service has no rollout yet."""
    return (_NO_ROLLOUT if phase is None else TABLE[phase])[verb]


def legal(phase: Phase | None) -> tuple[str, ...]:
    """The verbs that are not refused in `phase`."""
    row = _NO_ROLLOUT if phase is None else TABLE[phase]
    return tuple(verb.value for verb, what in row.items() if what not in _REFUSED)


# The moves that `decide` makes by itself, for the diagram and for the test that walks every golden scenario.
MOVES: frozenset[tuple[Phase, Phase]] = frozenset(
    {(Phase.PENDING, Phase.CHECKING), (Phase.CHECKING, Phase.EXPANDING), (Phase.EXPANDING, Phase.STARTING)}
    | {(Phase.CHECKING, p) for p in (Phase.STARTING, Phase.PROGRESSING, Phase.PROMOTING)}
    | {(Phase.STARTING, p) for p in (Phase.PROGRESSING, Phase.PROMOTING)}
    | {(Phase.PROGRESSING, p) for p in (Phase.ANALYSING, Phase.PAUSED, Phase.PROMOTING, Phase.STARTING)}
    | {(Phase.ANALYSING, p) for p in (Phase.PROGRESSING, Phase.PAUSED, Phase.PROMOTING, Phase.STARTING)}
    | {(Phase.PROMOTING, p) for p in (Phase.BAKING, Phase.FINISHING, Phase.PROMOTED, Phase.PAUSED)}
    | {(Phase.BAKING, p) for p in (Phase.FINISHING, Phase.PROMOTED, Phase.PAUSED)}
    | {(Phase.STARTING, Phase.PAUSED), (Phase.CHECKING, Phase.PAUSED), (Phase.FINISHING, Phase.PROMOTED)}
    | {
        (Phase.PAUSED, p)
        for p in (Phase.CHECKING, Phase.STARTING, Phase.PROGRESSING, Phase.ANALYSING, Phase.PROMOTING, Phase.BAKING)
    }
    | {
        (p, Phase.ABORTING)
        for p in Phase
        if not p.terminal and p not in (Phase.ABORTING, Phase.FINISHING, Phase.PENDING)
    }
    | {(Phase.ABORTING, p) for p in (Phase.ROLLED_BACK, Phase.SUPERSEDED, Phase.FAILED)}
    | {(Phase.ROLLED_BACK, Phase.CHECKING), (Phase.FAILED, Phase.ABORTING)}
)
