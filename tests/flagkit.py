"""Flags for tests."""

from typing import Any

from ferryman.flags.definition import Flag, Kind, Rollout, Share, Variant


def release(key: str = "new-checkout", **changes: Any) -> Flag:
    """A release flag at 10 percent."""
    given: dict[str, Any] = {
        "key": key,
        "kind": Kind.RELEASE,
        "owner": "payments",
        "expires": "2027-03-31",
        "variants": (Variant("on", True), Variant("off", False)),
        "off": "off",
        "rollout": Rollout(seed=key, split=(Share("on", 100.0),), exposure_percent=10.0),
    }
    return Flag(**(given | changes))


def rollout(exposure: float, *split: tuple[str, float], **changes: Any) -> Rollout:
    """A rollout with the shares in this order; `on` for all without any."""
    shares = tuple(Share(*each) for each in split) or (Share("on", 100.0),)
    return Rollout(**({"seed": "seed", "split": shares, "exposure_percent": exposure} | changes))


def experiment(names: tuple[str, ...], given: Rollout, key: str = "banner") -> Flag:
    """An experiment with text variants and `off` beside them."""
    variants = tuple(Variant(name, f"the {name} one") for name in (*names, "off"))
    return Flag(key=key, kind=Kind.EXPERIMENT, variants=variants, off="off", rollout=given)
