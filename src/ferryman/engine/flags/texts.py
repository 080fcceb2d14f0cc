"""What was done to flags, in words."""

from __future__ import annotations

from typing import Any

import msgspec

from ferryman.flags.ledger import BODIES, Change, Fenced, Overridden

NAMED_MAX = 5
_DEEDS = {
    "flag_killed": "killed",
    "flag_unkilled": "took back the kill of",
    "flag_tripped": "tripped",
    "flag_recovered": "took back the trip of",
}


def flags_text(kind: str, body: dict[str, Any]) -> str:
    """The text of an entry of the journal `flags`; "" for one of another journal, or of a newer program."""
    if kind == "change_requested":
        return f"asked people to agree: {body.get('summary', '')}"
    if kind in {"change_approved", "change_denied"}:
        return f"{kind.removeprefix('change_')} request {body.get('request')}"
    known = BODIES.get(kind)
    if known is None:
        return ""
    try:
        made = msgspec.convert(body, known)
    except msgspec.ValidationError:
        return ""
    if isinstance(made, Overridden):
        return f"{_DEEDS[kind]} {made.flag} in {made.environment}"
    if isinstance(made, Fenced):
        return f"took over {made.flag} in {made.environment}"
    text = "; ".join(_change(change) for change in made.changes)
    back = f", as in version {made.reverted}" if made.reverted else ""
    back += f", by request {made.request}" if made.request else ""
    return text + back + (", moving exposed users" if made.rebucket else "")


def _change(change: Change) -> str:
    written = [key for key, flag in change.flags.items() if flag is not None]
    removed = [key for key, flag in change.flags.items() if flag is None]
    parts = [
        f"{verb} {_names(names)}"
        for verb, names in (
            ("wrote", written),
            ("removed", removed),
            ("wrote segment", [key for key, when in change.segments.items() if when is not None]),
            ("removed segment", [key for key, when in change.segments.items() if when is None]),
        )
        if names
    ]
    return f"{', '.join(parts)} in {change.environment}"


def _names(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:NAMED_MAX])
    return shown if len(names) <= NAMED_MAX else f"{shown} and {len(names) - NAMED_MAX} more"
