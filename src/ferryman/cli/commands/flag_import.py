"""`ferry flags import`: flags of another system as a flags file."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from ferryman.cli.context import OK, Context
from ferryman.flags.definition import DEFAULT_ENVIRONMENT, digest_of
from ferryman.flags.importing.base import OFF_THERE, Choice, Imported, UnreadableError
from ferryman.flags.importing.readers import import_flags
from ferryman.model.errors import SpecError, UsageError
from ferryman.spec.flags import parse_flags
from ferryman.spec.writing import yaml_text

EXPORT_BYTES_MAX = 50_000_000
LIFE_DAYS = 90
"""How long an imported release flag may live, if nobody says."""


def run(context: Context) -> int:
    """Print the flags file, and tell what to look at."""
    args = context.args
    expires = args.expires or (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=LIFE_DAYS)).isoformat()
    imported = _read(args.export, args.system or "", Choice(args.owner, expires, args.environment))
    flags = cast("dict[str, Any]", imported.document.get("flags", {}))
    _keep_native(flags, imported)
    notes = _into(args.into or [DEFAULT_ENVIRONMENT], flags, imported.notes)
    context.out.say(yaml_text(imported.document, notes).rstrip("\n"))
    for note in notes:
        context.out.remark(f"note: {note}")
    context.out.remark(f"{len(flags)} flags; nothing was written. Look through them, then `ferry flags set FILE`")
    context.out.emit({"document": imported.document, "notes": notes})
    return OK


def _into(names: list[str], flags: dict[str, Any], notes: Sequence[str]) -> tuple[str, ...]:
    """What is off there is off in these environments; the notes say so too."""
    for flag in flags.values():
        if places := flag.get("environments"):
            place = places[DEFAULT_ENVIRONMENT]
            flag["environments"] = dict.fromkeys(names, place)
    said = OFF_THERE.replace(f"`{DEFAULT_ENVIRONMENT}`", " and ".join(f"`{name}`" for name in names))
    return tuple(note.replace(OFF_THERE, said) for note in notes)


def _keep_native(flags: dict[str, Any], imported: Imported) -> None:
    """What is kept of the other system counts until the flag is edited: its digest says so. A flag that is not right yet has to
    be edited anyway."""
    for key, native in imported.native.items():
        try:
            made = parse_flags(yaml_text({"flags": {key: flags[key]}}), "").defined.flags[key]
        except SpecError:
            continue
        flags[key]["imported"] = {"system": native.system, "digest": digest_of(made), "body": native.body}


def _read(name: str, system: str, choice: Choice) -> Imported:
    try:
        content = sys.stdin.buffer.read(EXPORT_BYTES_MAX + 1) if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError("no_such_file", f"{name}: {error.strerror}", "name the file of the export, or -") from error
    if len(content) > EXPORT_BYTES_MAX:
        raise UsageError("too_large", f"{name} is larger than {EXPORT_BYTES_MAX // 1_000_000} MB", "export fewer flags")
    try:
        document = json.loads(content)
        if not isinstance(document, dict):
            raise UnreadableError("it is no JSON object")
        return import_flags(cast("dict[str, Any]", document), choice, system)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "no_export", f"{name} cannot be imported: {error}", "say whose export it is: --from SYSTEM"
        ) from error
