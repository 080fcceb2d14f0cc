"""The JSON Schema of a release file, for editors: made from the table, so it knows every key that the parser knows.

It is a first line. Rules across sections (health for traffic, weights that rise) are the parser's alone.
"""

from __future__ import annotations

import json

from ferryman.spec.kinds import Schema
from ferryman.spec.table import ROOT

OF_A_FLAG: Schema = {
    "description": "One that runs nothing.",
    "anyOf": [{"const": "flag"}, {"type": "object", "required": ["flag"]}],
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Schema:
    """The schema as builtin values (draft 2020-12)."""
    runs: Schema = {"anyOf": [{"required": ["run"]}, {"required": ["strategy"], "properties": {"strategy": OF_A_FLAG}}]}
    head: Schema = {"$schema": DIALECT, "title": "Ferryman release file", "description": ROOT.doc}
    return head | ROOT.schema() | runs


def json_schema_text() -> str:
    """The schema as the text of its file in docs/reference."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
