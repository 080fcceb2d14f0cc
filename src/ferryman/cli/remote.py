"""A controller on another machine: its URL (`--url`, FERRY_URL), and the token kept for it.

Tokens lie in a file of this user alone, `~/.config/ferryman/tokens`, written by `ferry login`; FERRY_TOKEN goes before it.
"""

from __future__ import annotations

import os
import ssl
from contextvars import ContextVar
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ferryman.model.errors import UsageError
from ferryman.model.settings import LOOPBACK_HOSTS

URL_VARIABLE, TOKEN_VARIABLE, CA_VARIABLE = "FERRY_URL", "FERRY_TOKEN", "FERRY_CA_FILE"
INSECURE_VARIABLE = "FERRY_INSECURE_HTTP"
FILE_MODE = 0o600


class Remote(msgspec.Struct, frozen=True):
    """Where, with which token ("" for none), and whose certificates to trust besides the system's ("" for no others)."""

    url: str
    token: str
    ca_file: str

    def trusted(self) -> ssl.SSLContext | bool:
        """For the TLS of a client: True is what the system trusts. Raises `UsageError` (``bad_ca_file``)."""
        if not self.ca_file:
            return True
        try:
            context = ssl.create_default_context()
            context.load_verify_locations(self.ca_file)
        except (OSError, ssl.SSLError) as problem:
            why = problem.strerror or str(problem)
            raise UsageError("bad_ca_file", f"{self.ca_file} holds no certificate: {why}", "a file in PEM") from None
        return context


class Kept(msgspec.Struct, frozen=True):
    """What is kept of one controller."""

    token: str
    ca_file: str = ""


_asked: ContextVar[tuple[str, str]] = ContextVar("asked", default=("", ""))


def choose(url: str | None, ca_file: str | None) -> None:
    """From here on commands are about the controller at this URL; without one, about that of the project."""
    _asked.set((url or os.environ.get(URL_VARIABLE, ""), ca_file or os.environ.get(CA_VARIABLE, "")))


def chosen() -> Remote | None:
    """The controller that was chosen, with its token; None: that of the project. Raises `UsageError`."""
    url, ca_file = _asked.get()
    if not url:
        return None
    url = checked_url(url)
    kept = read_tokens().get(url, Kept(""))
    return Remote(url, os.environ.get(TOKEN_VARIABLE, "") or kept.token, ca_file or kept.ca_file)


def checked_url(text: str) -> str:
    """The URL in its one form. Raises `UsageError`: ``bad_url``, ``insecure_url`` for one over which a token would pass
    readable."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.path.strip("/")
        or parts.query
        or port == -1
    ):
        raise UsageError("bad_url", f"{text!r} is not the URL of a controller", "write https://HOST:PORT")
    if parts.username is not None:
        raise UsageError("bad_url", "the URL holds a user name or password", "`ferry login URL` keeps a token")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme == "http" and host not in LOOPBACK_HOSTS and not os.environ.get(INSECURE_VARIABLE):
        raise UsageError(
            "insecure_url", f"over {text} the token would pass readable", f"use https, or set {INSECURE_VARIABLE}=1"
        )
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def tokens_file() -> Path:
    """Where tokens are kept."""
    folder = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(folder) / "ferryman" / "tokens"


def read_tokens() -> dict[str, Kept]:
    """What is kept, by URL. Raises `UsageError`: ``tokens_exposed`` for a file that others can read, ``tokens_damaged``."""
    path = tokens_file()
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise UsageError(
                    "tokens_exposed", f"others can read {path}", f"chmod 600 {path}, and revoke the tokens"
                )
            return msgspec.json.decode(file.read(), type=dict[str, Kept])
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise UsageError("tokens_damaged", f"cannot read {path}: {problem.strerror}", "make it readable") from None
    except msgspec.DecodeError as problem:
        raise UsageError("tokens_damaged", f"{path} is damaged: {problem}", "remove it, and log in again") from None


def keep_token(url: str, kept: Kept | None) -> Path:
    """Keep a token, or with None forget it; the file. Raises OSError, `UsageError` as `read_tokens`."""
    path = tokens_file()
    known = read_tokens()
    if kept is None:
        known.pop(url, None)
    else:
        known[url] = kept
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n")
    new.replace(path)
    return path
