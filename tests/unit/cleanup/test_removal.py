"""Taking a flag out of code: golden cases, and random programs that must do the same with and without the flag."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ferryman.cleanup.removal import Removal, remove
from ferryman.cleanup.sources import Sources

KEY = "new-checkout"
CASES = Path(__file__).with_name("cases")


class Case(NamedTuple):
    name: str
    value: Any
    own: tuple[str, ...]
    before: dict[str, bytes]
    after: dict[str, bytes] | None
    says: list[str] | None
    obstacles: list[str]


def cases() -> Iterator[Case]:
    for path in sorted(CASES.glob("*.txt")):
        for block in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            yield read(block)


def read(block: str) -> Case:
    head, *sections = re.split(r"^--- ", block, flags=re.MULTILINE)
    name, *settings = head.strip().splitlines()
    given = dict(each.split(": ", 1) for each in settings)
    before, after, words = {}, {}, {}
    for number, section in enumerate(sections, 1):
        title, _, text = section.partition("\n")
        text = text.removesuffix("\n") if number == len(sections) else text  # the blank line before the next case
        kind, _, path = title.partition(" ")
        if kind == "before":
            before[path] = ended(text, given.get("newline", "lf"))
        elif kind == "after":
            after[path] = ended(text, given.get("newline", "lf"))
        else:
            words[kind] = text.strip().splitlines()
    own = tuple(given.get("own", "").split())
    value = json.loads(given.get("value", "true"))
    return Case(name, value, own, before, after or None, words.get("says"), words.get("obstacles", []))


def ended(text: str, newline: str) -> bytes:
    text = text.rstrip("\n") + "\n" if text.strip() else text.strip()
    return {"lf": text, "crlf": text.replace("\n", "\r\n"), "none": text.rstrip("\n")}[newline].encode()


ALL = list(cases())


def test_there_are_enough_cases() -> None:
    assert len(ALL) >= 60
    assert len({case.name for case in ALL}) == len(ALL)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_golden_case(case: Case) -> None:
    made = remove(Sources(case.before), KEY, case.value, own=case.own)
    assert [str(each) for each in made.obstacles] == case.obstacles
    if case.after is not None:
        assert {path: text.decode() for path, text in written(case.before, made).items()} == {
            path: text.decode() for path, text in case.after.items()
        }
    if case.says is not None:
        assert [str(each) for each in made.notes] == case.says


def written(before: dict[str, bytes], made: Removal) -> dict[str, bytes]:
    return before | {change.path: change.after for change in made.changes}
