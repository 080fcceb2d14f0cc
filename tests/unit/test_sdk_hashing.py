"""Buckets: the encoding, the hash and the thresholds, against other implementations and fixed values."""

from typing import Any

import cbor2
import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman_flags import Evaluator
from ferryman_flags.hashing import HASH_RANGE, WEIGHT_SUM_MAX, bucket, cbor, hash_v2, hash_v3, murmur3, thresholds
from flag_worlds import values


def as_encoded(value: Any) -> Any:
    """Floats without a fraction are encoded as integers."""
    if isinstance(value, dict):
        return {key: as_encoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_encoded(item) for item in value]
    if isinstance(value, float) and value.is_integer() and -(2**63) <= value < 2**64:
        return int(value)
    return value


@given(st.one_of(values, st.floats(), st.integers(), st.text()))
def test_the_encoding_is_the_canonical_one(value: Any) -> None:
    assert cbor(value) == cbor2.dumps(as_encoded(value), canonical=True)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (256, "190100"),
        (2**64 - 1, "1bffffffffffffffff"),
        (2**64, "c249010000000000000000"),
        (-1, "20"),
        (1.0, "01"),
        (1.5, "f93e00"),
        (0.1, "fb3fb999999999999a"),
        (100000.5, "fa47c35040"),
        (float("inf"), "f97c00"),
        (float("nan"), "f97e00"),
        (True, "f5"),
        (None, "f6"),
        ("ä", "62c3a4"),
        (["f", "u"], "8261666175"),
        ({"aa": 1, "b": 2}, "a2616202626161" + "01"),
    ],
)
def test_fixed_encodings(value: Any, written: str) -> None:
    """Values of RFC 8949, appendix A, and shorter keys first."""
    assert cbor(value).hex() == written


def test_a_value_without_an_encoding() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(ValueError, match="deep"):
        cbor(deep)
    with pytest.raises(TypeError):
        cbor(object())


def test_fixed_hashes() -> None:
    """A change of one of these moves users."""
    assert murmur3(b"") == 0
    assert murmur3(b"hello") == 0x248BFA47
    assert hash_v2("new-checkoutuser-1") == mmh3.hash("new-checkoutuser-1", signed=False)
    assert hash_v3(["new-checkout", "user-1"]) == mmh3.hash(b"\x82\x6cnew-checkout\x66user-1", signed=False)
    assert hash_v3("new-checkout.user-1") == mmh3.hash(b"\x73new-checkout.user-1", signed=False)


weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=8).filter(any)


@given(weights, st.integers(0, HASH_RANGE - 1))
def test_a_hash_is_below_a_threshold_when_its_bucket_is(some: list[int], hash_value: int) -> None:
    end = 0
    for weight, limit in zip(some, thresholds(some), strict=True):
        end += weight
        for h in (hash_value, max(limit - 1, 0), min(limit, HASH_RANGE - 1)):
            assert (h < limit) == (bucket(h, sum(some)) < end)
    assert thresholds(some)[-1] == HASH_RANGE


def share(definition: dict[str, Any], key: str = "flag", users: int = 20_000) -> dict[str, float]:
    evaluator = Evaluator()
    evaluator.load({"flags": {key: definition}})
    counts: dict[str, int] = {}
    for n in range(users):
        value = evaluator.string(key, "code", {"targetingKey": f"user-{n}", "id": n, "half": n / 2})
        counts[value] = counts.get(value, 0) + 1
    return {value: count / users for value, count in counts.items()}


def split(fractional: list[Any], **more: Any) -> dict[str, Any]:
    names = {name: name for name in ("a", "b", "c")}
    return {
        "state": "ENABLED",
        "variants": names,
        "defaultVariant": "c",
        "targeting": {"fractional": fractional},
        **more,
    }


@pytest.mark.parametrize("generation", ["v2", "v3"])
@pytest.mark.parametrize("by", [[], [{"var": "targetingKey"}], [{"cat": ["seed", ".", {"var": "targetingKey"}]}]])
def test_shares_are_as_the_weights(generation: str, by: list[Any]) -> None:
    found = share(split([*by, ["a", 1], ["b", 2], ["c", 1]], metadata={"ferryman.hash": generation}))
    assert found["a"] == pytest.approx(0.25, abs=0.015)
    assert found["b"] == pytest.approx(0.5, abs=0.015)


def test_numbers_are_keys_too_and_doubles_are_the_same_ones() -> None:
    rule = split([{"var": "id"}, ["a", 1], ["b", 1]])
    evaluator = Evaluator()
    evaluator.load({"flags": {"f": rule}})
    for n in range(200):
        assert evaluator.string("f", "", {"id": n}) == evaluator.string("f", "", {"id": float(n)})
    assert share(split([{"var": "half"}, ["a", 1], ["b", 1]]))["a"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("fractional", "context", "expected"),
    [
        ([["a"], ["a", 1]], {"targetingKey": "u"}, "a"),
        ([["a", -5], ["b", 1]], {"targetingKey": "u"}, "b"),
        ([["a", 0], ["b", 0]], {"targetingKey": "u"}, "c"),
        ([["a", 1.5], ["b", 1]], {"targetingKey": "u"}, "c"),
        ([["a", True], ["b", 1]], {"targetingKey": "u"}, "c"),
        ([["a", "1"], ["b", 1]], {"targetingKey": "u"}, "c"),
        ([["a", WEIGHT_SUM_MAX], ["b", 1]], {"targetingKey": "u"}, "c"),
        ([["a", WEIGHT_SUM_MAX], ["b", 0]], {"targetingKey": "u"}, "a"),
        ([["a", 1], []], {"targetingKey": "u"}, "c"),
        ([["a", 1], ["b", 1, 1]], {"targetingKey": "u"}, "c"),
        ([], {"targetingKey": "u"}, "c"),
        ([["a", 1]], {}, "c"),
        ([["a", 1]], {"targetingKey": ""}, "c"),
        ([["a", 1]], {"targetingKey": 7}, "c"),
        ([{"var": "id"}, ["a", 1]], {"targetingKey": "u"}, "c"),
        ([{"var": "id"}, ["a", 1]], {"id": ""}, "a"),
        ([{"var": "id"}, ["a", 1]], {"id": "\ud800"}, "c"),
        ([{"var": "id"}, [{"var": "name"}, 1]], {"id": "u", "name": "b"}, "b"),
        ([{"var": "id"}, ["a", {"var": "n"}], ["b", 0]], {"id": "u", "n": 3}, "a"),
        ([[None, 1]], {"targetingKey": "u"}, "c"),
    ],
)
def test_odd_divisions(fractional: list[Any], context: dict[str, Any], expected: str) -> None:
    evaluator = Evaluator()
    evaluator.load({"flags": {"f": split(fractional)}})
    assert evaluator.string("f", "code", context) == expected


def test_many_slots_are_looked_up() -> None:
    names = {f"v{n}": f"v{n}" for n in range(40)}
    rule = {"fractional": [[name, 1] for name in names]}
    evaluator = Evaluator()
    evaluator.load({"flags": {"f": {"state": "ENABLED", "variants": names, "defaultVariant": "v0", "targeting": rule}}})
    given_out = {evaluator.string("f", "code", {"targetingKey": f"u{n}"}) for n in range(2000)}
    assert given_out == set(names)
    for n in range(50):
        context = {"targetingKey": f"u{n}"}
        place = bucket(hash_v3(["f", f"u{n}"]), 40)
        assert evaluator.string("f", "code", context) == f"v{place}"
