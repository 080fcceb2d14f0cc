"""The keys of the strategy `flag`: which feature flag grows, and in which steps."""

from __future__ import annotations

import msgspec

from ferryman.flags.definition import ALLOWED_MAX, DEFAULT_ENVIRONMENT, ENVIRONMENT_PATTERN, KEY_PATTERN
from ferryman.model.release import Audience, FlagExposure, RunCheck
from ferryman.spec.flag_table import ENVIRONMENT_RULE, FLAG_KEY, KEY_RULE
from ferryman.spec.kinds import Choice, Duration, Number, Text, items
from ferryman.spec.shapes import Given, Key, Keys, ListOf
from ferryman.spec.steps import BESIDE_WEIGHT as BESIDE_PERCENT
from ferryman.spec.steps import FORMS, HOLD, Draft, Step, Steps, from_weights, settle

DAY_SECONDS = 86_400.0
HOLD_DEFAULT_SECONDS = 600.0
EMPLOYEES = "employees"
STANDARD = from_weights((1.0, 10.0, 50.0, 100.0))
PRESETS: dict[str, tuple[tuple[Draft, ...], float]] = {
    "standard": (STANDARD, HOLD_DEFAULT_SECONDS),
    "days": (from_weights((10.0, 25.0, 50.0, 100.0)), DAY_SECONDS),
    "employees": ((Draft(Audience(EMPLOYEES)), *from_weights((1.0, 5.0, 50.0, 100.0))), HOLD_DEFAULT_SECONDS),
}
"""Steps and the hold of each: by the ten minutes, a day for each, and the company's own people first."""

PERCENT = Number(label="percent of the users", least=0.001, most=100.0, step=0.001)
SEGMENT = Text(label="segment", pattern=KEY_PATTERN, rule=KEY_RULE, most=128)
_SHARED = tuple(key for key in FORMS if key.name in ("pause", "analyse", "check", "approve"))
FLAG_FORMS: tuple[Key, ...] = (
    Key("percent", PERCENT, "Expose this share of the users. The number alone means the same."),
    Key("segment", SEGMENT, "Expose the people of a segment first. Its name alone means the same."),
    Key("allow", ListOf(Text(most=1000), empty=False, most=ALLOWED_MAX), "Expose users by their keys first."),
    *_SHARED,
)
_BESIDE_PEOPLE = (Key("hold", HOLD, "Hold of this step, instead of the flag's `hold`."),)
FLAG_STEP = Step(
    label="[step](#steps-of-a-flag)",
    forms=FLAG_FORMS,
    beside={"percent": BESIDE_PERCENT, "segment": _BESIDE_PEOPLE, "allow": _BESIDE_PEOPLE},
    share="percent",
    word="segment",
)


def _flag(given: Given) -> object:
    values = dict(given.values)
    drafts, usual = PRESETS[str(values.pop("preset", "standard"))]
    written = [draft for draft in items(values.pop("steps", None)) if isinstance(draft, Draft)]
    for draft in written:
        if isinstance(draft.step, RunCheck) and draft.step.check.http_path is not None:
            message = f"the check `{draft.step.check.name}` asks an instance, and the release of a flag has none"
            given.wrong("steps", "not_allowed", message, "use a check with `command` or `webhook`")
    hold = values.pop("hold", usual)
    steps = settle(written or drafts, hold if isinstance(hold, float) else usual)
    return msgspec.structs.replace(FlagExposure(key=""), steps=steps, **values)


FLAG_STRATEGY = Keys(
    title="Flag",
    doc=(
        "Exposes users to a feature flag, more of them with each step, as long as the judge finds those who meet it no worse "
        "off than those who do not. Nothing is started or routed; going back is one new version of the flag."
    ),
    keys=(
        Key("key", FLAG_KEY, "The flag. Left out: the one named as the service."),
        Key(
            "environment",
            Text(label="environment", pattern=ENVIRONMENT_PATTERN, rule=ENVIRONMENT_RULE, most=40),
            "Where it grows.", "environment", DEFAULT_ENVIRONMENT,
        ),
        Key(
            "steps", Steps(label="list of [steps](#steps-of-a-flag)", step=FLAG_STEP, example="[employees, 1, 10, 50, 100]"),
            "Who meets it in which order; 100 is put at the end if it is not there.", default=[1, 10, 50, 100],
        ),
        Key(
            "preset", Choice(tuple(PRESETS)),
            "A known list of `steps`: `days` is 10, 25, 50, 100, a day each; `employees` is that segment, then 1, 5, 50, 100.",
        ),
        Key("hold", HOLD, "Hold of each step that has none of its own.", default="10m"),
        Key("bake", Duration(), "Watch it this long at 100 %.", "bake_seconds", "60s"),
    ),
    exclusive=(("steps",), ("preset",)),
    build=_flag,
)  # fmt: skip
