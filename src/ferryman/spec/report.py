"""Collects the problems of one document, so that a person sees all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from ferryman.model.errors import Problem
from ferryman.spec.nodes import Mark, Node, quote, show

PROBLEMS_MAX = 100

CODES = {
    "syntax": "The text is not YAML.",
    "empty": "The document holds nothing.",
    "too_large": "The document, or what its aliases expand to, is larger than any release file needs to be.",
    "too_deep": "Lists and mappings are nested too deeply.",
    "several_documents": "A second document follows; a release file is one.",
    "yaml_version": "Another YAML version than 1.2 is asked for; in 1.1 a plain `no` would mean false.",
    "tag": "A value has a YAML tag such as `!x`; none is needed here.",
    "unknown_alias": "An alias names an anchor that was not defined before it.",
    "recursive_alias": "An alias stands inside the value that it names.",
    "duplicate_key": "A key stands twice in one mapping.",
    "bad_character": "A character that cannot be in a text: NUL, a control character, half of a surrogate pair.",
    "unquoted_date": "A plain date: quote it if it is meant as text.",
    "not_finite": "Infinity, not-a-number, or a number too large to be meant.",
    "unknown_field": "There is no such key here.",
    "wrong_type": "The value is of another kind than the key takes.",
    "missing": "A key that is needed is not there.",
    "not_allowed": "The value, or the key beside the others, is not one that can be used.",
    "out_of_range": "A number, duration or length outside its limits.",
    "exclusive": "Two keys that say the same thing in two ways: only one may be given.",
    "steps_fall": "The weights of a canary do not rise.",
    "big_bang": "A release with downtime, without the words that accept it.",
    "too_many": f"More than {PROBLEMS_MAX} problems; the rest is not listed.",
}


class Report:
    """The problems of one document. `file` is the name that messages show, `homes` the sections of each known key, `what`
    the kind of file."""

    def __init__(
        self, file: str, homes: Mapping[str, tuple[str, ...]] | None = None, what: str = "release file"
    ) -> None:
        self.file = file
        self.what = what
        self.homes: Mapping[str, tuple[str, ...]] = homes or {}
        self._problems: list[Problem] = []
        self._left_off = 0

    def add(self, mark: Mark, path: str, value: str, code: str, message: str, hint: str = "") -> None:
        """Note one problem; beyond PROBLEMS_MAX they are only counted."""
        assert code in CODES, code
        if len(self._problems) >= PROBLEMS_MAX:
            self._left_off += 1
            return
        self._problems.append(Problem(self.file, mark.line, mark.column, path, value, message, hint, code))

    def wrong(self, node: Node, path: str, code: str, message: str, hint: str = "") -> None:
        """Note a problem with a value; its text is quoted in front of the message."""
        self.add(node.mark, path, show(node), code, f"{quote(node)} {message}", hint)

    @property
    def failed(self) -> bool:
        """Whether anything was noted."""
        return bool(self._problems)

    def problems(self) -> tuple[Problem, ...]:
        """All of them in document order."""
        ordered = sorted(self._problems, key=lambda p: (p.line, p.column, p.path))
        if self._left_off:
            ordered.append(
                Problem(self.file, 0, 0, "", "", f"{self._left_off} further problems are not listed", code="too_many")
            )
        return tuple(ordered)


def closest(word: str, known: Iterable[str]) -> str | None:
    """The name that `word` most likely stands for, or None. Case, dashes and underscores do not count."""
    by_folded = {_fold(name): name for name in known}
    folded = _fold(word)
    if folded in by_folded:
        return by_folded[folded]
    for name, full in by_folded.items():  # env and environment, dir and directory
        if min(len(name), len(folded)) >= 3 and (folded.startswith(name) or name.startswith(folded)):
            return full
    # A lower cut-off suggests nonsense for short words, and a very long word is no misspelling.
    found = difflib.get_close_matches(folded[:80], by_folded, n=1, cutoff=0.65)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint: the closest name, else all of them."""
    names = tuple(known)
    near = closest(word, names)
    return f"did you mean `{near}`?" if near else "known here: " + ", ".join(names)


def _fold(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "").replace(" ", "")
