"""flagd: its own JSON. Targeting is read as a list of conditions with a variant each, or a fractional; another result than
these is compared with each variant, so that it decides as it did."""

from __future__ import annotations

from typing import Any, cast

from ferryman.flags.definition import TARGETING_KEY
from ferryman.flags.importing.base import (
    DRAWN_ANEW,
    Choice,
    Document,
    Imported,
    Split,
    UnreadableError,
    Writer,
    mapping,
    rollout_for,
    rule,
    rules_for,
    short,
)
from ferryman.flags.logic import OPERATORS, operands, operation, operators
from ferryman_flags.outcomes import variant_name

NAME = "flagd"
_TRUTHS = {"true": True, "false": False}
"""Variants that a result of targeting which is no text stands for."""


def recognises(document: Document) -> bool:
    """Whether a document is of this kind."""
    flags = document.get("flags")
    return isinstance(flags, dict) and all(
        isinstance(each, dict) and "variants" in each and "state" in each and "kind" not in each
        for each in cast("Document", flags).values()
    )


def read(document: Document, choice: Choice) -> Imported:
    """All flags. Raises `UnreadableError`."""
    writer = Writer(choice)
    shared = mapping(document.get("$evaluators") or {}, "$evaluators")
    for name, logic in shared.items():
        writer.segment(name, _opened(logic, {}, writer))
    for key, flag in mapping(document.get("flags"), "flags").items():
        _flag(key, mapping(flag, f"flag {key}"), shared, writer)
    return writer.finished()


def _flag(name: str, flag: Document, shared: Document, writer: Writer) -> None:
    key = writer.key(name)
    variants = mapping(flag.get("variants"), f"variants of {name}")
    default = flag.get("defaultVariant")
    off = _safe(variants, default)
    body: Document = {
        "kind": "ops",
        "variants": variants,
        "off": off,
        "state": "disabled" if flag.get("state") == "DISABLED" else None,
        "default": default if default in variants and default != off else None,
    }
    rules: list[Document] = []
    rest: Any = flag.get("targeting")
    if rest in (None, {}):
        rest = None
    for condition, result in _branches(rest):
        foreign = (operators(condition) | operators(result)) - OPERATORS - {"$ref"}
        if foreign:
            writer.note(key, f"`{min(foreign)}` is not known here; what is left of its targeting goes to the default")
            break
        logic = None if condition is None else _opened(condition, shared, writer)
        split = _split(result)
        if isinstance(result, str) and result in variants:
            if condition is None:
                body["default"] = result if result != off else None
            else:
                rules.append(rule(result, [logic]))
        elif split is None:
            otherwise = default if default in variants else off
            rules += _exactly(logic, _opened(result, shared, writer), list(variants), otherwise)
        else:
            writer.note(key, DRAWN_ANEW)
            if condition is None:
                body |= {"rollout": rollout_for(split, off, key)}
            else:
                rules += rules_for(split, logic, f"{key}.{len(rules)}")
    if default not in variants:
        writer.note(key, f"who no rule decides about gets the default of the program's code there, and `{off}` here")
    body["rules"] = rules
    writer.flag(name, body)


def _exactly(condition: Any, result: Any, variants: list[str], otherwise: str) -> list[Document]:
    """Rules for a result that is computed: one for each variant that it may name, and one for when it names none."""
    given = [] if condition is None else [condition]
    if operation(result) is None:
        is_named = result is not None and variant_name(result) in variants
        return [rule(variant_name(result) if is_named else otherwise, given)] if given or is_named else []
    named: list[Document] = []
    for variant in variants:
        same: Any = {"===": [result, variant]}
        if variant in _TRUTHS:
            same = {"or": [same, {"===": [result, _TRUTHS[variant]]}]}
        named.append(rule(variant, [*given, same]))
    return [*named, rule(otherwise, given)] if given else named


def _safe(variants: Document, default: Any) -> str:
    for name, value in variants.items():
        if value is False:
            return name
    if default in variants:
        return str(default)
    if not variants:
        raise UnreadableError("a flag has no variants")
    return "off" if "off" in variants else next(iter(variants))


def _branches(targeting: Any) -> list[tuple[Any, Any]]:
    """Conditions with their results, the last without a condition."""
    if targeting is None:
        return []
    found = operation(targeting)
    if found is None or found[0] != "if":
        return [(None, targeting)]
    given = operands(found[1])
    pairs = list(zip(given[::2], given[1::2], strict=False))
    last = given[-1] if len(given) % 2 else None
    return [*pairs, *(_branches(last) if last is not None else [])]


def _split(result: Any) -> Split | None:
    found = operation(result)
    if found is None or found[0] != "fractional":
        return None
    parts = operands(found[1])
    by = TARGETING_KEY
    if parts and not isinstance(parts[0], list):
        by = _attribute(parts[0]) or by
        parts = parts[1:]
    weights: list[tuple[str, float]] = []
    for part in parts:
        if not isinstance(part, list) or not part or not isinstance(part[0], str):
            return None
        pair = cast("list[Any]", part)
        weight = pair[1] if len(pair) > 1 else 1
        if not isinstance(weight, int | float):
            return None
        weights.append((str(pair[0]), float(weight)))
    total = sum(weight for _, weight in weights)
    if total <= 0:
        return None
    return Split(tuple((name, short(round(weight * 100 / total, 3))) for name, weight in weights), by)


def _attribute(key: Any) -> str | None:
    """The attribute that a key is made of: `var`, or `cat` with one `var` in it."""
    found = operation(key)
    if found is None:
        return None
    if found[0] == "var":
        first = operands(found[1])[0]
        return first if isinstance(first, str) else None
    if found[0] == "cat":
        names = [
            name for each in operands(found[1]) if (name := _attribute(each)) is not None and name != "$flagd.flagKey"
        ]
        return names[-1] if names else None
    return None


def _opened(logic: Any, shared: Document, writer: Writer) -> Any:
    """The condition with references to shared rules as segments."""
    found = operation(logic)
    if found is not None and found[0] == "$ref":
        return writer.within(str(found[1]))
    if isinstance(logic, dict):
        return {name: _opened(value, shared, writer) for name, value in cast("Document", logic).items()}
    return [_opened(each, shared, writer) for each in cast("list[Any]", logic)] if isinstance(logic, list) else logic
