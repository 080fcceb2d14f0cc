"""What SQLite and the operating system complain about, as `StoreError` with the file and what to do about it.

Result codes: https://www.sqlite.org/rescode.html; the low byte is the primary one.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from ferryman.model.errors import StoreError

DISK_SPARE_BYTES = 1024 * 1024
"""With less than this free, an input or output error counts as a full disk: SQLite does not always know the reason."""

_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY_ERRNOS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_READ_ONLY = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_ONE_WRITE_ONLY = frozenset(
    {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_FULL}
)
_KEEPS_CONNECTION = frozenset({*_ONE_WRITE_ONLY, *_LOCKED})


def primary_code(error: BaseException) -> int:
    """The primary SQLite result code; 0 when the error is not from SQLite itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF if isinstance(error, sqlite3.Error) else 0


def is_locked(error: BaseException) -> bool:
    """Whether another process holds the file."""
    return primary_code(error) in _LOCKED


def may_be_one_write(error: BaseException) -> bool:
    """Whether one write of a group may have failed while the others would succeed alone."""
    if isinstance(error, sqlite3.Error):
        return primary_code(error) in _ONE_WRITE_ONLY
    return not isinstance(error, OSError | StoreError)


def keeps_connection(error: BaseException) -> bool:
    """Whether the connection is as good as before once the transaction is rolled back."""
    return primary_code(error) in _KEEPS_CONNECTION or not isinstance(error, sqlite3.Error | OSError | StoreError)


def translated(error: Exception, path: Path) -> Exception:
    """The `StoreError` for an error of SQLite or of the operating system; any other error as it is."""
    if isinstance(error, sqlite3.Error):
        found = _from_sqlite(error, path)
    elif isinstance(error, OSError):
        found = _from_system(error, path)
    else:
        return error
    found.__cause__ = error
    return found


def moved(path: Path) -> StoreError:
    """The error for a file that was deleted or replaced while in use: writes would go where nobody finds them."""
    return StoreError(
        "store_moved",
        f"{path} was moved, deleted or replaced while in use; nothing more is written to it",
        "put the file back, with its -wal file, or restart on the one that is there now",
    )


def _from_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_nearly_full(path)):
        return _full(path, error)
    if code in _READ_ONLY or (code == sqlite3.SQLITE_CANTOPEN and not os.access(path.parent, os.W_OK)):
        return _read_only(path, error)
    if code in _LOCKED:
        return StoreError(
            "store_locked",
            f"{path} is locked by another process ({error})",
            f"end what holds it (`fuser {path}` names it), then try again",
        )
    if code in _CORRUPT:
        return StoreError(
            "store_corrupt",
            f"{path} is damaged or no event log ({error})",
            "keep it aside with its -wal and -shm files, and restore a copy or name another state folder",
        )
    return _failed(path, error)


def _from_system(error: OSError, path: Path) -> StoreError:
    if error.errno in _FULL_ERRNOS:
        return _full(path, error)
    if error.errno in _READ_ONLY_ERRNOS:
        return _read_only(path, error)
    return _failed(path, error)


def _full(path: Path, error: Exception) -> StoreError:
    return StoreError(
        "disk_full",
        f"{path}: the disk is full ({error}); nothing of this write is kept",
        f"free space under {path.parent}; writing works again as soon as there is some, without a restart",
    )


def _read_only(path: Path, error: Exception) -> StoreError:
    return StoreError(
        "store_read_only",
        f"{path} cannot be written ({error})",
        f"make {path.parent} and the files in it writable for this user, or name another state folder",
    )


def _failed(path: Path, error: Exception) -> StoreError:
    return StoreError("store_failed", f"{path}: {error}", f"look at the disk and the rights of {path.parent}")


def _is_nearly_full(path: Path) -> bool:
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < DISK_SPARE_BYTES
