"""The post-mortem as Markdown, for a wiki or a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ferryman.cli.postmortem.case import QUESTIONS, Case, clock_utc, figures, moment
from ferryman.cli.postmortem.evidence import evidence_rows


def markdown_page(case: Case) -> str:
    """The whole file."""
    summary = case.summary
    over = f" ← {plain(summary.stable)}" if summary.stable else ""
    lines = [
        f"# Post-mortem: {plain(case.service)} {plain(summary.candidate)}{over}",
        "",
        f"{plain(summary.id)}, {moment(summary.created_at)}: **{plain(case.outcome)}**",
        "",
        " ".join(plain(sentence) for sentence in case.story()),
        "",
        *table(("", "", ""), figures(case)),
        "",
        "## The evidence that decided",
        "",
        *_evidence(case),
        "",
        "## Timeline (UTC)",
        "",
        *table(("at", "who", "what"), ((clock_utc(e.at), _who(e.actor), e.text) for e in case.timeline)),
        "",
        "## Who did what",
        "",
        *(
            [f"- **{plain(e.actor)}** at {clock_utc(e.at)}: {plain(e.text)}" for e in case.people]
            or ["Nobody did anything."]
        ),
        "",
        "## The checklist at the time",
        "",
        *_checklist(case),
        "",
        "## Open questions",
        "",
        *(f"{number}. {text}" for number, text in enumerate(QUESTIONS, 1)),
    ]
    return "\n".join(lines) + "\n"


def _evidence(case: Case) -> list[str]:
    said = case.deciding
    if said is None:
        return [f"No verdict was given. {plain(str(case.cause.get('reason', '')))}".strip()]
    head = f"At {clock_utc(said.at)} the judge said **{plain(str(said.body.get('verdict')))}**: "
    rows = evidence_rows(said.body)
    return [head + plain(str(said.body.get("reason", ""))), *(["", *table(rows[0], rows[1:])] if rows else [])]


def _checklist(case: Case) -> list[str]:
    if not case.checklist:
        return ["It was not written down when this was released."]
    rows = (
        (str(i.get("stand", "")).replace("_", " "), str(i.get("question", "")), str(i.get("saw", "")))
        for i in case.checklist
    )
    return table(("stands", "item", "what was seen"), rows)


def _who(actor: str) -> str:
    return "" if actor == "ferryman" else actor


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table; every cell is made plain."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return [*lines, *("| " + " | ".join(plain(cell) for cell in row) + " |" for row in rows)]


def plain(text: str) -> str:
    """On one line, with everything escaped that Markdown or HTML would read as markup."""
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", line)
