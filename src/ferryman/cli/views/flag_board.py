"""Every flag in every environment, and how often variants are given, as lines for people."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.cli.views.columns import columns
from ferryman.cli.views.flags import percent
from ferryman.cli.views.text import day_and_clock
from ferryman.engine.flags.askers import AskerView
from ferryman.engine.flags.evaluations import VariantMinute
from ferryman.flags.board import FlagCell, FlagRow, FlagsBoard

CODE_DEFAULT = "(default in code)"


def board(view: FlagsBoard) -> str:
    """A line for each flag, a column for each environment."""
    names = [each.name for each in view.environments]
    rows = [("FLAG", "KIND", *(name.upper() for name in names), "OWNER", "EXPIRES", "")]
    for row in view.flags:
        cells = {cell.environment: served(cell) for cell in row.cells}
        marks = ["should go"] if row.stale else []
        marks += [f"{row.requests} waiting"] if row.requests else []
        there = (cells.get(name, "-") for name in names)
        rows.append((row.key, row.kind, *there, row.owner or "-", row.expires or "-", ", ".join(marks)))
    return columns(rows)


def served(cell: FlagCell) -> str:
    """What a cell serves, as briefly as can be."""
    if cell.state != "enabled":
        return cell.state
    most = cell.serves or percent(cell.exposed_percent)
    return f"{most} +{cell.rules}" if cell.rules else most


def stale(rows: Sequence[FlagRow]) -> str:
    """Why each should go, and the command that begins it."""
    lines = [("FLAG", "WHY", "UNCHANGED SINCE", "TAKES IT OUT")]
    for row in rows:
        lines += [(row.key, each.message, day_and_clock(each.since), each.command) for each in row.stale]
    return columns(lines)


def evaluations(minutes: Sequence[VariantMinute], askers: Sequence[AskerView]) -> str:
    """The sums of a list of minutes, and who told them."""
    total = sum(each.evaluations for each in minutes)
    rows = [("VARIANT", "EVALUATIONS", "SHARE", "REQUESTS", "FAILED")]
    for variant in sorted({each.variant for each in minutes}):
        these = [each for each in minutes if each.variant == variant]
        number, requests, failures = (
            sum(each.evaluations for each in these),
            sum(each.requests for each in these),
            sum(each.failures for each in these),
        )
        share = percent(round(number * 100 / total, 1)) if total else "-"
        rows.append((variant or CODE_DEFAULT, f"{number:,}", share, f"{requests:,}", f"{failures:,}"))
    said = columns(rows, frozenset({1, 2, 3, 4})) if minutes else "nobody asked within the last hour"
    if not askers:
        return said
    told = [
        (
            each.program,
            day_and_clock(each.at),
            f"{each.evaluations:,}",
            "-" if each.version is None else str(each.version),
        )
        for each in askers
    ]
    return f"{said}\n\n{columns([('PROGRAM', 'LAST TOLD', 'THEN', 'VERSION'), *told], frozenset({2, 3}))}"
