"""The dashboard's files, as they were built into the package: read once, served from memory.

Names of files below `assets/` hold a hash of their content, so that a browser may keep them for ever; the page itself is
asked for again each time. The policy allows scripts, styles, fonts and connections of this origin only, nothing inline.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
PAGE = "index.html"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
FILES_MAX = 200

PAGES = re.compile(r"(?:|services/.*|flags|flags/.*|stale-flags|history|audit|settings|sign-in)")
"""Paths that the page itself takes apart; `web/src/router.ts` knows the same ones."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
NOT_BUILT = b"""The dashboard is not built into this installation.

In a checkout: python hatch_build.py, then start the controller again.
The API is at /v1, and `ferry status -w` shows the same in the terminal.
"""


@dataclass(frozen=True)
class File:
    """One file; `packed` is the same gzipped, where it was packed."""

    body: bytes
    packed: bytes | None
    media_type: str
    cache: str
    tag: str


class Site:
    """All files of a folder. Without the folder there is one page, which says so."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = dict(_read(folder)) if folder.is_dir() else {}

    @property
    def built(self) -> bool:
        """Whether there is a dashboard."""
        return PAGE in self._files

    def answer(self, request: Request, path: str) -> Response | None:
        """The answer for a path without its leading slash; None when nothing is there."""
        file = self._files.get(path)
        if file is None and PAGES.fullmatch(path):
            if not self.built:
                return Response(NOT_BUILT, 404, HEADERS, "text/plain")
            file = self._files[PAGE]
        return None if file is None else _respond(request, file)


def _respond(request: Request, file: File) -> Response:
    packs = file.packed is not None and "gzip" in request.headers.get("accept-encoding", "").lower()
    tag = f'"{file.tag}-gz"' if packs else f'"{file.tag}"'
    headers = {**HEADERS, "cache-control": file.cache, "etag": tag}
    if file.packed is not None:
        headers["vary"] = "accept-encoding"
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    if packs:
        headers["content-encoding"] = "gzip"
    return Response(file.packed if packs else file.body, 200, headers, file.media_type)


def _read(folder: Path) -> list[tuple[str, File]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(paths) <= FILES_MAX, f"{len(paths)} files in {folder}"
    return [(str(path.relative_to(folder)), _file(folder, path)) for path in paths if path.suffix != ".gz"]


def _file(folder: Path, path: Path) -> File:
    body = path.read_bytes()
    packed = path.with_name(f"{path.name}.gz")
    hashed = path.is_relative_to(folder / "assets")
    return File(
        body=body,
        packed=packed.read_bytes() if packed.is_file() else None,
        media_type=_media_type(path),
        cache=FOR_EVER if hashed else ASK_AGAIN,
        tag=hashlib.sha256(body).hexdigest()[:20],
    )


def _media_type(path: Path) -> str:
    known = {
        ".js": "text/javascript",
        ".woff2": "font/woff2",
        ".svg": "image/svg+xml",
        ".webmanifest": "application/json",
    }
    return known.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
