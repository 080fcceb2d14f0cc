"""Taking a flag out of a project: every file with the flag's value in its place, or the reasons why that cannot be done."""

from __future__ import annotations

import ast
from typing import NamedTuple

import libcst as cst

from ferryman.cleanup import unused
from ferryman.cleanup.folding import Folded, fold
from ferryman.cleanup.references import Kind, Reference, find
from ferryman.cleanup.sources import Sources
from ferryman.cleanup.truth import Value


class Change(NamedTuple):
    """A file before and after."""

    path: str
    before: bytes
    after: bytes


class Note(NamedTuple):
    """Something about a place; `line` is one-based, of the file before, and 0 if it is about the whole file."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


class Removal(NamedTuple):
    """What taking a flag out comes to. With `obstacles` nothing should be written: a person has to see to them first."""

    changes: tuple[Change, ...]
    obstacles: tuple[Note, ...]
    notes: tuple[Note, ...]


def remove(sources: Sources, key: str, value: Value, *, own: tuple[str, ...] = ()) -> Removal:
    """Every call that asks for the flag `key` replaced by `value`, conditions folded, dead branches and imports dropped.

    `own` are names of the project's own functions that take a key first. Nothing is written.
    """
    found = find(sources, key, own=own)
    obstacles = [Note(each.path, each.line, f"was not read, it {each.why}") for each in found.unreadable]
    notes: list[Note] = []
    after = dict(sources.files)
    asked = _by_path(found.references, Kind.EVALUATION)
    for path, references in asked.items():
        obstacles += [note for each in references if (note := _wrong_type(each, value)) is not None]
        folded = _folded(sources.files[path], references, value)
        if isinstance(folded, str):
            obstacles.append(Note(path, 0, folded))
            continue
        obstacles += [Note(path, each.line, each.text) for each in folded.dangers]
        notes += [Note(path, each.line, each.text) for each in folded.notes]
        after[path] = folded.content
    obstacles += [
        Note(each.path, each.line, f"the key is handed on here: {each.snippet}")
        for each in find(Sources(after), key, own=own).references
        if each.kind is Kind.USE  # those in branches that go do not matter
    ]
    for path in asked:
        idle = unused.idle_imports(path, sources.files[path], after[path], sources)
        after[path] = unused.without_imports(after[path], idle)
    notes += _drop_constants(key, own, after)
    changed = [path for path, content in after.items() if content != sources.files[path]]
    notes += [
        Note(path, line, f"nothing names {name} any more")
        for path, line, name in unused.idle_functions(sources.files, after, changed)
    ]
    return Removal(
        tuple(Change(path, sources.files[path], after[path]) for path in changed),
        tuple(sorted(obstacles)),
        tuple(sorted(notes)),
    )


def _by_path(references: tuple[Reference, ...], kind: Kind) -> dict[str, list[Reference]]:
    found: dict[str, list[Reference]] = {}
    for each in references:
        if each.kind is kind:
            found.setdefault(each.path, []).append(each)
    return found


def _wrong_type(reference: Reference, value: Value) -> Note | None:
    wanted = reference.answers
    fits = wanted is None or (type(value) is wanted) or (wanted is float and type(value) is int)
    if fits:
        return None
    text = f"asks for a {wanted.__name__ if wanted else ''}, {value!r} is none: {reference.snippet}"
    return Note(reference.path, reference.line, text)


def _folded(content: bytes, references: list[Reference], value: Value) -> Folded | str:
    places = {(each.line, each.column - 1): value for each in references}
    try:
        folded = fold(content, places)
        ast.parse(folded.content)
    except (cst.ParserSyntaxError, cst.CSTValidationError, SyntaxError, RecursionError) as error:
        return f"cannot be written without the flag: {str(error).splitlines()[0]}"
    return folded


def _drop_constants(key: str, own: tuple[str, ...], after: dict[str, bytes]) -> list[Note]:
    """Names for the key that nothing reads any more go; of the others a note says that they are still there."""
    constants = [each for each in find(Sources(after), key, own=own).references if each.kind is Kind.CONSTANT]
    places = frozenset((each.path, each.line) for each in constants)
    notes: list[Note] = []
    gone: dict[str, set[int]] = {}
    for each in constants:
        name = each.snippet.partition("=")[0].partition(":")[0].strip()
        if unused.named_anywhere(name, after, places):
            notes.append(Note(each.path, each.line, f"{name} still holds the key: something else has that name"))
        else:
            gone.setdefault(each.path, set()).add(each.line)
    for path, lines in gone.items():
        after[path] = unused.without_constants(after[path], frozenset(lines))
    return notes
