"""Finding and reading the settings file of a controller, and the secrets it names."""

from __future__ import annotations

import os
from pathlib import Path

from ferryman.model.errors import ControllerError, UsageError
from ferryman.model.secret import Secret
from ferryman.model.settings import Settings
from ferryman.spec.settings import parse_settings

SETTINGS_FILE = "ferry.yaml"
SECRET_BYTES_MAX = 64 * 1024


def load_settings(project: Path, given: Path | None = None) -> Settings:
    """The settings of the file `given`, else of `ferry.yaml` in the project folder, else the defaults. Raises `SpecError`
    with every problem, `UsageError` (``no_settings``) for a file that cannot be read."""
    path = given or project / SETTINGS_FILE
    if given is None and not path.exists():
        return Settings(str(project))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not text in UTF-8"
        raise UsageError(
            "no_settings", f"cannot read the settings {path}: {why}", "`--config` names another file"
        ) from None
    return parse_settings(text, str(path) if given else SETTINGS_FILE, str(path.absolute().parent))


def read_secret(secret: Secret, settings: Settings, what: str) -> str:
    """The value of a secret now; `what` says in messages whose it is. A file's last line end does not count. Raises
    `ControllerError` (``secret_missing``) when it is not there or empty; its text is never in a message."""
    value, place, why = "", f"the environment variable {secret.env}", "is not set or empty"
    if secret.env:
        value = os.environ.get(secret.env, "")
    else:
        path = Path(settings.place(secret.file))
        place, why = f"the file {path}", "is empty"
        try:
            with path.open("rb") as file:
                data = file.read(SECRET_BYTES_MAX + 1)
            value = data.decode().removesuffix("\n").removesuffix("\r") if len(data) <= SECRET_BYTES_MAX else ""
            why = why if len(data) <= SECRET_BYTES_MAX else f"is larger than {SECRET_BYTES_MAX} bytes"
        except OSError as problem:
            why = f"cannot be read: {problem.strerror}"
        except UnicodeDecodeError:
            why = "is not text in UTF-8"
    if not value:
        raise ControllerError("secret_missing", f"{what}: {place} {why}", "put the secret there, then start again")
    return value
