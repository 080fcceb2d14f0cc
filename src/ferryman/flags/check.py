"""What is wrong with flags that are well formed: each finding with the path of the key that it is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from itertools import islice, pairwise
from typing import Any, NamedTuple

import msgspec

from ferryman.flags.compile import TooLargeError, compile_flag, hashes_of
from ferryman.flags.definition import (
    ALLOWED_MAX,
    DEPTH_MAX,
    FLAG_BYTES_MAX,
    Flag,
    FlagSet,
    Kind,
    Rule,
    in_environment,
)
from ferryman.flags.expression import ExpressionError, parse_when
from ferryman.flags.logic import depth_of, implicit_fractional, malformed, nodes, operands, operation
from ferryman.flags.references import cycle, logic_of, need_edges, segment_edges, segments_of, segments_of_segment
from ferryman.flags.schema import mismatches, schema_faults
from ferryman.flags.slots import is_exact
from ferryman_flags.patterns import PatternError, search_of

Path = tuple[str | int, ...]
FINDINGS_MAX = 10
"""Of one variant."""


class Finding(NamedTuple):
    """One thing wrong. `path` leads from the document to the key; `code` as in `ferryman.spec.report.CODES`."""

    path: Path
    code: str
    message: str
    hint: str


def check_flag(flag: Flag) -> Iterator[Finding]:
    """What is wrong with one flag, whatever else there is."""
    at: Path = ("flags", flag.key)
    yield from _variants(flag, at)
    yield from _schema(flag, at)
    if flag.imported is not None and not _is_object(flag.imported.body):
        yield Finding(
            (*at, "imported", "body"), "not_allowed", "this is no JSON object", "import the flag again, or delete it"
        )
    yield from _kind(flag, at)
    yield from _rules(flag.rules, flag, (*at, "rules"))
    yield from _rollout(flag, at)
    for name, place in flag.environments.items():
        yield from _rules(place.rules or (), flag, (*at, "environments", name, "rules"))
        if place.default is not None:
            yield from _known(flag, place.default, (*at, "environments", name, "default"))
        if place.exposure_percent is not None and flag.rollout is None:
            yield Finding(
                (*at, "environments", name, "rollout"), "not_allowed", "the flag has no rollout to be exposed by",
                "give the flag a `rollout`",
            )  # fmt: skip
        elif place.exposure_percent is not None and not is_exact(place.exposure_percent):
            yield _fine((*at, "environments", name, "rollout", "exposure"))
    size = len(msgspec.json.encode(flag))
    if size > FLAG_BYTES_MAX:
        yield Finding(at, "too_large", f"the flag has {size} bytes; at most {FLAG_BYTES_MAX}", "use segments for lists")


def _variants(flag: Flag, at: Path) -> Iterator[Finding]:
    if not flag.variants:
        yield Finding((*at, "variants"), "missing", "there are no variants", "write variants: {on: true, off: false}")
        return
    first, *rest = flag.variants
    for variant in flag.variants:
        if json_type(variant.value) == "null":
            hint = "clients take a null for a type of its own and fall back to their code"
            yield Finding((*at, "variants", variant.name), "wrong_type", f"`{variant.name}` is null", hint)
    for variant in rest:
        if json_type(variant.value) != json_type(first.value):
            message = (
                f"`{variant.name}` is {_a(json_type(variant.value))} and `{first.name}` {_a(json_type(first.value))}"
            )
            yield Finding((*at, "variants", variant.name), "wrong_type", message, "all variants are of one type")
    yield from _known(flag, flag.off, (*at, "off"))
    if flag.default:
        yield from _known(flag, flag.default, (*at, "default"))
        if flag.rollout is not None:
            message = "`default` has no effect beside `rollout`, which decides about everybody"
            yield Finding((*at, "default"), "exclusive", message, "delete `default`; the unexposed get `off`")


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def _schema(flag: Flag, at: Path) -> Iterator[Finding]:
    """A schema that is none, or values that are not as it says."""
    if flag.schema is None:
        return
    faults = tuple(islice(schema_faults(flag.schema), FINDINGS_MAX))
    for path, message in faults:
        yield Finding(
            (*at, "schema", *path), "not_allowed", message, "JSON Schema, draft 2020-12; see docs/reference/flags.md"
        )
    for variant in flag.variants if not faults else ():
        for path, message in islice(mismatches(flag.schema, variant.value), FINDINGS_MAX):
            hint = f"so says `schema`: change the variant `{variant.name}`, or the schema"
            yield Finding((*at, "variants", variant.name, *path), "not_allowed", message, hint)


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def json_type(value: Any) -> str:
    """Its type as JSON has it; whole and other numbers are one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple) else "object"


def _known(flag: Flag, variant: str, path: Path) -> Iterator[Finding]:
    if not flag.has(variant):
        names = ", ".join(v.name for v in flag.variants[:10])
        yield Finding(path, "not_allowed", f"there is no variant `{variant}`", f"known: {names}")


def _kind(flag: Flag, at: Path) -> Iterator[Finding]:
    kind = flag.kind
    if kind is Kind.RELEASE and not flag.owner:
        yield Finding(
            (*at, "owner"), "missing", "a release flag needs an `owner`", "who takes it out of the code again?"
        )
    if kind is Kind.RELEASE and not flag.expires:
        hint = 'write a date: expires: "2027-03-31"'
        yield Finding((*at, "expires"), "missing", "a release flag needs `expires`", hint)
    if flag.expires and not _is_date(flag.expires):
        hint = 'write year, month and day: "2027-03-31"'
        yield Finding((*at, "expires"), "not_allowed", f"`{flag.expires[:40]}` is no date", hint)
    if kind in {Kind.OPS, Kind.PERMISSION} and flag.expires:
        yield Finding((*at, "expires"), "not_allowed", f"a flag of kind {kind} does not expire", "delete `expires`")
    if kind is Kind.PERMISSION and flag.rollout is not None:
        hint = "decide by rules on plan or role, or make it a release flag"
        yield Finding((*at, "rollout"), "not_allowed", "a permission flag has no rollout", hint)
    if flag.breaker is not None and kind is not Kind.OPS:
        yield Finding((*at, "breaker"), "not_allowed", f"a flag of kind {kind} has no breaker", "make it an ops flag")
    if kind is Kind.EXPERIMENT and flag.rollout is None:
        yield Finding(
            (*at, "rollout"), "missing", "an experiment needs a `rollout`", "rollout: {split: {a: 50, b: 50}}"
        )
    if kind is Kind.EXPERIMENT and len(flag.variants) < 2:
        yield Finding((*at, "variants"), "missing", "an experiment needs two variants or more", "what is compared?")
    if flag.rollout is not None and flag.rollout.namespace is not None and kind is not Kind.EXPERIMENT:
        path: Path = (*at, "rollout", "namespace")
        yield Finding(path, "not_allowed", f"a flag of kind {kind} has no namespace", "make it an experiment")


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _rules(rules: tuple[Rule, ...], flag: Flag, at: Path) -> Iterator[Finding]:
    for number, rule in enumerate(rules):
        path: Path = (*at, number)
        yield from _known(flag, rule.serve, (*path, "serve"))
        if len(rule.allow) > ALLOWED_MAX:
            message = f"{len(rule.allow)} keys are allowed one by one; at most {ALLOWED_MAX}"
            yield Finding((*path, "allow"), "out_of_range", message, "use an attribute, such as user.staff")
        if rule.when and rule.logic is not None:
            yield Finding((*path, "logic"), "exclusive", "`when` and `logic` exclude each other", "keep `when`")
        elif rule.when:
            yield from check_when(rule.when, (*path, "when"))
        elif rule.logic is not None:
            yield from _logic(rule.logic, (*path, "logic"))
        elif not rule.allow and number < len(rules) - 1:
            message = "this rule fits everybody: those below it are never reached"
            yield Finding(path, "not_allowed", message, "give it `when` or `allow`, or put it last")


def check_when(when: str, path: Path) -> Iterator[Finding]:
    """What is wrong with a condition."""
    try:
        yield from _logic(parse_when(when), path)
    except ExpressionError as error:
        yield Finding(path, "not_allowed", f"{error.message} (character {error.at + 1})", error.hint)


def _logic(logic: Any, path: Path) -> Iterator[Finding]:
    wrong = malformed(logic)
    depth = depth_of(logic)
    if wrong:
        yield Finding(path, "not_allowed", wrong, "see the operators in docs/reference/flags.md")
    elif depth > DEPTH_MAX:
        yield Finding(path, "too_deep", f"operators are nested {depth} deep; at most {DEPTH_MAX}", "use segments")
    else:
        yield from _patterns(logic, path)


def _patterns(logic: Any, path: Path) -> Iterator[Finding]:
    """Regular expressions that no evaluator of ours would use."""
    for node, _ in nodes(logic):
        found = operation(node)
        if found is None or found[0] != "regex":
            continue
        written = operands(found[1])
        if len(written) < 2 or not isinstance(written[1], str):
            continue
        pattern: str = written[1]
        try:
            search_of(pattern)
        except PatternError as error:
            message = f"the pattern `{pattern[:60]}` cannot be used: {error}"
            hint = "its time must grow with the text alone; see conditions in flags.md"
            yield Finding(path, "not_allowed", message, hint)


def _rollout(flag: Flag, at: Path) -> Iterator[Finding]:
    rollout = flag.rollout
    if rollout is None:
        return
    path: Path = (*at, "rollout")
    for share in rollout.split:
        yield from _known(flag, share.variant, (*path, "split", share.variant))
        if not is_exact(share.percent):
            yield _fine((*path, "split", share.variant))
    total = sum(share.percent for share in rollout.split)
    if abs(total - 100.0) > 1e-6:
        hint = "the split is of those exposed; how many those are says `exposure`"
        yield Finding((*path, "split"), "out_of_range", f"the split sums to {total:g}, not to 100", hint)
    if not is_exact(rollout.exposure_percent):
        yield _fine((*path, "exposure"))
    space = rollout.namespace
    if space is not None and not 0 <= space.start_percent < space.end_percent <= 100:
        message = f"{space.start_percent:g} to {space.end_percent:g} is no range within 0 to 100"
        yield Finding((*path, "namespace"), "out_of_range", message, "namespace: {name: checkout, from: 0, to: 50}")


def _fine(path: Path) -> Finding:
    return Finding(path, "out_of_range", "finer than 0.001 %", "write at most three digits after the point")


# ---------------------------------------------------------------------- flags together
def check_set(whole: FlagSet, environment: str, only: Collection[str] | None = None) -> Iterator[Finding]:
    """What is wrong with flags and segments together, each of which is right by itself, as they are in one environment.
    `only` names the flags that changed, or whose needs or segments did: the others were checked before."""
    changed = [flag for key, flag in whole.flags.items() if only is None or key in only]
    findings = [*_references(whole, changed), *_circles(whole, changed)]
    findings = findings or [*_hashes(whole, changed)]
    yield from findings
    if findings:
        return
    if any(flag.rollout and flag.rollout.namespace for flag in changed):
        yield from _namespaces(whole)
    here = whole
    if any(flag.environments for flag in changed):
        flags = {key: in_environment(flag, environment) for key, flag in whole.flags.items()}
        here = FlagSet(flags, whole.segments)
    for flag in changed:
        try:
            targeting = compile_flag(here.flags[flag.key], here, {}).get("targeting")
        except TooLargeError as error:
            yield Finding(("flags", flag.key), "too_large", str(error), "use fewer needs, or shorter segments")
            continue
        depth = depth_of(targeting)
        if depth > DEPTH_MAX:
            message = f"with its needs and segments, operators are nested {depth} deep; at most {DEPTH_MAX}"
            yield Finding(("flags", flag.key), "too_deep", message, "make the chain of needs shorter")


def _references(whole: FlagSet, changed: Iterable[Flag]) -> Iterator[Finding]:
    for flag in changed:
        for number in range(len(flag.needs)):
            yield from _need(flag, number, whole)
        for name in sorted(segments_of(flag) - whole.segments.keys()):
            yield Finding(
                ("flags", flag.key, "rules"), "not_allowed", f"there is no segment `{name}`", "write it first"
            )
    for segment in whole.segments.values():
        for name in sorted(segments_of_segment(segment) - whole.segments.keys()):
            yield Finding(("segments", segment.key), "not_allowed", f"there is no segment `{name}`", "write it first")


def _circles(whole: FlagSet, changed: Iterable[Flag]) -> Iterator[Finding]:
    """A circle is new only if somebody in it changed, who then needs something."""
    needing = need_edges(whole.flags.values()) if any(flag.needs for flag in changed) else {}
    for kind, way in (("flags", cycle(needing)), ("segments", cycle(segment_edges(whole.segments.values())))):
        if way:
            path: Path = (kind, way[0], "needs") if kind == "flags" else (kind, way[0])
            message = f"{kind} refer to each other in a circle: {' -> '.join(way)}"
            yield Finding(path, "not_allowed", message, "take one of them out")


def _need(flag: Flag, number: int, whole: FlagSet) -> Iterator[Finding]:
    need = flag.needs[number]
    path: Path = ("flags", flag.key, "needs", number)
    other = whole.flags.get(need.flag)
    if other is None:
        yield Finding((*path, "flag"), "not_allowed", f"there is no flag `{need.flag}`", "write it first")
    elif not other.has(need.variant):
        yield from (f._replace(path=(*path, "is")) for f in _known(other, need.variant, path))
    elif any(implicit_fractional(logic_of(rule)) for rule in other.rules if rule.logic is not None):
        message = f"`{need.flag}` divides users by its own key, which would be another division inside this flag"
        yield Finding((*path, "flag"), "not_allowed", message, "give its `fractional` a first argument with a seed")


def _hashes(whole: FlagSet, changed: Iterable[Flag]) -> Iterator[Finding]:
    for flag in changed:
        if len(hashes_of(flag, whole)) > 1:
            message = "it and what it needs hash by different generations, and an evaluator knows one for each flag"
            yield Finding(("flags", flag.key, "needs"), "not_allowed", message, "give them one `hash`, by `--rebucket`")


def _namespaces(whole: FlagSet) -> Iterator[Finding]:
    ranges: dict[str, list[tuple[float, float, str]]] = {}
    for flag in whole.flags.values():
        space = flag.rollout.namespace if flag.rollout else None
        if space is not None:
            ranges.setdefault(space.name, []).append((space.start_percent, space.end_percent, flag.key))
    for name, taken in ranges.items():
        ordered = sorted(taken)
        for (_, end, one), (start, _, other) in pairwise(ordered):
            if start < end:
                message = f"its range of the namespace `{name}` overlaps that of `{one}`"
                path: Path = ("flags", other, "rollout", "namespace")
                yield Finding(path, "not_allowed", message, "nobody may be in two of its experiments")


def first_of(findings: Iterator[Finding]) -> Finding | None:
    """The first one, or None."""
    return next(findings, None)


def shown(path: Path) -> str:
    """`flags.new-checkout.rules[0].serve`."""
    found = ""
    for part in path:
        found += f"[{part}]" if isinstance(part, int) else f".{part}" if found else str(part)
    return found
