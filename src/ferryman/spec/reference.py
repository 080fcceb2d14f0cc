"""The reference of the release file in Markdown, made from the table and the examples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from ferryman.analysis.registry import JUDGES
from ferryman.spec.calendar_table import WINDOW, WINDOWS
from ferryman.spec.catalog import example, example_names
from ferryman.spec.evidence_source import EVIDENCE_SOURCE, PROMETHEUS_SOURCE
from ferryman.spec.flag_strategy import FLAG_STEP, FLAG_STRATEGY
from ferryman.spec.gate_table import APPROVAL, APPROVALS
from ferryman.spec.lint import WARNINGS
from ferryman.spec.report import CODES
from ferryman.spec.secret import SECRETS
from ferryman.spec.shapes import Key, Keys
from ferryman.spec.special import CHECK, TESTER
from ferryman.spec.steps import BESIDE_WEIGHT, FORMS, PRESETS
from ferryman.spec.steps import FLAG_STEP as FLAG_STEP_KEYS
from ferryman.spec.strategy_table import BLUE_GREEN, CANARY, KINDS, ROLLING
from ferryman.spec.table import ANALYSIS, CAPACITY, CHECKLIST, DEADLINES, HEALTH, LIMITS, ROOT, RUN, STRATEGY, TRAFFIC

INTRODUCTION = """\
# The release file

{doc}

By habit it is called `ferryman.yaml` and lies beside the code. `ferry init` writes one to start from, `ferry check` says what is wrong with it and `ferry plan` what it will do.

This page is printed by `ferry spec --markdown`; `ferry spec --schema` prints a JSON Schema for editors.
"""
VALUES = """\
## Values

The file is YAML 1.2, one document, without tags; a key may stand only once in a mapping.

- A **duration** is a number with a unit: `500ms`, `30s`, `10m`, `1h30m`, `2d`. A number alone is refused.
- A number of **instances** is whole (`3`), or a share of `replicas` (`25%`).
- A **text** that looks like a number, like `true` or like a date needs quotes: `"1.10"`.
- Where `never` or `immediately` are known, they stand for no end and for no time.
"""
FLAG_STEP_RULES = """\
Percentages rise and go from 0.001 to 100 in steps of 0.001; a user who was exposed stays so. One needs a pass of the judge,
who compares those who meet the flag with those who do not, as the programs report it. A step by people has its hold alone,
and they keep what they have until everybody does.
"""
STEP_RULES = """\
Weights rise and go from 0.1 to 100 in steps of 0.1. A weight holds for the canary's `hold` and then needs a pass of the
judge. One that is followed at once by `pause` or `analyse` has neither, unless it says so itself. Weight 100 is the
last step, has no hold and is put there if it is missing; after it comes `bake`.
"""


def reference_markdown() -> str:
    """The whole page."""
    parts = [
        INTRODUCTION.format(doc=ROOT.doc),
        VALUES,
        "\n".join(["## Keys", "", *key_table(ROOT.keys)]) + "\n",
        *(_section(keys) for keys in (RUN, HEALTH, TRAFFIC)),
        _section(TESTER, level=3),
        "\n".join(_strategies()),
        *(_section(keys, level=3) for keys in (ROLLING, BLUE_GREEN, CANARY)),
        "\n".join(_steps()),
        _section(FLAG_STEP_KEYS, level=4),
        _section(FLAG_STRATEGY, level=3),
        "\n".join(_flag_steps()),
        *(_section(keys) for keys in (CHECK, ANALYSIS)),
        _section(LIMITS, level=3),
        _section(EVIDENCE_SOURCE, level=3),
        _section(PROMETHEUS_SOURCE, level=3),
        _section(SECRETS, level=3),
        "\n".join(_judges()),
        _section(APPROVALS),
        _section(APPROVAL, level=3),
        _section(WINDOWS),
        _section(WINDOW, level=3),
        *(_section(keys) for keys in (DEADLINES, CAPACITY, CHECKLIST)),
        "\n".join(_examples()),
        "\n".join(_codes("Problems", "Any of these refuses the file. All of them are told at once.", CODES)),
        "\n".join(_codes("Warnings", "These are allowed, and told by `ferry check`.", WARNINGS)),
    ]
    return "\n".join(parts)


def _section(keys: Keys, level: int = 2) -> str:
    return "\n".join([f"{'#' * level} {keys.title}", "", keys.doc, "", *key_table(keys.keys)]) + "\n"


def key_table(keys: Iterable[Key]) -> Iterator[str]:
    """The lines of a table of keys."""
    yield "| Key | Value | Default | Meaning |"
    yield "|---|---|---|---|"
    for key in keys:
        default = "needed" if key.required else _written(key.default)
        yield f"| `{key.name}` | {_cell(key.kind.label)} | {default} | {_cell(key.doc)} |"


def _written(default: object) -> str:
    """A default as a release file has it."""
    if default is None:
        return ""
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _strategies() -> Iterator[str]:
    yield from (f"## {STRATEGY.title}", "", STRATEGY.doc, "", "| Key | Meaning |", "|---|---|")
    for key in KINDS:
        value = f"[`{key.name}`](#{key.kind.title.casefold()})" if isinstance(key.kind, Keys) else f"`{key.name}`"
        yield f"| {value} | {_cell(key.doc)} |"
    yield from ("", "`recreate` takes the words `i-accept-downtime` and nothing else.", "")


def _steps() -> Iterator[str]:
    yield from ("### Steps", "", "Each step is a number or a mapping with one of these keys.", "")
    yield from ("| Key | Value | Meaning |", "|---|---|---|")
    for key in FORMS:
        yield f"| `{key.name}` | {_cell(key.kind.label)} | {_cell(key.doc)} |"
    yield from ("", "Beside `weight` there may be:", "", "| Key | Value | Meaning |", "|---|---|---|")
    for key in BESIDE_WEIGHT:
        yield f"| `{key.name}` | {_cell(key.kind.label)} | {_cell(key.doc)} |"
    yield from ("", STEP_RULES, "| Preset | Weights |", "|---|---|")
    for name, weights in PRESETS.items():
        yield f"| `{name}` | {', '.join(f'{weight:g}' for weight in weights)} |"
    yield ""


def _flag_steps() -> Iterator[str]:
    yield from (
        "### Steps of a flag",
        "",
        "Each is a number, the name of a segment, or a mapping with one of these keys.",
        "",
    )
    yield from ("| Key | Value | Beside it | Meaning |", "|---|---|---|---|")
    for key in FLAG_STEP.forms:
        beside = ", ".join(f"`{each.name}`" for each in FLAG_STEP.beside.get(key.name, ()))
        yield f"| `{key.name}` | {_cell(key.kind.label)} | {beside} | {_cell(key.doc)} |"
    yield from ("", FLAG_STEP_RULES)


def _judges() -> Iterator[str]:
    yield from ("### Options of the judges", "")
    for name, judge in JUDGES.items():
        yield from (f"Of `{name}`:", "", "| Option | Default | Meaning |", "|---|---|---|")
        for option, what in judge.options.items():
            yield f"| `{option}` | {_written(what.default)} | {_cell(what.about)} |"
        yield ""


def _examples() -> Iterator[str]:
    yield from (
        "## Examples",
        "",
        "`ferry spec --example NAME` prints one.",
        "",
        "| Name | What it shows |",
        "|---|---|",
    )
    for name in example_names():
        yield f"| `{name}` | {_cell(example_title(name))} |"
    yield from ("", "Every section, with its defaults:", "", "```yaml", example("full").rstrip("\n"), "```", "")


def example_title(name: str) -> str:
    """What an example shows: the first sentence of the comment at its top."""
    words: list[str] = []
    for line in example(name).splitlines():
        if not line.startswith("#"):
            break
        words += line.removeprefix("#").split()
    text = " ".join(words)
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]


def _codes(title: str, doc: str, codes: dict[str, str]) -> Iterator[str]:
    yield from (f"## {title}", "", doc, "", "| Code | Meaning |", "|---|---|")
    for code, meaning in codes.items():
        yield f"| `{code}` | {_cell(meaning)} |"
    yield ""
