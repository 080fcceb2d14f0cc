"""Calls that ask for the value of a flag, by the names that client libraries give them.

The names are those of ferryman-flags, OpenFeature, LaunchDarkly, Unleash, ConfigCat, Split and Optimizely for Python, as
their documentation lists them.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Signature(NamedTuple):
    """How a call names its flag, and what it answers.

    `answers` is the type of the value, or None if it can be any. `distinct` is whether the name alone says that flags are
    meant; otherwise what it is called on must sound like it.
    """

    position: int = 0
    keywords: tuple[str, ...] = ("key", "flag_key")
    answers: type | None = None
    distinct: bool = True


_WEAK = Signature(distinct=False)
SIGNATURES: dict[str, Signature] = {
    # ferryman-flags
    "bool": _WEAK._replace(answers=bool),
    "string": _WEAK._replace(answers=str),
    "int": _WEAK._replace(answers=int),
    "float": _WEAK._replace(answers=float),
    "object": _WEAK._replace(answers=dict),
    # OpenFeature
    **{
        f"get_{name}_value{tail}": Signature(answers=kind)
        for name, kind in (("boolean", bool), ("string", str), ("integer", int), ("float", float), ("object", dict))
        for tail in ("", "_async")
    },
    # LaunchDarkly
    "variation": Signature(),
    # Unleash, and many a service of one's own
    "is_enabled": _WEAK._replace(keywords=("feature_name", "flag_name", "key", "flag", "feature"), answers=bool),
    # ConfigCat
    "get_value": _WEAK,
    # Split
    "get_treatment": Signature(position=1, keywords=("feature_flag_name", "feature_name"), answers=str),
    # Optimizely
    "is_feature_enabled": Signature(keywords=("feature_key",), answers=bool),
}
"""By the last name of what is called."""

_SOUNDS_LIKE_FLAGS = re.compile(r"flag|feature|toggle|client|unleash|configcat|launch|ferry|rollout", re.IGNORECASE)


def signature(receiver: str | None, name: str, own: tuple[str, ...] = ()) -> Signature | None:
    """How ``receiver.name(...)`` asks for a flag, or None if it does not.

    `receiver` is the last name of what it is called on, None for a plain function; `own` are names of functions of the
    project that take a key first.
    """
    if name in own:
        return Signature()
    found = SIGNATURES.get(name)
    if found is None or (receiver is None and name in {"bool", "int", "float", "object"}):
        return None
    if found.distinct or (receiver is not None and _SOUNDS_LIKE_FLAGS.search(receiver)):
        return found
    return found if receiver is None and name == "is_enabled" else None
