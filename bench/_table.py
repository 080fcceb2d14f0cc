"""How benchmarks print: one table, the goal beside the figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure. `met` None: nothing was promised about it."""

    what: str
    figure: str
    goal: str = ""
    met: bool | None = None


def show(title: str, rows: list[Row]) -> bool:
    """Print; True when every goal was met."""
    marks = {True: "met", False: "MISSED", None: ""}
    cells = [("what", "figure", "goal", ""), *((r.what, r.figure, r.goal, marks[r.met]) for r in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(4)]
    print(f"\n## {title}\n")
    for n, row in enumerate(cells):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |")
        if n == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(flush=True)
    return all(r.met is not False for r in rows)
