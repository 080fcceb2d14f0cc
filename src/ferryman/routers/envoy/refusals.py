"""Why Envoy refused a file: it says so only in its log, sometimes below a print of the whole file."""

from __future__ import annotations

import re

STAMP = re.compile(r"^(?=\[\d{4}-\d\d-\d\d )", re.MULTILINE)
BRACKETS = re.compile(r"^(\[[^\]]*\]\s*)+")
REFUSED = re.compile(r"update (?:rejected|failure)|config rejected")
PRINTED = "goo.gle/debug"
CAUSE = "caused by "
REASON_LIMIT_CHARACTERS = 400


def refusal_reason(log: str) -> str:
    """The reason in the last entry of `log` that tells of a refusal, without its stamps, on one line of at most 400
    characters; empty when there is no such entry."""
    entries = [entry for entry in STAMP.split(log) if REFUSED.search(entry.partition("\n")[0])]
    if not entries:
        return ""
    text = BRACKETS.sub("", entries[-1]).strip()
    if PRINTED in text:
        text = text.rpartition("\n")[2].removeprefix(": ")
        text = text.rpartition(CAUSE)[2].removesuffix(")")
    reason = text.removeprefix("Filesystem config update rejected: ").removeprefix("Filesystem config update failure: ")
    return " ".join(reason.split())[:REASON_LIMIT_CHARACTERS]
