"""Secrets in a settings file or a release file: named, never written."""

from __future__ import annotations

import msgspec

from ferryman.model.secret import Secret
from ferryman.spec.kinds import BAD, Schema, Text
from ferryman.spec.nodes import MapNode, Node
from ferryman.spec.report import Report
from ferryman.spec.shapes import Given, Key, Keys

# A wrong one may be the secret itself, so its text is never shown.
_NAME = Text(
    label="name", pattern=r"[A-Za-z_][A-Za-z0-9_]*", rule="letters, digits, underscores", most=200, hidden=True
)
_PATH = Text(label="path", most=1000)


def _secret(given: Given) -> object:
    env, file = given.values.get("env"), given.values.get("file")
    return BAD if env is None and file is None else Secret(str(env or ""), str(file or ""))


_KEYS = Keys(
    title="Secrets",
    doc="Where a secret is found. It never stands in this file itself.",
    keys=(
        Key("env", _NAME, "Environment variable of the controller that holds it."),
        Key("file", _PATH, "File that holds it, seen from this file; a line end after it does not count."),
    ),
    exclusive=(("env",), ("file",)),
    one_of=True,
    build=_secret,
)
SECRETS = _KEYS


class SecretPlace(msgspec.Struct, frozen=True):
    """`{env: NAME}` or `{file: PATH}`; a literal one is refused and not shown."""

    label: str = "[secret](#secrets)"

    def read(self, node: Node, path: str, report: Report) -> object:
        if isinstance(node, MapNode):
            return _KEYS.read(node, path, report)
        report.add(
            node.mark,
            path,
            "(hidden)",
            "not_allowed",
            "a secret stands in the file",
            "write `{env: NAME}` or `{file: PATH}` instead, and take what stood here out of use: others may have seen it",
        )
        return BAD

    def schema(self) -> Schema:
        return _KEYS.schema()
