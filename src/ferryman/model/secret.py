"""Where a secret is found; its value is never part of the model."""

from __future__ import annotations

import msgspec


class Secret(msgspec.Struct, frozen=True):
    """Where a secret is found: the environment variable `env`, or the file `file`; the other is empty. The value is read
    when it is used and never kept here."""

    env: str = ""
    file: str = ""
