"""A document as YAML text, for people to go on with."""

from __future__ import annotations

import io
from collections.abc import Mapping

from ruamel.yaml import YAML

WIDTH = 120


def yaml_text(document: Mapping[str, object], remarks: tuple[str, ...] = ()) -> str:
    """The document, its innermost collections on one line each, below `remarks` as comments."""
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = WIDTH
    text = io.StringIO()
    yaml.dump(document, text)  # pyright: ignore[reportUnknownMemberType]
    return "".join([*(f"# {each}\n" for each in remarks), text.getvalue()])
