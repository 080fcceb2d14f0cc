"""Settings file -> `Settings`, with every problem of the document at once; its reference and schema."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, cast

from msgspec.structs import replace

from ferryman.model.errors import SpecError
from ferryman.model.notify import NotifySettings
from ferryman.model.settings import Settings
from ferryman.spec.document import load
from ferryman.spec.kinds import Schema, read
from ferryman.spec.nodes import MapNode
from ferryman.spec.notify_table import NOTIFY_SECTIONS
from ferryman.spec.reference import key_table
from ferryman.spec.report import Report
from ferryman.spec.schema import DIALECT
from ferryman.spec.secret import SECRETS
from ferryman.spec.settings_table import RULE, SECTIONS, SETTINGS
from ferryman.spec.shapes import Given, Keys, homes

WHAT = "settings file"
FIELDS = {
    "publicUrl": "public_url",
    "insecureHttp": "insecure_http",
    "connectionsPerAddress": "connections_per_address",
}
"""Keys whose field in `Settings` has another name."""

INTRODUCTION = """\
# The settings file

{doc} It is called `ferry.yaml` and lies in the project folder; `ferry serve --config FILE` names another one. Without it a
controller answers over its unix socket alone.

Form and messages are those of the [release file](release-file.md): YAML 1.2, durations with a unit, and every problem
with its place. `ferry spec --settings` prints the example below.
"""


def parse_settings(text: str, file: str, folder: str) -> Settings:
    """The settings that `text` describes; paths in it are seen from `folder`. Raises `SpecError` with all that is wrong;
    messages call it `file`."""
    report = Report(file, homes(SETTINGS, Keys("", "", ())), WHAT)
    node = load(text, report)
    if [problem.code for problem in report.problems()] == ["empty"]:
        return Settings(folder)
    values = read(SETTINGS, node, "", report)
    if isinstance(values, dict) and isinstance(node, MapNode):
        _across(Given(cast("dict[str, object]", values), node, "", report))
    if report.failed or not isinstance(values, dict):
        raise SpecError(report.problems())
    return _build(cast("dict[str, Any]", values), folder)


def _build(values: dict[str, Any], folder: str) -> Settings:
    known = {FIELDS.get(name, name): value for name, value in values.items()}
    if "public_url" in known:
        known["public_url"] = known["public_url"].removesuffix("/")
    return replace(Settings(folder), **known)


def _across(given: Given) -> None:
    if given.has("oidc") and given.lacks("publicUrl"):
        given.missing(
            "publicUrl", "`oidc` needs `publicUrl`", "the provider sends people back there after they signed in"
        )
    notify = given.values.get("notify")
    if isinstance(notify, NotifySettings) and given.lacks("publicUrl") and any(c.approver for c in notify.channels):
        given.missing("publicUrl", "an `approver` needs `publicUrl`", "approval links lead there")
    if given.has("tls") and given.values.get("insecureHttp") is True:
        given.wrong("insecureHttp", "exclusive", "`tls` and `insecureHttp` exclude each other", "keep `tls`")
    url = str(given.values.get("publicUrl", ""))
    if given.has("tls") and url.startswith("http://"):
        given.wrong("publicUrl", "not_allowed", "with `tls` the controller is reached by https", f"https{url[4:]}")


def settings_example() -> str:
    """The annotated example that comes with the package."""
    return resources.files("ferryman.spec").joinpath("examples", "settings", "ferry.yaml").read_text(encoding="utf-8")


def settings_schema() -> Schema:
    """The JSON Schema (draft 2020-12), for editors."""
    return {"$schema": DIALECT, "title": "Ferryman settings file", "description": SETTINGS.doc, **SETTINGS.schema()}


def settings_schema_text() -> str:
    """The schema as the text of its file in docs/reference."""
    return json.dumps(settings_schema(), indent=2, ensure_ascii=False) + "\n"


def settings_markdown() -> str:
    """The reference page."""
    parts = [INTRODUCTION.format(doc=SETTINGS.doc), _section(SETTINGS, "Keys")]
    parts += [_section(keys, keys.title) for keys in SECTIONS]
    parts += [_section(keys, keys.title) for keys in (RULE, *NOTIFY_SECTIONS, SECRETS)]
    parts.append("\n".join(("## Example", "", "```yaml", settings_example().rstrip("\n"), "```", "")))
    return "\n".join(parts)


def _section(keys: Keys, title: str) -> str:
    return "\n".join((f"## {title}", "", keys.doc, "", *key_table(keys.keys))) + "\n"
