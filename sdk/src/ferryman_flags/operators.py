"""The operators of targeting that are functions of their evaluated arguments, and what each may be given.

A missing argument is null and a surplus one is ignored, unless said otherwise; null as a result means "cannot be told".
`regex`, `cidr` and `date` are ours: a flag that uses them evaluates in no other flagd client.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from ferryman_flags.hashing import WEIGHT_SUM_MAX, bucket, hash_v2, hash_v3, slot_weight
from ferryman_flags.patterns import PatternError, Search, search_of
from ferryman_flags.semver import sem_ver
from ferryman_flags.values import NAN, equal, is_list, member, number, pair, text, truthy

Operator = Callable[..., Any]

REGEX_TEXT_CHARACTERS_MAX = 4096
_SEM_VER_ARGUMENTS = 3
_TEXT_ARGUMENTS = 2


def ordered(compare: Callable[[Any, Any], bool]) -> Operator:
    """`<` and its like: of two, or of three when the third is not null (is the second between the others?)."""

    def holds(a: Any = None, b: Any = None, c: Any = None, *_: Any) -> bool:
        return compare(*pair(a, b)) and (c is None or compare(*pair(b, c)))

    return holds


def add(*values: Any) -> float | int:
    """The sum; 0 of nothing."""
    return sum(number(value) for value in values)


def multiply(*values: Any) -> float | int:
    """The product; 1 of nothing."""
    product: float | int = 1
    for value in values:
        product *= number(value)
    return product


def subtract(a: Any = None, b: Any = None, *_: Any) -> float | int:
    """The difference, or the opposite number of a single one."""
    return -number(a) if b is None else number(a) - number(b)


def merge(*values: Any) -> list[Any]:
    """One list of all, lists among them opened once."""
    merged: list[Any] = []
    for value in values:
        if is_list(value):
            merged.extend(value)
        else:
            merged.append(value)
    return merged


def substr(written: Any = None, start: Any = None, length: Any = None, *_: Any) -> str:
    """A part of a text: negative `start` counts from the end, negative `length` leaves that many off the end."""
    whole, first = text(written), number(start)
    size = len(whole)
    if first != first:  # noqa: PLR0124  NaN
        first = 0
    elif first < 0:
        first = 0 if -first >= size else size - int(-first)
    else:
        first = min(int(first), size)
    if length is None:
        return whole[int(first) :]
    count = number(length)
    if count != count:  # noqa: PLR0124  NaN
        return ""
    end = int(first) + int(count) if count >= 0 else size + int(count)
    return whole[int(first) : max(end, int(first))]


def starts_with(*values: Any) -> bool | None:
    """Whether a text starts with another; null unless both are texts and there are two."""
    whole, part = values if len(values) == _TEXT_ARGUMENTS else (None, None)
    return whole.startswith(part) if isinstance(whole, str) and isinstance(part, str) else None


def ends_with(*values: Any) -> bool | None:
    """Whether a text ends with another; null unless both are texts and there are two."""
    whole, part = values if len(values) == _TEXT_ARGUMENTS else (None, None)
    return whole.endswith(part) if isinstance(whole, str) and isinstance(part, str) else None


def versions(*values: Any) -> bool | None:
    """`sem_ver` of exactly three arguments; null otherwise."""
    return sem_ver(*values) if len(values) == _SEM_VER_ARGUMENTS else None


def fractional(generation: str, flag_key: str, targeting_key: Any, values: tuple[Any, ...]) -> Any:
    """The variant of the slot that a key falls into: see `ferryman_flags.hashing` for the two generations.

    `values` are the slots, `[variant, weight]` or `[variant]` (weight 1), the value to bucket by before them; without
    one it is flag key and targeting key. Null when there is no key, a slot is none, or no weight.
    """
    if not values:
        return None
    hashed = _hash_of_first(generation, flag_key, targeting_key, values[0])
    if hashed is None:
        return None
    hash_value, is_slot = hashed
    slots: list[tuple[Any, int]] = []
    for value in values if is_slot else values[1:]:
        slot = _slot(value)
        if slot is None:
            return None
        slots.append(slot)
    total = sum(weight for _, weight in slots)
    if not 0 < total <= WEIGHT_SUM_MAX:
        return None
    place, end = bucket(hash_value, total), 0
    for variant, weight in slots:
        end += weight
        if place < end:
            return variant
    return None


def _hash_of_first(generation: str, flag_key: str, targeting_key: Any, first: Any) -> tuple[int, bool] | None:
    """The hash, and whether the first argument is a slot already; None without a key to hash."""
    if generation == "v2":
        if isinstance(first, str):
            return (hash_v2(first), False) if first else None
        return (hash_v2(flag_key + targeting_key), True) if targeting_key else None
    is_slot = isinstance(first, (list, tuple))
    if first is None or (is_slot and not (isinstance(targeting_key, str) and targeting_key)):
        return None
    try:
        return hash_v3([flag_key, targeting_key] if is_slot else first), is_slot
    except (TypeError, ValueError):
        return None


def _slot(value: Any) -> tuple[Any, int] | None:
    if not isinstance(value, (list, tuple)):
        return None
    parts: list[Any] = [*value]
    if len(parts) not in {1, 2}:
        return None
    weight = slot_weight(parts[1]) if len(parts) > 1 else 1
    return None if weight is None else (parts[0], weight)


def regex(written: Any = None, pattern: Any = None, *_: Any) -> bool | None:
    """Whether a pattern (syntax of Python's `re`, at most 512 characters) is found in a text of at most 4,096.

    Null for anything else, also for a pattern that takes a time without bound: `ferryman_flags.patterns` says which.
    """
    if not isinstance(written, str) or not isinstance(pattern, str) or len(written) > REGEX_TEXT_CHARACTERS_MAX:
        return None
    search = _search(pattern)
    return None if search is None else search(written)


@lru_cache(maxsize=256)
def _search(pattern: str) -> Search | None:
    try:
        return search_of(pattern)
    except PatternError:
        return None


def cidr(address: Any = None, networks: Any = None, *_: Any) -> bool | None:
    """Whether an IP address lies in a network ("10.0.0.0/8", "fd00::/8") or in one of a list; null if one is none."""
    if not isinstance(address, str):
        return None
    written: list[Any] = networks if is_list(networks) else [networks]
    parsed = [_network(item) if isinstance(item, str) else None for item in written]
    try:
        place = ip_address(address)
    except ValueError:
        return None
    if None in parsed:
        return None
    return any(net is not None and net.version == place.version and place in net for net in parsed)


@lru_cache(maxsize=4096)
def _network(written: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(written, strict=False)
    except ValueError:
        return None


_DATE_COMPARE: dict[Any, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def date(left: Any = None, operator: Any = None, right: Any = None, *_: Any) -> bool | None:
    """Whether `<`, `<=`, `>` or `>=` holds between two times: ISO 8601, UTC unless it says otherwise, or Unix seconds.

    `{"date": [{"var": "$flagd.timestamp"}, ">=", "2027-01-01"]}`. Null for what is no time, or another operator.
    """
    compare = _DATE_COMPARE.get(operator) if isinstance(operator, str) else None
    a, b = _seconds(left), _seconds(right)
    return None if compare is None or a is None or b is None else compare(a, b)


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        return _iso_seconds(value)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


@lru_cache(maxsize=1024)
def _iso_seconds(written: str) -> float | None:
    try:
        at = datetime.fromisoformat(written)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _one(function: Callable[[Any], Any]) -> Operator:
    def call(a: Any = None, *_: Any) -> Any:
        return function(a)

    return call


def _two(function: Callable[[Any, Any], Any]) -> Operator:
    def call(a: Any = None, b: Any = None, *_: Any) -> Any:
        return function(a, b)

    return call


OPERATORS: dict[str, Operator] = {
    "==": _two(equal),
    "!=": _two(lambda a, b: not equal(a, b)),
    "===": _two(eq),
    "!==": _two(ne),
    "<": ordered(lt),
    "<=": ordered(le),
    ">": ordered(gt),
    ">=": ordered(ge),
    "!": _one(lambda a: not truthy(a)),
    "!!": _one(truthy),
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": _two(lambda a, b: number(a) / number(b)),
    "%": _two(lambda a, b: number(a) % number(b)),
    "min": lambda *values: min(map(number, values)) if values else NAN,
    "max": lambda *values: max(map(number, values)) if values else NAN,
    "in": _two(member),
    "cat": lambda *values: "".join(map(text, values)),
    "merge": merge,
    "log": _one(lambda a: a),  # nothing is printed: a flag has no business on standard output
    "substr": substr,
    "starts_with": starts_with,
    "ends_with": ends_with,
    "sem_ver": versions,
    "regex": regex,
    "cidr": cidr,
    "date": date,
}
"""By name; each takes its arguments evaluated. What needs to see the data too, or not to evaluate, is in `logic`."""

OURS = frozenset({"regex", "cidr", "date"})
"""Operators that no other flagd client knows."""

YES_OR_NO = frozenset({"==", "!=", "===", "!==", "<", "<=", ">", ">=", "!", "!!", "in"}) | {
    "starts_with", "ends_with", "sem_ver", "regex", "cidr", "date",
}  # fmt: skip
"""Operators whose result is true, false or null."""
