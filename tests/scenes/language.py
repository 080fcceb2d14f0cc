"""The words of a scenario: settings of a release after `given`, things to do after `when`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from ferryman.model.calendar import Window, Windows
from ferryman.model.release import (
    Amount,
    Analyse,
    Approval,
    Approve,
    Audience,
    BlueGreen,
    Canary,
    CanaryStep,
    Check,
    FlagExposure,
    FlagStep,
    Pause,
    Recreate,
    Release,
    Rolling,
    Route,
    RunCheck,
    Scale,
    SetWeight,
)
from unit.playbook import release

STRATEGIES: dict[str, Any] = {
    "rolling": Rolling,
    "blue-green": BlueGreen,
    "canary": Canary,
    "recreate": Recreate,
    "flag": FlagExposure,
}
KEY = "new-checkout"


def seconds(text: str) -> float:
    """`30s` or `never` (no end)."""
    assert re.fullmatch(r"\d+(\.\d+)?s", text), f"{text!r} is not a number of seconds such as 30s"
    return float(text[:-1])


def amount(text: str) -> Amount:
    """`2` or `25%`."""
    return Amount(float(text.rstrip("%")), percent=text.endswith("%"))


def check(name: str) -> Check:
    """A check by its name."""
    return Check(name=name, http_path=f"/{name}")


def approval(text: str) -> Approval:
    """`2 of operator within 40s`, and then maybe `without the author`."""
    count, _, role, _, wait, *without = text.split()
    return Approval(int(count), role, None if wait == "never" else seconds(wait), author_counts=not without)


def _open(text: str) -> Windows:
    """`16-40` or `16-40 off 50-60`: open from that minute of the day to that one, in UTC."""
    found = [tuple(int(n) for n in part.split("-")) for part in text.replace("off", "").split()]
    spans = tuple(Window(from_minute=a, to_minute=b) for a, b in found)
    return Windows(open=spans[:1], off_hours=spans[1:])


def step(text: str) -> CanaryStep | FlagStep:
    """One step of a canary or a flag, such as `weight 25 hold 10s judged`."""
    match text.split():
        case ["segment", name, "hold", time]:
            return Audience(name, hold_seconds=seconds(time))
        case ["weight", percent, *more]:
            hold = seconds(more[1]) if more[:1] == ["hold"] else None
            return SetWeight(float(percent), hold, analyse="judged" in more)
        case ["pause"]:
            return Pause()
        case ["pause", wait]:
            return Pause(seconds(wait))
        case ["analyse"]:
            return Analyse()
        case ["scale", "match"]:
            return Scale()
        case ["scale", count]:
            return Scale(amount(count))
        case ["header", "none"]:
            return Route()
        case ["header", pair]:
            name, value = pair.split("=")
            return Route("header", name, value)
        case ["approve", *more]:
            return Approve(approval(" ".join(more)))
        case ["check", name]:
            return RunCheck(check(name))
        case _:
            raise AssertionError(f"no such step: {text!r}")


def _steps(text: str) -> tuple[CanaryStep | FlagStep, ...]:
    return tuple(step(part.strip()) for part in text.split(","))


def _checks(text: str) -> tuple[Check, ...]:
    return tuple(check(part.strip()) for part in text.split(","))


def _delay(text: str) -> float | None:
    return None if text == "never" else seconds(text)


# Word of the scenario: (where it belongs, field, how it is read).
SETTINGS: dict[str, tuple[str, str, Any]] = {
    "replicas": ("release", "replicas", int),
    "risk": ("release", "risk", str),
    "windows": ("release", "windows", _open),
    "capacity floor": ("release", "capacity_floor", float),
    "undo window": ("release", "undo_window", int),
    "router": ("routing", "router", str),
    "preview port": ("routing", "preview_port", int),
    "deadline": ("deadlines", "progress_seconds", seconds),
    "abort delay": ("deadlines", "abort_scale_down_seconds", seconds),
    "longest wait": ("analysis", "min_wait_seconds", seconds),
    "on fail": ("analysis", "on_fail", str),
    "on error": ("analysis", "on_error", str),
    "on insufficient": ("analysis", "on_insufficient", str),
    "on inconclusive": ("analysis", "on_inconclusive", str),
    "on deadline": ("deadlines", "on_deadline", str),
    "approval at the start": ("approvals", "start", approval),
    "approval of the promotion": ("approvals", "promotion", approval),
    "steps": ("strategy", "steps", _steps),
    "stable": ("strategy", "stable", str),
    "bake": ("strategy", "bake_seconds", seconds),
    "old side": ("strategy", "scale_down_delay_seconds", _delay),
    "surge": ("strategy", "max_surge", amount),
    "unavailable": ("strategy", "max_unavailable", amount),
    "checks before": ("strategy", "checks_before", _checks),
    "checks after": ("strategy", "checks_after", _checks),
    "promotion": ("strategy", "auto_promote", lambda text: text == "automatic"),
}


@dataclass
class Wish:
    """What a release of the scenario is made of."""

    settings: dict[str, str] = field(default_factory=dict[str, str])

    def with_text(self, text: str) -> Wish:
        """The same with `replicas=8 bake=3s` on top; a hyphen joins words of a name, an underscore those of a value."""
        more = dict(part.split("=", 1) for part in text.split())
        return Wish(
            {**self.settings, **{name.replace("-", " "): value.replace("_", " ") for name, value in more.items()}}
        )

    def release(self, label: str) -> Release:
        """The release with this label."""
        groups: dict[str, dict[str, Any]] = {}
        for word, value in self.settings.items():
            if word == "strategy":
                continue
            assert word in SETTINGS, f"{word!r} is none of {', '.join(SETTINGS)}"
            group, name, read = SETTINGS[word]
            groups.setdefault(group, {})[name] = read(value)
        kind = STRATEGIES[self.settings.get("strategy", "canary")]
        calm = {"bake_seconds": 0.0, "scale_down_delay_seconds": 0.0} if kind in (Canary, BlueGreen) else {}
        if kind is FlagExposure:
            calm = {"key": KEY, "bake_seconds": 0.0}
            groups["release"] = {"replicas": 0, "health_http_path": None, **groups.get("release", {})}
            groups["routing"] = {"port": None, "router": "none"}
        base = release(label, strategy=kind(**{**calm, **groups.get("strategy", {})}), **groups.get("release", {}))
        parts = {name: replace(getattr(base, name), **values) for name, values in groups.items() if name in PARTS}
        return replace(base, **parts)


PARTS = ("routing", "deadlines", "analysis", "approvals")
