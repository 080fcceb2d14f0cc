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


BESIDE: dict[str, tuple[str, str, str]] = {
    "approve": ("something waits for an approval", "no_gate", "one person's word; with the last one needed it goes on"),
    "deny": ("something waits for an approval", "no_gate", "the release goes back"),
    "freeze": ("always", "", "no more users meet any candidate, until its time is over; going back is not held"),
    "unfreeze": ("always", "", "what the freeze held goes on"),
}
"""Verbs that are legal by what waits, not by the phase: when, refused as, what happens. While an approval is waited for,
`promote` and `resume` are refused as ``approval_needed``, behind a freeze as ``frozen``, before a release window as
``window_closed``."""


def act(phase: Phase | None, verb: Verb) -> Act:
    """What `verb` does in `phase`; None: the service has no rollout yet."""
    return (_NO_ROLLOUT if phase is None else TABLE[phase])[verb]


def legal(phase: Phase | None) -> tuple[str, ...]:
    """The verbs that are not refused in `phase`."""
    row = _NO_ROLLOUT if phase is None else TABLE[phase]
    return tuple(verb.value for verb, what in row.items() if what not in _REFUSED)


_FORWARD = tuple(p for p in Phase if not p.terminal and p not in (Phase.PENDING, Phase.FINISHING, Phase.ABORTING))
_ENTERED = tuple(p for p in _FORWARD if p is not Phase.CHECKING)
_WAITING = (Phase.PENDING, Phase.CHECKING)
_RESUMED = tuple(p for p in _ENTERED if p not in (Phase.PAUSED, Phase.ANALYSING))

# The moves that `decide` makes by itself.
MOVES: frozenset[tuple[Phase, Phase]] = frozenset(
    {(Phase.PENDING, Phase.CHECKING), (Phase.CHECKING, Phase.EXPANDING)}
    | {(Phase.EXPANDING, p) for p in (Phase.STARTING, Phase.PROGRESSING, Phase.PROMOTING)}
    | {(Phase.CHECKING, p) for p in (Phase.STARTING, Phase.PROGRESSING, Phase.PROMOTING)}
    | {(Phase.STARTING, p) for p in (Phase.PROGRESSING, Phase.PROMOTING)}
    | {(Phase.PROGRESSING, p) for p in (Phase.ANALYSING, Phase.PROMOTING, Phase.STARTING)}
    | {(Phase.ANALYSING, p) for p in (Phase.PROGRESSING, Phase.PROMOTING, Phase.STARTING)}
    | {(Phase.PROMOTING, p) for p in (Phase.BAKING, Phase.FINISHING, Phase.PROMOTED)}
    | {(Phase.BAKING, p) for p in (Phase.FINISHING, Phase.PROMOTED)}
    | {(Phase.FINISHING, Phase.PROMOTED)}
    | {(p, Phase.PAUSED) for p in _FORWARD if p is not Phase.PAUSED}
    | {(Phase.PAUSED, p) for p in (Phase.CHECKING, *_RESUMED)}
    | {(p, Phase.ABORTING) for p in _ENTERED}
    | {(Phase.ABORTING, p) for p in (Phase.ROLLED_BACK, Phase.SUPERSEDED, Phase.FAILED)}
)


def _moves_of(phase: Phase, doing: Act) -> frozenset[Phase]:
    """Where a verb takes a rollout at once; what then follows is up to `decide`."""
    match doing:
        case Act.SUPERSEDE if phase is Phase.PENDING:
            found = [Phase.SUPERSEDED]
        case Act.ABORT if phase is Phase.PENDING:
            found = [Phase.ROLLED_BACK]
        case Act.SUPERSEDE | Act.ABORT | Act.BACK_ON:
            found = [Phase.ABORTING]
        case Act.HOLD if phase is not Phase.PAUSED:
            found = [Phase.PAUSED]
        case Act.RESUME | Act.NEXT | Act.FULL if phase is Phase.PAUSED:
            found = [*_WAITING, *_RESUMED]
        case Act.AGAIN:
            found = [Phase.CHECKING]
        case Act.QUEUE | Act.UNDO if phase is Phase.FINISHING:
            found = [Phase.PROMOTED]
        case _:
            found = []
    return frozenset(found)


def verb_moves() -> dict[tuple[Phase, Phase], tuple[Verb, ...]]:
    """The moves that a person makes at once, each with the verbs that make it; from the table alone."""
    found: dict[tuple[Phase, Phase], tuple[Verb, ...]] = {}
    for phase, row in TABLE.items():
        for verb, doing in row.items():
            for after in _moves_of(phase, doing):
                found[phase, after] = (*found.get((phase, after), ()), verb)
    return found


def diagram() -> str:
    """The phases as a Mermaid state diagram: plain arrows are moves that Ferryman makes by itself, arrows with a label
    those of a verb. What every phase of the way forward has in common is drawn once, from the box around them."""
    by_verb = {
        move: verbs for move, verbs in verb_moves().items() if move[0] is not Phase.PAUSED or move[1] not in _RESUMED
    }
    labels: dict[tuple[str, str], str] = {}
    for move in sorted({*MOVES, *by_verb}, key=lambda m: (list(Phase).index(m[0]), list(Phase).index(m[1]))):
        verbs = ", ".join(v.value for v in by_verb.get(move, ()))
        own = "by itself" if move in MOVES and verbs else ""
        labels[move[0].value, move[1].value] = "; ".join(t for t in (own, verbs) if t)
    inside = [p.value for p in _ENTERED if p is not Phase.PAUSED]
    shared = {(Phase.PAUSED.value, "forward"): "resume, or the wait is over"}
    for target in (Phase.PAUSED.value, Phase.ABORTING.value):
        shared["forward", target] = labels[inside[0], target]
    lines = ["stateDiagram-v2", "    [*] --> pending: deploy, undo", "    state forward {"]
    within = {move: text for move, text in labels.items() if move[0] in inside and move[1] in inside}
    lines += [f"    {_arrow(move, text)}" for move, text in within.items()]
    lines += ["    }", *(_arrow(move, text) for move, text in shared.items())]
    for move, text in labels.items():
        common = move[0] in inside and move[1] in (Phase.PAUSED.value, Phase.ABORTING.value)
        if not common and move not in within and not (move[0] == Phase.PAUSED.value and move[1] in inside):
            lines.append(_arrow(move, text))
    lines += [f"    {p.value} --> [*]" for p in Phase if p.terminal]
    return "\n".join(lines) + "\n"


def _arrow(move: tuple[str, str], text: str) -> str:
    return f"    {move[0]} --> {move[1]}" + (f": {text}" if text else "")
