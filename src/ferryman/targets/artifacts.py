"""Copies of a project's files, so that what a revision runs stays what it was: ``artifacts/<digest>`` in the state folder.

Blocking; meant for a thread.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from ferryman.model.errors import UsageError
from ferryman.targets.files import sync_folder

EXCLUDED_NAMES = frozenset({".git", ".venv", "__pycache__", "node_modules", ".ferryman"})
DIGEST_CHARACTERS = 16
FILES_MAX = 50_000
BYTES_MAX = 2 * 1024**3
SYNC_EACH_MAX = 50
BLOCK_BYTES = 1024 * 1024
SCRATCH_SECONDS = 3600.0
_ARTIFACT = re.compile(r"[0-9a-f]{16}")
_SCRATCH = re.compile(r"\.[0-9a-f]{16}\.tmp")


class _Entry(msgspec.Struct, frozen=True):
    """One thing to copy, `name` relative to the project. `kind`: folder, file or link."""

    name: str
    kind: str
    path: Path


def snapshot_files(project: Path, files: tuple[str, ...], state_folder: Path) -> str:
    """Copy these files and folders of `project` and return the digest that names the copy.

    The digest (16 hex digits of SHA-256 over names, contents and executable bits) is of what was copied, so the same
    content is kept once. Folders named .git, .venv, __pycache__, node_modules and .ferryman, and the state folder, are
    left out. A symbolic link is copied as a link if it leads to something that is copied too. The copy appears whole or
    not at all. Raises `UsageError` for a path that is missing, leads out of the project, is neither file nor folder, or
    if there is too much; OSError if it cannot be read or written.
    """
    root = project.resolve()
    entries = _collect(root, files, state_folder.resolve())
    folder = state_folder / "artifacts"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = folder / f".{secrets.token_hex(8)}.tmp"
    scratch.mkdir(mode=0o700)
    try:
        digest = _copy(entries, scratch)
        _make_durable(entries, scratch)
        final = folder / digest
        if not final.exists():
            try:
                scratch.rename(final)
                sync_folder(folder)
            except OSError:
                if not final.is_dir():  # else somebody else has just made the same copy
                    raise
        return digest
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def prune_artifacts(state_folder: Path, keep: Collection[str]) -> list[str]:
    """Delete all copies but those in `keep`, and what interrupted copying left an hour ago; returns the digests deleted.
    The caller keeps those of living instances, of undo targets and of releases under way."""
    folder = state_folder / "artifacts"
    deleted: list[str] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        old = _SCRATCH.fullmatch(path.name) and time.time() - path.stat().st_mtime > SCRATCH_SECONDS
        unwanted = _ARTIFACT.fullmatch(path.name) and path.name not in keep
        if old or unwanted:
            # Renamed first: half a copy never stands under the name of a whole one.
            grave = folder / f".{secrets.token_hex(8)}.tmp"
            path.rename(grave)
            shutil.rmtree(grave, ignore_errors=True)
        if unwanted:
            deleted.append(path.name)
    return deleted


def _collect(root: Path, files: tuple[str, ...], state_folder: Path) -> list[_Entry]:
    entries: dict[str, _Entry] = {}
    for given in files:
        for entry in _walk(root, root / _inside(root, given), given, state_folder):
            entries[entry.name] = entry
            if len(entries) > FILES_MAX:
                raise UsageError(
                    "artifact_too_big",
                    f"more than {FILES_MAX} files would be copied, the last from {given!r}",
                    "name only what the command needs under `files`",
                )
    for name in list(entries):
        for parent in Path(name).parents:
            if parent != Path():
                entries.setdefault(str(parent), _Entry(str(parent), "folder", root / parent))
    for entry in entries.values():
        if entry.kind == "link":
            _check_link(root, entry, entries)
    return [entries[name] for name in sorted(entries)]


def _inside(root: Path, given: str) -> Path:
    """The path relative to the project, for what is really in it."""
    path = Path(os.path.normpath(root / given))
    real_parent = root if path == root else path.parent.resolve()
    if not path.is_relative_to(root) or not real_parent.is_relative_to(root):
        raise UsageError(
            "artifact_outside_project",
            f"{given!r} leads out of the project {root}",
            "copy it into the project, or leave it out of `files`",
        )
    if not os.path.lexists(path):
        raise UsageError(
            "artifact_missing", f"{given!r} does not exist in {root}", "correct the path under `files`, or create it"
        )
    return path.relative_to(root)


def _walk(root: Path, path: Path, given: str, state_folder: Path) -> Iterator[_Entry]:
    name, mode = str(path.relative_to(root)), path.lstat().st_mode
    if stat.S_ISLNK(mode):
        yield _Entry(name, "link", path)
    elif stat.S_ISREG(mode):
        yield _Entry(name, "file", path)
    elif stat.S_ISDIR(mode):
        if path != root:
            yield _Entry(name, "folder", path)
        for child in sorted(path.iterdir()):
            if child.name not in EXCLUDED_NAMES and child != state_folder:
                yield from _walk(root, child, given, state_folder)
    else:
        raise UsageError(
            "artifact_not_a_file",
            f"{name!r} (from {given!r}) is neither file, folder nor link",
            "leave it out of `files`",
        )


def _check_link(root: Path, entry: _Entry, entries: dict[str, _Entry]) -> None:
    target = entry.path.readlink()
    leads_to = Path(os.path.normpath(entry.path.parent / target))
    if target.is_absolute() or not leads_to.is_relative_to(root):
        raise UsageError(
            "artifact_outside_project",
            f"the link {entry.name!r} leads to {str(target)!r}, which is not in the copy",
            "make it a relative link inside the project, or leave it out of `files`",
        )
    if str(leads_to.relative_to(root)) not in entries:
        raise UsageError(
            "artifact_missing",
            f"the link {entry.name!r} leads to {str(target)!r}, which is not copied",
            f"add {str(leads_to.relative_to(root))!r} to `files`",
        )


def _copy(entries: list[_Entry], scratch: Path) -> str:
    digest = hashlib.sha256()
    room = BYTES_MAX
    for entry in entries:
        here = scratch / entry.name
        digest.update(f"{entry.kind}\0{entry.name}\0".encode(errors="surrogateescape"))
        if entry.kind == "folder":
            here.mkdir(mode=0o755)
        elif entry.kind == "link":
            target = entry.path.readlink()
            here.symlink_to(target)
            digest.update(os.fsencode(target))
        else:
            size, content = _copy_file(entry.path, here, room)
            room -= size
            digest.update(content)
    return digest.hexdigest()[:DIGEST_CHARACTERS]


def _make_durable(entries: list[_Entry], scratch: Path) -> None:
    """Of a few files each is synced; of many, all that the machine has to write at once: each would wait its turn."""
    if len(entries) > SYNC_EACH_MAX:
        os.sync()
        return
    for entry in entries:
        if entry.kind != "link":
            descriptor = os.open(scratch / entry.name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    sync_folder(scratch)


def _copy_file(source: Path, target: Path, room: int) -> tuple[int, bytes]:
    """Copy; returns the size and the digest of content and executable bit. The source must not be a link by now
    either: it might have been exchanged for one since it was looked at."""
    digest, size = hashlib.sha256(), 0
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(reading, "rb", buffering=0) as file, target.open("wb", buffering=0) as copy:
        executable = bool(os.fstat(reading).st_mode & 0o111)
        while block := file.read(BLOCK_BYTES):
            size += len(block)
            if size > room:
                raise UsageError(
                    "artifact_too_big",
                    f"more than {BYTES_MAX // 1024**2} MiB would be copied, the last from {str(source)!r}",
                    "name only what the command needs under `files`",
                )
            copy.write(block)
            digest.update(block)
        os.fchmod(copy.fileno(), 0o755 if executable else 0o644)
    return size, digest.digest() + bytes([executable])
