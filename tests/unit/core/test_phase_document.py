"""docs/reference/phases.md is made from the table; `pytest --rewrite` renews it."""

from pathlib import Path

from ferryman.core.phases import BESIDE, MOVES, REFUSAL, TABLE, Act, Verb, diagram, verb_moves
from ferryman.model.plan import Phase
from unit.golden import Golden

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "reference" / "phases.md"
MEANING = {
    Act.START: "a new rollout begins",
    Act.SUPERSEDE: "the running rollout goes back to stable, then the new one begins from there",
    Act.QUEUE: "the new rollout begins when this one has ended (a finishing one ends at once: it is promoted already)",
    Act.NEXT: "the hold and the pending verdict of this step are skipped; a fail never is",
    Act.FULL: "steps, holds, checks, verdicts and the bake are skipped; health and capacity are not",
    Act.END_BAKE: "the bake ends",
    Act.HOLD: "the world stays as it is; the judge still watches, and a fail still goes back",
    Act.RESUME: "goes on; a judge that came to no end begins anew",
    Act.ABORT: "everybody back to stable, then the candidate stops; a rollout that has not begun just ends",
    Act.AGAIN: "the same content once more, from the first step, or in full",
    Act.BACK_ON: "the way back goes on",
    Act.UNDO: "a rollout back to the last promoted version",
    Act.UNDO_TO: "the same, but only to a version that is named: stable serves already",
    Act.ROLL: "every instance is replaced by a newer one of its own version, within the bounds",
    Act.NOTHING: "nothing to do, and not an error",
    Act.ROLLING_BACK: "refused: it is on its way back",
    Act.SUPERSEDED: "refused: another rollout took its place",
    Act.REFUSE: "refused with the code of the verb (second row)",
}
HEAD = """# Phases and verbs

Made from the table in `src/ferryman/core/phases.py` by `pytest --rewrite`; do not edit.

A refused verb changes nothing, ends with exit code 2 and lists the verbs that are legal. A legal one acts on the next
turn of the loop.

"""


def document() -> str:
    verbs = list(Verb)
    lines = ["| phase | " + " | ".join(f"`{v.value}`" for v in verbs) + " |", "|---" * (len(verbs) + 1) + "|"]
    lines.append("| refused as | " + " | ".join(f"`{REFUSAL[v]}`" for v in verbs) + " |")
    lines += [f"| {p.value} | " + " | ".join(TABLE[p][v].value for v in verbs) + " |" for p in Phase]
    beside = [
        "Other verbs go by what waits, not by the phase; while an approval is waited for, `promote` and `resume` are",
        "refused as `approval_needed`.",
        "",
        "| verb | legal while | refused as | what happens |",
        "|---|---|---|---|",
        *(f"| `{verb}` | {when} | `{code}` | {what} |" for verb, (when, code, what) in BESIDE.items()),
        "",
    ]
    meanings = [f"- **{act.value}**: {MEANING[act]}." for act in Act]
    return (
        HEAD
        + "\n".join(lines)
        + "\n\n"
        + "\n".join(meanings)
        + "\n\n"
        + "\n".join(beside)
        + "\n```mermaid\n"
        + diagram()
        + "```\n"
    )


def test_the_document_is_fresh(golden: Golden) -> None:
    golden(DOCUMENT, document())


def test_every_move_is_in_the_diagram() -> None:
    """A move is drawn by itself, or by the box around the phases of the way forward."""
    text = diagram()
    for before, after in {*MOVES, *verb_moves()}:
        drawn = f"{before.value} --> {after.value}" in text
        boxed = f"forward --> {after.value}" in text or (before is Phase.PAUSED and "paused --> forward" in text)
        assert drawn or boxed, (before, after)
