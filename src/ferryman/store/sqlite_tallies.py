"""The statements of the counts, and the functions that run them on a connection, as `sqlite_sql` does for events."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ferryman.model.errors import StoreError
from ferryman.store.sqlite_sql import reading
from ferryman.store.tallies import TALLIES_MAX, Tallied, TallyRow, added, in_days

_COLUMNS = "begin, environment, flag, variant, evaluations, requests, failures, durations"
_PUT = f"({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
PUT_MINUTE = f"INSERT OR REPLACE INTO exposure_minute {_PUT}"
PUT_DAY = f"INSERT OR REPLACE INTO exposure_day {_PUT}"
_ROW = "begin, environment, flag, variant, evaluations, requests, failures, CAST(durations AS BLOB) FROM"
MINUTES = f"SELECT {_ROW} exposure_minute WHERE begin >= ? ORDER BY begin, environment, flag, variant"
OLD_MINUTES = f"""
    SELECT {_ROW} exposure_minute WHERE begin < ? ORDER BY begin, environment, flag, variant LIMIT ?"""
DROP_MINUTE = "DELETE FROM exposure_minute WHERE begin = ? AND environment = ? AND flag = ? AND variant = ?"
DAYS = f"SELECT {_ROW} exposure_day WHERE environment = ? AND flag = ? AND begin >= ? ORDER BY begin, variant"
DAY = f"SELECT {_ROW} exposure_day WHERE begin = ? AND environment = ? AND flag = ? AND variant = ?"
DROP_DAYS = """
    DELETE FROM exposure_day WHERE (environment, flag, begin, variant) IN
      (SELECT environment, flag, begin, variant FROM exposure_day WHERE begin < ? LIMIT ?)"""
TALLIED = """
    SELECT environment, flag, min(begin), max(CASE WHEN evaluations > 0 THEN begin END) FROM
      (SELECT environment, flag, begin, evaluations FROM exposure_minute
       UNION ALL SELECT environment, flag, begin, evaluations FROM exposure_day)
    GROUP BY environment, flag ORDER BY environment, flag"""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[int, ...]).decode


def put(connection: sqlite3.Connection, rows: Sequence[TallyRow]) -> None:
    """Write minutes within a transaction."""
    connection.executemany(PUT_MINUTE, map(_stored, rows))


def minutes(connection: sqlite3.Connection, since: int) -> tuple[TallyRow, ...]:
    """Read minutes in order."""
    return tuple(_read(connection.execute(MINUTES, (since,))))


def days(connection: sqlite3.Connection, environment: str, flag: str, since: int) -> tuple[TallyRow, ...]:
    """Read days of a flag in order."""
    return tuple(_read(connection.execute(DAYS, (environment, flag, since))))


def tallied(connection: sqlite3.Connection) -> tuple[Tallied, ...]:
    """Read between when each flag was counted."""
    with reading(connection):
        return tuple(Tallied(*row) for row in connection.execute(TALLIED))


def age(connection: sqlite3.Connection, before: int, forget_before: int) -> int:
    """Add old minutes up and forget old days, within a transaction; how many minutes."""
    old = list(_read(connection.execute(OLD_MINUTES, (before, TALLIES_MAX))))
    for day in in_days(old):
        known = next(_read(connection.execute(DAY, day[:4])), None)
        connection.execute(PUT_DAY, _stored(day if known is None else added(known, day)))
    connection.executemany(DROP_MINUTE, (row[:4] for row in old))
    connection.execute(DROP_DAYS, (forget_before, TALLIES_MAX))
    return len(old)


def _stored(row: TallyRow) -> tuple[int | str, ...]:
    return (*row[:7], _encode(row.durations).decode())


def _read(rows: Iterable[tuple[int, str, str, str, int, int, int, bytes]]) -> Iterator[TallyRow]:
    for row in rows:
        try:
            yield TallyRow(*row[:7], _decode(row[7]))
        except msgspec.DecodeError as error:
            raise StoreError(
                "store_corrupt",
                f"the counts of {row[2]!r} from {row[0]} on cannot be read: {error}",
                "the file was changed or damaged: restore it from a copy",
            ) from error
