"""Flag definitions, flagd JSON, read leniently: what is wrong with one flag is an error of that flag alone.

    {"flags": {key: {"state", "variants", "defaultVariant", "targeting", "metadata"}},
     "$evaluators": {name: rule}, "metadata": {...}}

Source: the schemas of open-feature/flagd-schemas. Ferryman's own facts are scalars in a flag's metadata, `ferryman.*`:
`kind`, `owner`, `expires` (a date), `hash` (`v3` or `v2`), `seed`, `off` (the variant of who is not exposed).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ferryman_flags.errors import DefinitionError, ErrorCode, FlagFailure
from ferryman_flags.hashing import DEFAULT_HASH, HASHES
from ferryman_flags.logic import Node, Reader
from ferryman_flags.values import is_object

Metadata = Mapping[str, str | int | float | bool]
HASH = "ferryman.hash"


@dataclass(frozen=True)
class Flag:
    """One flag that can be evaluated. Its targeting is read when it is first needed."""

    key: str
    enabled: bool
    variants: Mapping[str, Any]
    default_variant: str | None
    targeting: Any
    """As it is written; None or empty when there is none."""
    metadata: Metadata
    """Of the flag, over that of the whole set."""
    evaluators: Mapping[str, Any] = field(repr=False)
    hash: str = DEFAULT_HASH
    """The generation of its buckets, `v3` or `v2`."""

    @property
    def references(self) -> frozenset[str] | None:
        """Names of the shared rules in the targeting; None as long as that was not read."""
        return self.__dict__.get("_references")

    def logic(self) -> Node:
        """The targeting as a tree, read anew: once compiled it is needed no more. `FlagFailure` with PARSE_ERROR."""
        if not is_object(self.targeting):
            raise FlagFailure(ErrorCode.PARSE_ERROR, f"the targeting of flag {self.key!r} is no object")
        reader = Reader(self.key, self.evaluators)
        node = reader.read(self.targeting)
        self.__dict__["_references"] = frozenset(reader.references)
        return node


@dataclass(frozen=True)
class BrokenFlag:
    """A flag that is there but cannot be evaluated, and why."""

    key: str
    problem: str


Flags = Mapping[str, Flag | BrokenFlag]


@dataclass(frozen=True)
class FlagSet:
    """All flags of one document."""

    flags: Flags
    evaluators: Mapping[str, Any]
    metadata: Metadata
    hash: str = DEFAULT_HASH
    """The generation of the flags that do not name theirs."""


def parse(document: str | bytes | Mapping[str, Any], hash: str = DEFAULT_HASH) -> FlagSet:
    """Read a whole document. `hash` is the generation of the flags whose `ferryman.hash` does not say it.

    Raises `DefinitionError` if the document is not JSON, or not of the form above at the top, or for an unknown `hash`.
    """
    if hash not in HASHES:
        raise DefinitionError(f"the hash generation is {hash!r}; known are {', '.join(HASHES)}")
    top = _loaded(document)
    flags, evaluators, metadata = (_part(top, name) for name in ("flags", "$evaluators", "metadata"))
    problem = _metadata_problem(metadata)
    if problem:
        raise DefinitionError(problem)
    defaults = FlagSet({}, evaluators, metadata, hash)
    return replace(defaults, flags={key: parse_flag(key, flag, defaults) for key, flag in flags.items()})


def _part(top: Mapping[str, Any], name: str) -> dict[str, Any]:
    value: Any = top.get(name)
    if value is not None and not is_object(value):
        raise DefinitionError(f"{name!r} is {type(value).__name__}; it must be an object")
    return value or {}


def _loaded(document: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(document, Mapping):
        return document
    try:
        loaded = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise DefinitionError(f"the flag definitions are not JSON: {error}") from None
    if not is_object(loaded):
        raise DefinitionError(f"the flag definitions are {type(loaded).__name__}; they must be an object")
    return loaded


def parse_flag(key: str, written: Any, within: FlagSet) -> Flag | BrokenFlag:
    """Read one flag of a set. Fields beyond the five are left alone: a newer server may send them."""
    problem = _problem(written)
    if problem:
        return BrokenFlag(key, f"flag {key!r}: {problem}")
    default = written.get("defaultVariant")
    if isinstance(default, bool):
        default = "true" if default else "false"
    metadata: dict[str, Any] = {**within.metadata, **(written.get("metadata") or {})}
    return Flag(
        key,
        written["state"] == "ENABLED",
        written["variants"],
        default or None,
        written.get("targeting"),
        metadata,
        within.evaluators,
        metadata.get(HASH, within.hash),
    )


def _problem(written: Any) -> str:
    """What is wrong with a flag, empty if nothing."""
    if not is_object(written):
        return f"it is {type(written).__name__}, not an object"
    if written.get("state") not in ("ENABLED", "DISABLED"):
        return f"'state' is {written.get('state')!r}; it must be ENABLED or DISABLED"
    variants, default = written.get("variants"), written.get("defaultVariant")
    metadata: Any = written.get("metadata") or {}
    if not is_object(variants) or not variants:
        return "'variants' must be an object with at least one variant"
    if default and not isinstance(default, (str, bool)):
        return f"'defaultVariant' is {default!r}; it must be the name of a variant or null"
    if not is_object(metadata):
        return "'metadata' must be an object"
    if metadata.get(HASH, DEFAULT_HASH) not in HASHES:
        return f"{HASH!r} is {metadata[HASH]!r}; known are {', '.join(HASHES)}"
    return _metadata_problem(metadata)


def _metadata_problem(metadata: dict[str, Any]) -> str:
    for name, value in metadata.items():
        if not name or not isinstance(value, (str, int, float)):
            return f"metadata {name!r} is {value!r}; it must be a text, a number or a boolean"
    return ""
