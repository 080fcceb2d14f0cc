"""All importers, and which one a document is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ferryman.flags.importing import flagd, launchdarkly, optimizely, split, unleash
from ferryman.flags.importing.base import Choice, Document, Imported, UnreadableError


class Reader(NamedTuple):
    """One other system."""

    name: str
    recognises: Callable[[Document], bool]
    read: Callable[[Document, Choice], Imported]


READERS = {
    each.NAME: Reader(each.NAME, each.recognises, each.read)
    for each in (launchdarkly, unleash, split, optimizely, flagd)
}


def import_flags(document: Document, choice: Choice, system: str = "") -> Imported:
    """The flags of another system as a flags file; without `system` it is told from the form of the document.

    Raises `UnreadableError`.
    """
    if system:
        reader = READERS[system]
    else:
        found = [each for each in READERS.values() if each.recognises(document)]
        if not found:
            known = ", ".join(READERS)
            raise UnreadableError(f"this is an export of none of: {known}; if it is one, say of which")
        reader = found[0]
    try:
        return reader.read(document, choice)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"not as {reader.name} writes it: {type(error).__name__} {error}") from error
