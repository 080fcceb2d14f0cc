"""The checklist as people read it: three groups, a mark for each item, and what to do where something is."""

from __future__ import annotations

import textwrap

from ferryman.model.checklist import ChecklistItem, Stand

MARKS = {
    Stand.PASS: "[x]",
    Stand.FAIL: "[!]",
    Stand.WARN: "[~]",
    Stand.UNKNOWN: "[?]",
    Stand.NOT_APPLICABLE: "[-]",
}
HEADS = {"before": "Before", "during": "During", "after": "After"}
INDENT = " " * 6
WIDTH_MIN = 40


def checklist_text(items: tuple[ChecklistItem, ...], width: int = 100) -> str:
    """Several lines, at most `width` cells wide (at least 40)."""
    lines: list[str] = []
    for phase, head in HEADS.items():
        lines.append(head)
        for item in items:
            if item.phase == phase:
                lines += _item(item, max(width, WIDTH_MIN))
    return "\n".join(lines)


def _item(item: ChecklistItem, width: int) -> list[str]:
    head = f"  {MARKS[item.stand]} {item.question}  "
    first = f"{head}{item.saw}"
    if len(first) <= width:
        found = [first]
    else:
        found = [head.rstrip(), *textwrap.wrap(item.saw, width, initial_indent=INDENT, subsequent_indent=INDENT)]
    if item.todo and item.stand is not Stand.PASS:
        found += textwrap.wrap(f"-> {item.todo}", width, initial_indent=INDENT, subsequent_indent=INDENT + "   ")
    return found


def tally(items: tuple[ChecklistItem, ...]) -> str:
    """`9 pass, 1 fails, 2 doubtful, 1 unknown, 3 do not apply`."""
    counts = [
        (Stand.PASS, "pass"),
        (Stand.FAIL, "fail"),
        (Stand.WARN, "doubtful"),
        (Stand.UNKNOWN, "unknown"),
        (Stand.NOT_APPLICABLE, "not applicable"),
    ]
    found = [(sum(item.stand is stand for item in items), word) for stand, word in counts]
    return ", ".join(f"{number} {word}" for number, word in found if number)
